"""The administrator's part of the HTTP API, on a transport in memory."""

from __future__ import annotations

import json
import os
from typing import Any
from urllib.parse import quote

from twisted.logger import globalLogPublisher

from tests.support.pipe import Client
from tests.unit.api.test_http import ApiTestCase, Response

KEY = "a-key-for-these-tests"
UNKNOWN_ID = "0" * 32


class AdminCase(ApiTestCase):
    def setUp(self) -> None:
        self.patch(os, "environ", os.environ | {"GIM_ADMIN_KEY": KEY})
        super().setUp()

    def shown(self, method: str, path: str, key: str = KEY, body: bytes = b"") -> Response:
        return self.request(method, f"/v1/admin{path}", body, X_API_Key=key)

    def refused(self, method: str, path: str, **fields: Any) -> int:
        code = self.shown(method, path, body=json.dumps(fields).encode()).envelope["code"]
        self.assertGreater(code, 0)
        return int(code)

    def admin(self, method: str, path: str, **fields: Any) -> Any:
        body = json.dumps(fields).encode() if fields else b""
        envelope = self.shown(method, path, body=body).envelope
        self.assertEqual((envelope["code"], envelope["msg"]), (0, ""), envelope)
        self.pump()
        return envelope["data"]

    def room(self, *names: str) -> list[Client]:
        clients = [self.user(name) for name in names]
        for client in clients:
            self.data(client, 301, id="den")
        return clients


class NoKeyTests(ApiTestCase):
    def test_without_a_key_there_are_no_such_routes(self) -> None:
        for path in ("/v1/admin", "/v1/admin/statistics", "/v1/admin/none"):
            response = self.request("GET", path, X_API_Key="None")
            self.assertEqual(response.envelope["code"], 404)


class KeyTests(AdminCase):
    def test_a_missing_or_wrong_key_is_refused_before_path_method_and_body_are_looked_at(self) -> None:
        for method, path in (
            ("GET", ""),
            ("GET", "/statistics"),
            ("PUT", "/none"),
            ("POST", "/messages"),
            ("GET", "/%FF%2F"),
            ("BREW", "/"),
        ):
            for key in ("", "x", KEY[:-1], KEY + "x", KEY.upper(), "\xff" * 16):
                response = self.shown(method, path, key, b"{" * 100_000)
                self.assertEqual(response.envelope["code"], 401, (method, path, key))
                self.assertEqual(response.headers["www-authenticate"], "x-api-key")

    def test_a_path_is_below_it_however_it_is_written(self) -> None:
        for path in ("/v1/%61dmin/statistics", "/%76%31/admin/statistics"):
            self.assertEqual(self.request("GET", path).envelope["code"], 401)
            self.assertEqual(self.request("GET", path, X_API_Key=KEY).envelope["code"], 0)

    def test_the_key_opens_nothing_else_and_tokens_do_not_open_this(self) -> None:
        self.assertEqual(self.request("GET", "/v1/sessions", X_API_Key=KEY).envelope["code"], 401)
        token = self.token("ann")
        response = self.request("GET", "/v1/admin/statistics", token=token)
        self.assertEqual(response.envelope["code"], 401)

    def test_with_the_key_an_unknown_path_is_a_404_and_a_wrong_method_a_405(self) -> None:
        self.assertEqual(self.refused("GET", "/none"), 404)
        response = self.shown("POST", "/statistics")
        self.assertEqual((response.status, response.headers["allow"]), (405, "get, head"))
        self.assertEqual(self.shown("PUT", "/chatrooms/den", body=b"{" * 100_000).status, 413)

    def test_the_key_is_not_logged(self) -> None:
        events: list[Any] = []
        observe: Any = events.append
        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        for key in (KEY, f"{KEY}x"):
            self.shown("GET", "/statistics", key)
        logged = str([event for event in events if event.get("path") == "/v1/admin/statistics"])
        self.assertIn("'status': 401", logged)
        self.assertNotIn(KEY, logged)


