"""What the administrator looks up over HTTP, on a transport in memory."""

from __future__ import annotations

from gim import __version__
from tests.unit.api.test_admin import KEY, AdminCase


class OptionTests(AdminCase):
    options = ("--drain", "3s", "--trace", "X-Trace")

    def test_all_are_shown_and_no_secret(self) -> None:
        response = self.shown("GET", "/options")
        data = response.envelope["data"]
        self.assertEqual((data["version"], data["workers"]), (__version__, 1))
        self.assertEqual(data["storage"], "memory")
        self.assertEqual(data["node"], self.admin("GET", "/statistics")["nodes"][0]["node"])
        items = {item["name"]: item for item in data["items"]}
        self.assertEqual((items["--drain"]["value"], items["--drain"]["origin"]), ("3s", "command line"))
        self.assertEqual(items["GIM_ADMIN_KEY"]["value"], "…")
        self.assertNotIn(KEY.encode(), response.body)


class UserTests(AdminCase):
    def setUp(self) -> None:
        super().setUp()
        self.ann, self.bob = self.user("ann", name="Ann"), self.user("bob")

    def test_a_user_with_all_that_is_known(self) -> None:
        for room in "den", "attic":
            self.data(self.ann, 301, id=room)
        found = self.admin("GET", "/users/ann")
        (connection,) = found.pop("connections")
        self.assertEqual(self.admin("GET", "/users/ann/connections")["items"], [connection])
        self.assertEqual(
            found,
            {
                "id": "ann",
                "name": "Ann",
                "online": True,
                "chatrooms": ["attic", "den"],
                "ban": {"since": 0, "until": 0},
            },
        )
        until = self.admin("PUT", "/users/bob/ban", seconds=60)["until"]
        found = self.admin("GET", "/users/bob")
        self.assertEqual((found["online"], found["connections"]), (False, []))
        self.assertEqual(found["ban"]["until"], until)
        self.assertEqual(self.refused("GET", "/users/eve"), 404)
        self.assertEqual(self.refused("GET", "/users/a%20b"), 400)

    def test_sessions_are_those_that_the_user_sees(self) -> None:
        self.data(self.ann, 301, id="den")
        self.data(self.ann, 201, type=1, target_id="den", content="a")
        self.data(self.ann, 201, type=2, target_id="bob", content="hi")
        seen = self.data(self.bob, 205)
        self.assertEqual(self.admin("GET", "/users/bob/sessions"), seen)
        self.assertEqual(seen["items"][0]["unread"], 1)
        page = self.admin("GET", "/users/ann/sessions?count=1")
        pages = [page, self.admin("GET", f"/users/ann/sessions?count=1&cursor={page['cursor']}")]
        listed = [item["id"] for page in pages for item in page["items"]]
        self.assertEqual(listed, ["2:ann:bob", "1:den"])
        (room,) = self.admin("GET", "/users/ann/sessions?type=1")["items"]
        self.assertEqual(room["id"], "1:den")
        self.assertEqual(self.refused("GET", "/users/eve/sessions"), 404)
        for query in "type=3", "count=0", "cursor=x":
            self.assertEqual(self.refused("GET", f"/users/ann/sessions?{query}"), 400)

    def test_reading_is_not_counted_against_the_user_and_reads_nothing(self) -> None:
        self.data(self.ann, 201, type=2, target_id="bob", content="hi")
        for _ in range(3):
            self.admin("GET", "/users/bob/sessions")
        self.assertEqual(self.data(self.bob, 205)["items"][0]["unread"], 1)

    def test_users_are_found_by_the_beginning_of_their_ids(self) -> None:
        for name in "anna", "andy":
            self.token(name)
        found = self.admin("GET", "/users?prefix=an&count=2")
        more = self.admin("GET", f"/users?prefix=an&count=2&cursor={found['cursor']}")
        self.assertEqual(
            found["items"] + more["items"],
            [
                {"id": "andy", "name": "andy", "online": False},
                {"id": "ann", "name": "Ann", "online": True},
                {"id": "anna", "name": "anna", "online": False},
            ],
        )
        self.assertEqual(more["cursor"], "")
        online = self.admin("GET", "/users?online=true")["items"]
        self.assertEqual([user["id"] for user in online], ["ann", "bob"])
        self.assertEqual(self.admin("GET", "/users?prefix=x"), {"items": [], "cursor": ""})
        for query in "count=0", "online=perhaps", "cursor=x", f"prefix={'x' * 65}":
            self.assertEqual(self.refused("GET", f"/users?{query}"), 400)

    def test_any_history_is_read(self) -> None:
        self.data(self.ann, 301, id="den")
        for content in "a", "b", "c":
            self.data(self.ann, 201, type=1, target_id="den", content=content)
        sent = self.data(self.ann, 201, type=2, target_id="bob", content="hi")
        seen = self.data(self.ann, 203, session_id="1:den", count=2)
        page = self.admin("GET", "/sessions/1:den/messages?count=2")
        self.assertEqual(page, seen)
        before = self.admin("GET", f"/sessions/1:den/messages?before={page['items'][0]['id']}")
        self.assertEqual([message["content"] for message in before["items"]], ["a"])
        self.assertFalse(before["has_more"])
        (private,) = self.admin("GET", "/sessions/2:bob:ann/messages")["items"]
        self.assertEqual(private["id"], sent["id"])
        self.admin("DELETE", f"/sessions/2:ann:bob/messages/{sent['id']}")
        (private,) = self.admin("GET", "/sessions/2:ann:bob/messages")["items"]
        self.assertEqual((private["status"], private["content"]), (2, ""))
        self.assertEqual(self.refused("GET", "/sessions/1:none/messages"), 404)
        for path in "x/messages", "1:den/messages?before=x", "1:den/messages?count=101":
            self.assertEqual(self.refused("GET", f"/sessions/{path}"), 400)