class MessageTests(AdminCase):
    def test_the_system_writes_to_a_user_who_reads_it_in_a_session_of_its_own(self) -> None:
        ann = self.user("ann")
        sent = self.admin("POST", "/messages", type=2, target_id="ann", content="hello")
        (push,) = self.pushes(ann)
        self.assertEqual(push["session"], {"id": "2:.:ann", "type": 2, "title": "system"})
        self.assertEqual(push["items"][0]["sender"], {"id": ".", "name": "system"})
        self.assertEqual(self.data(ann, 203, session_id="2:.:ann")["items"], push["items"])
        self.assertEqual(self.data(ann, 205)["items"][0]["id"], "2:.:ann")
        body = {"session_id": "2:ann:.", "message_id": sent["id"]}
        self.assertEqual(self.data(ann, 209, **body), {"unread": 0})

    def test_a_message_is_sent_as_any_user_with_the_name_they_have(self) -> None:
        ann, bob = self.user("ann", name="Ann"), self.user("bob")
        fields = {"type": 2, "target_id": "bob", "content": "hi", "sender_id": "ann"}
        first = self.admin("POST", "/messages", **fields, request_id="r")
        self.assertEqual(self.admin("POST", "/messages", **fields, request_id="r"), first)
        self.assertEqual((self.contents(ann), self.contents(bob)), ([["hi"]], [["hi"]]))
        self.assertEqual(self.pushes(bob)[0]["items"][0]["sender"], {"id": "ann", "name": "Ann"})

    def test_a_chatroom_takes_it_from_any_user_and_pushes_it_by_interval(self) -> None:
        (ann,) = self.room("ann")
        self.admin("PUT", "/chatrooms/den/members/ann/mute", seconds=60)
        for sender in ("", "ann", "eve"):
            self.admin("POST", "/messages", type=1, target_id="den", content=sender or "system")
        self.admin("POST", "/chatrooms/den/broadcasts", content="all", category="notice")
        self.advance(1.1)
        self.assertEqual(self.contents(ann), [["system"], ["ann", "eve", "all"]])
        self.assertEqual(self.pushes(ann)[-1]["items"][-1]["sender"]["id"], ".")
        self.assertEqual(self.refused("POST", "/chatrooms/none/broadcasts", content="x"), 404)

    def test_a_broadcast_is_pushed_to_all_who_are_logged_in_and_not_stored(self) -> None:
        ann, bob, stranger = self.user("ann"), self.user("bob"), self.connect()
        self.assertEqual(self.admin("POST", "/broadcasts", content="Maintenance at 5"), {})
        at_ms = int(self.clock.seconds() * 1000)
        event = {"type": "broadcast", "by": ".", "category": "text", "content": "Maintenance at 5"}
        for client in (ann, bob):
            self.assertEqual(self.events(client), [event | {"created_at": at_ms}])
            self.assertEqual(self.data(client, 205)["items"], [])
        self.assertEqual(stranger.packets, [])
        self.assertEqual(self.refused("POST", "/broadcasts", content="x" * 5000), 413)

    def test_any_message_is_recalled(self) -> None:
        ann, bob = self.user("ann"), self.user("bob")
        sent = self.data(ann, 201, type=2, target_id="bob", content="hi")
        self.clock.advance(3600)
        self.admin("DELETE", f"/sessions/2:ann:bob/messages/{sent['id']}")
        event = {"type": "recalled", "by": ".", "session_id": "2:ann:bob", "message_id": sent["id"]}
        self.assertEqual((self.events(ann), self.events(bob)), ([event], [event]))
        self.assertEqual(self.refused("DELETE", f"/sessions/2:ann:bob/messages/{UNKNOWN_ID}"), 404)
        self.assertEqual(self.refused("DELETE", "/sessions/2:ann:bob/messages/x"), 400)

    def test_bad_fields_are_named(self) -> None:
        good = {"type": 2, "target_id": "ann", "content": "x"}
        for bad in ({"type": 3}, {"content": ""}, {"category": "a b"}, {"request_id": ""}):
            (name,) = bad
            body = json.dumps(good | bad).encode()
            envelope = self.shown("POST", "/messages", body=body).envelope
            self.assertEqual((envelope["code"], envelope["msg"].partition(":")[0]), (400, name))
        self.assertEqual(self.refused("POST", "/messages", **good | {"sender_id": "."}), 400)
        self.assertEqual(self.refused("POST", "/messages", **good | {"target_id": "."}), 400)