class ChatroomTests(AdminCase):
    def setUp(self) -> None:
        super().setUp()
        self.ann, self.bob = self.room("ann", "bob")
        self.second = self.user("ann")
        self.data(self.ann, 301, id="attic", name="Attic")
        self.admin("PUT", "/chatrooms/hall", name="Hall")

    def test_chatrooms_are_found_with_what_happens_there(self) -> None:
        found = self.admin("GET", "/chatrooms?count=2")
        more = self.admin("GET", f"/chatrooms?count=2&cursor={found['cursor']}")
        rooms = {room["id"]: room for room in found["items"] + more["items"]}
        self.assertEqual(list(rooms), ["attic", "den", "hall"])
        self.assertEqual(
            rooms["den"],
            {
                "id": "den",
                "name": "chatroom:den",
                "owner_id": "ann",
                "members": 2,
                "is_kept": False,
                "connections": 3,
                "messages": 0.0,
            },
        )
        self.assertEqual((rooms["hall"]["is_kept"], rooms["hall"]["owner_id"]), (True, ""))
        self.assertEqual(self.admin("GET", "/chatrooms/den"), rooms["den"])
        (attic,) = self.admin("GET", "/chatrooms?prefix=at")["items"]
        self.assertEqual(attic, rooms["attic"])
        self.assertEqual(self.refused("GET", "/chatrooms/none"), 404)

    def test_the_busiest_come_first(self) -> None:
        for _ in range(20):
            self.data(self.ann, 201, type=1, target_id="attic", content="x")
            self.advance(1.0)
        found = self.admin("GET", "/chatrooms?sort=connections")
        self.assertEqual([room["id"] for room in found["items"]], ["den", "attic"])
        found = self.admin("GET", "/chatrooms?sort=messages&count=1")
        (attic,) = found["items"]
        self.assertEqual((attic["id"], found["cursor"]), ("attic", ""))
        self.assertApproximates(attic["messages"], 1.0, 0.15)
        for query in "sort=size", "sort=messages&cursor=x", "count=201":
            self.assertEqual(self.refused("GET", f"/chatrooms?{query}"), 400)

    def test_one_that_is_dismissed_is_not_among_the_busiest(self) -> None:
        self.data(self.ann, 201, type=1, target_id="attic", content="x")
        self.admin("DELETE", "/chatrooms/attic")
        found = self.admin("GET", "/chatrooms?sort=messages")["items"]
        self.assertEqual([room["id"] for room in found], ["den"])

    def test_members_are_those_that_a_member_sees(self) -> None:
        seen = self.data(self.bob, 305, id="den")
        self.assertEqual(self.admin("GET", "/chatrooms/den/members"), seen)
        page = self.admin("GET", "/chatrooms/den/members?count=1")
        following = self.admin("GET", f"/chatrooms/den/members?count=1&cursor={page['cursor']}")
        self.assertEqual(page["items"] + following["items"], seen["items"])
        self.assertEqual(self.refused("GET", "/chatrooms/none/members"), 404)

    def test_one_path_is_read_and_changed_by_its_methods(self) -> None:
        response = self.shown("POST", "/chatrooms/den")
        self.assertEqual(
            (response.status, response.headers["allow"]), (405, "delete, get, head, patch, put")
        )
        self.admin("PATCH", "/chatrooms/den", name="Den")
        self.assertEqual(self.admin("GET", "/chatrooms/den")["name"], "Den")