class UserTests(AdminCase):
    def test_connections_are_listed_and_closed_with_3503(self) -> None:
        phone, desktop, bob = self.user("ann"), self.user("ann"), self.user("bob")
        items = self.admin("GET", "/users/ann/connections")["items"]
        self.assertEqual([list(item) for item in items], [["key", "node", "peer", "since"]] * 2)
        self.assertEqual(items[0]["since"], int(self.clock.seconds() * 1000))
        key = items[0]["key"]
        self.assertEqual(self.admin("DELETE", f"/users/ann/connections/{key}")["items"], items[:1])
        self.assertEqual(phone.closed[0] if phone.closed else None, 3503)
        self.assertEqual((desktop.closed, bob.closed), (None, None))
        self.assertEqual(self.admin("DELETE", "/users/ann/connections")["items"], items[1:])
        self.assertEqual(desktop.closed and desktop.closed[0], 3503)
        self.assertEqual(self.admin("GET", "/users/ann/connections"), {"items": []})
        self.assertEqual(self.refused("GET", f"/users/{quote('a b')}/connections"), 400)

    def test_a_ban_ends_connections_logins_and_tokens_and_then_itself(self) -> None:
        ann, token = self.user("ann"), self.token("ann")
        until = self.admin("PUT", "/users/ann/ban", seconds=60)["until"]
        now = int(self.clock.seconds() * 1000)
        self.assertEqual(until, now + 60_000)
        self.assertEqual(self.admin("GET", "/users/ann/ban"), {"since": now, "until": until})
        self.assertEqual(ann.closed and ann.closed[0], 3503)
        text = "you are banned for 60 s: wait until then"
        self.assertEqual(self.refusal(self.connect(), 101, id="ann"), (403, text))
        login = self.ask_http("POST", "/v1/login", id="ann")
        self.assertEqual((login["code"], login["msg"]), (403, text))
        self.assertEqual(self.ask_http("GET", "/v1/sessions", token)["code"], 403)
        self.clock.advance(61)
        self.assertEqual(self.ask_http("GET", "/v1/sessions", token)["code"], 401)
        self.assertEqual(self.admin("GET", "/users/ann/ban"), {"since": now, "until": 0})
        self.user("ann")
        self.http("GET", "/v1/sessions", self.token("ann"))

    def test_a_ban_can_be_ended(self) -> None:
        self.admin("PUT", "/users/ann/ban", seconds=60)
        self.admin("DELETE", "/users/ann/ban")
        self.user("ann")
        self.assertEqual(self.refused("PUT", "/users/ann/ban", seconds=0), 400)


class ChatroomTests(AdminCase):
    def test_a_chatroom_is_made_renamed_and_dismissed(self) -> None:
        self.admin("PUT", "/chatrooms/den", name="The den")
        self.assertEqual(self.refused("PUT", "/chatrooms/den"), 409)
        (ann,) = self.room("ann")
        self.assertEqual(self.data(ann, 305, id="den")["items"][0]["role"], "member")
        self.admin("PATCH", "/chatrooms/den", name="New")
        self.assertEqual(self.data(ann, 205)["items"][0]["title"], "New")
        self.admin("DELETE", "/chatrooms/den")
        self.assertEqual([event["type"] for event in self.events(ann)], ["renamed", "dismissed"])
        self.assertEqual(self.refused("DELETE", "/chatrooms/den"), 404)
        self.assertEqual(self.refused("PATCH", "/chatrooms/den", name=""), 400)

    def test_members_are_added_given_roles_muted_and_removed(self) -> None:
        bob = self.user("bob")
        self.assertEqual(self.refused("PUT", "/chatrooms/den/members/bob"), 404)
        self.admin("PUT", "/chatrooms/den", owner_id="ann")
        joined = self.admin("PUT", "/chatrooms/den/members/bob")
        self.assertEqual(joined, {"session_id": "1:den", "total": 2})
        self.admin("PUT", "/chatrooms/den/members/bob", role="admin")
        roles = [item["role"] for item in self.data(bob, 305, id="den")["items"]]
        self.assertEqual(roles, ["owner", "admin"])
        until = self.admin("PUT", "/chatrooms/den/members/bob/mute", seconds=60)["until"]
        self.assertEqual(until, int(self.clock.seconds() * 1000) + 60_000)
        self.assertEqual(self.refusal(bob, 201, type=1, target_id="den", content="x")[0], 403)
        self.assertEqual(self.admin("DELETE", "/chatrooms/den/members/bob/mute"), {"until": 0})
        self.data(bob, 201, type=1, target_id="den", content="x")
        self.admin("DELETE", "/chatrooms/den/members/bob")
        self.assertEqual(self.events(bob)[-1]["type"], "removed")
        self.assertEqual(self.refused("DELETE", "/chatrooms/den/members/bob"), 404)

    def test_ids_are_percent_encoded_utf_8(self) -> None:
        self.admin("PUT", quote("/chatrooms/房间"), owner_id="张三")
        self.admin("DELETE", quote("/chatrooms/房间/members/张三"))

    def test_statistics(self) -> None:
        ann, _bob = self.room("ann", "bob")
        self.user("ann")
        self.data(ann, 201, type=1, target_id="den", content="x")
        counts = {"connections": 3, "users": 2, "chatrooms": 1, "messages": 1}
        found = self.admin("GET", "/statistics")
        self.assertEqual((found["total"], list(found)), (counts, ["total", "nodes"]))
        (node,) = found["nodes"]
        self.assertEqual(node, counts | {"node": node["node"]})
