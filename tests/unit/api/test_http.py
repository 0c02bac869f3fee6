"""The HTTP API on a transport in memory: raw requests in, raw responses out."""

from __future__ import annotations

import json
from typing import Any, NamedTuple
from urllib.parse import quote

import jwt
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.testing import StringTransport
from twisted.logger import globalLogPublisher

from gim.errors import Unavailable
from gim.storage.memory.store import MemoryStore
from tests.support.pipe import GatewayTestCase

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"


class Response(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def envelope(self) -> dict[str, Any]:
        envelope: dict[str, Any] = json.loads(self.body)
        assert list(envelope) == ["code", "msg", "data"], envelope
        assert self.status == (envelope["code"] or 200), (self.status, envelope)
        return envelope


class ApiTestCase(GatewayTestCase):
    def request(
        self, method: str, path: str, body: bytes = b"", token: str = "", **headers: str
    ) -> Response:
        if token:
            headers["Authorization"] = f"Bearer {token}"
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        return self.raw("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    def raw(self, data: bytes) -> Response:
        transport = StringTransport(peerAddress=IPv4Address("TCP", "127.0.0.1", 3))
        transport.abortConnection = transport.loseConnection
        channel = self.api.buildProtocol(None)
        channel.makeConnection(transport)
        channel.dataReceived(data)
        head, _, body = transport.value().partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        return Response(int(status.split()[1]), headers, body)

    def ask_http(self, method: str, path: str, token: str = "", **fields: Any) -> dict[str, Any]:
        body = json.dumps(fields).encode() if fields else b""
        return self.request(method, path, body, token).envelope

    def http(self, method: str, path: str, token: str = "", **fields: Any) -> Any:
        envelope = self.ask_http(method, path, token, **fields)
        self.assertEqual((envelope["code"], envelope["msg"]), (0, ""), envelope)
        return envelope["data"]

    def token(self, user_id: str, **fields: str) -> str:
        data = self.http("POST", "/v1/login", id=user_id, **fields)
        token: str = data["token"]
        return token


class RouteTests(ApiTestCase):
    def test_login_returns_user_and_token(self) -> None:
        data = self.http("POST", "/v1/login", id="ann", name="Ann")
        self.assertEqual(list(data), ["user", "token"])
        self.assertEqual(data["user"], {"id": "ann", "name": "Ann"})

    def test_the_token_of_a_websocket_login_is_good_too(self) -> None:
        token = self.data(self.connect(), 101, id="ann")["token"]
        self.assertEqual(
            self.http("GET", "/v1/users/ann", token), {"id": "ann", "name": "ann", "online": True}
        )

    def test_a_message_posted_is_pushed_to_all_connections_of_both(self) -> None:
        ann, bob = self.user("ann"), self.user("bob")
        sent = self.http("POST", "/v1/messages", self.token("ann"), type=2, target_id="bob", content="hi")
        self.assertEqual(list(sent), ["id", "session_id", "sequence", "created_at"])
        self.pump()
        self.assertEqual((self.contents(ann), self.contents(bob)), ([["hi"]], [["hi"]]))

    def test_a_request_id_used_again_for_another_message_is_a_409(self) -> None:
        token, fields = self.token("ann"), {"type": 2, "target_id": "bob", "request_id": "r"}
        first = self.http("POST", "/v1/messages", token, **fields, content="hi")
        refused = self.ask_http("POST", "/v1/messages", token, **fields, content="other")
        self.assertEqual((refused["code"], refused["msg"].partition(":")[0]), (409, "request_id"))
        self.assertEqual(self.http("POST", "/v1/messages", token, **fields, content="hi"), first)

    def test_sessions_history_and_read(self) -> None:
        token = self.token("ann")
        ids = [
            self.http("POST", "/v1/messages", token, type=2, target_id="bob", content=content)["id"]
            for content in "abc"
        ]
        bob = self.token("bob")
        (item,) = self.http("GET", "/v1/sessions?count=5&session_type=2", bob)["items"]
        self.assertEqual((item["id"], item["unread"], item["title"]), ("2:ann:bob", 3, "ann"))
        page = self.http("GET", f"/v1/sessions/2:bob:ann/messages?count=1&message_id={ids[2]}", bob)
        self.assertEqual([i["content"] for i in page["items"]], ["b"])
        self.assertTrue(page["has_more"])
        self.assertEqual(
            self.http("POST", "/v1/sessions/2:ann:bob/read", bob, message_id=ids[1]), {"unread": 1}
        )

    def test_reading_over_http_is_told_to_the_devices_of_the_user(self) -> None:
        ann, phone, bob = self.user("ann"), self.user("ann"), self.user("bob")
        ids = [self.data(bob, 201, type=2, target_id="ann", content=text)["id"] for text in "abc"]
        self.data(bob, 211, session_id="2:ann:bob", message_id=ids[2])
        answer = self.http("POST", "/v1/sessions/2:ann:bob/read", self.token("ann"), message_id=ids[0])
        self.assertEqual(answer, {"unread": 1})
        self.pump()
        read = {"type": "read", "by": "ann", "session_id": "2:ann:bob", "user_id": "ann"}
        for client in (ann, phone):
            self.assertEqual(self.events(client)[-1], read | {"message_id": ids[0], "unread": 1})
        self.assertEqual([event["type"] for event in self.events(bob)], ["recalled"])
        (item,) = self.http("GET", "/v1/sessions", self.token("ann"))["items"]
        self.assertEqual(item["unread"], 1)

    def test_join_members_and_leave(self) -> None:
        ann, bob = self.token("ann"), self.token("bob")
        path = "/v1/chatrooms/den/members"
        self.assertEqual(self.http("PUT", f"{path}/me", ann, name="The den")["total"], 1)
        self.assertEqual(self.http("PUT", f"{path}/me", bob), {"session_id": "1:den", "total": 2})
        page = self.http("GET", f"{path}?count=1", ann)
        self.assertEqual(page["items"], [{"id": "ann", "name": "ann", "online": False, "role": "owner"}])
        page = self.http("GET", f"{path}?count=1&cursor={page['cursor']}", ann)
        self.assertEqual([m["id"] for m in page["items"]], ["bob"])
        self.assertEqual(self.http("DELETE", f"{path}/me", bob), {})
        self.assertEqual(self.ask_http("GET", path, bob)["code"], 403)

    def test_null_and_no_body_stand_for_an_empty_object(self) -> None:
        token = self.token("ann")
        for body in b"", b"null", b" null\n", b"{}":
            joined = self.request("PUT", "/v1/chatrooms/den/members/me", body, token).envelope
            self.assertEqual(joined["code"], 0, body)
            refused = self.request("POST", "/v1/messages", body, token).envelope
            self.assertEqual((refused["code"], refused["msg"][:6]), (400, "type: "), body)

    def test_a_body_that_is_broken_json_is_refused_with_the_fault_and_its_place(self) -> None:
        for body, reason in (
            (rb'{"id":"\ud83d"}', r"half of a surrogate pair, \ud83d, at byte 7"),
            (b'{"id":"ann","name":NaN}', "invalid character near byte 19"),
            (b'{"id":"\xff"}', "not UTF-8 at byte 7"),
            (b'{"id":"ann"', "it ends too early, at byte 11"),
            (b'{"id":"ann","x":1e999}', "a number is out of range"),
            (b'{"x":' + b"[" * 50_000, "nested too deeply"),  # Python 3.13 reads some 10,000
        ):
            refused = self.request("POST", "/v1/login", body).envelope
            self.assertEqual(refused["code"], 400)
            self.assertIn(reason, refused["msg"])

    def test_a_user_who_joins_over_http_gets_the_pushes_on_the_connections_there_are(self) -> None:
        bob = self.user("bob")
        token = self.token("bob")
        self.http("PUT", "/v1/chatrooms/den/members/me", token)
        self.http("POST", "/v1/messages", token, type=1, target_id="den", content="hi")
        self.pump()
        self.assertEqual(self.contents(bob), [["hi"]])

    def test_ids_are_percent_encoded_utf_8(self) -> None:
        token = self.token("张三")
        path = quote("/v1/chatrooms/房间😀/members")
        self.assertEqual(self.http("PUT", f"{path}/me", token)["session_id"], "1:房间😀")
        self.assertEqual(self.http("GET", path, token)["items"][0]["id"], "张三")
        self.assertEqual(self.http("GET", quote("/v1/users/张三"), token)["name"], "张三")

    def test_health(self) -> None:
        self.assertEqual(self.http("GET", "/healthz"), {})
        self.assertEqual(self.http("GET", "/readyz"), {})

    def why_not_ready(self) -> str:
        """Return the reason that a 503 of /readyz gives to programs."""
        envelope = self.ask_http("GET", "/readyz")
        self.assertEqual((envelope["code"], list(envelope["data"])), (503, ["reason"]))
        self.assertEqual(self.ask_http("GET", "/healthz")["code"], 0)
        return str(envelope["data"]["reason"])

    def test_not_ready_without_storage(self) -> None:
        def broken() -> None:
            raise Unavailable("the storage can't be reached")

        self.patch(self.daemon._chat._storage, "ping", broken)
        self.assertEqual(self.why_not_ready(), "storage")
        self.assertEqual(self.request("GET", "/readyz").headers["retry-after"], "1")

    def test_not_ready_while_draining(self) -> None:
        self.user("ann")
        self.daemon.stopService()
        self.assertEqual(self.why_not_ready(), "draining")
        self.pump()


class StartTests(ApiTestCase):
    """A storage that takes a while to be reached."""

    def setUp(self) -> None:
        self.reached: Deferred[None] = Deferred()
        self.patch(MemoryStore, "start", lambda store, listener: self.reached)
        super().setUp()
        self.port = self.daemon.getServiceNamed("gateway").port

    def why_not_ready(self) -> str:
        return str(self.ask_http("GET", "/readyz")["data"].get("reason"))

    def test_http_says_so_and_websocket_clients_wait(self) -> None:
        self.assertEqual((self.why_not_ready(), self.port.accepts), ("starting", False))
        self.reached.callback(None)
        self.assertEqual((self.http("GET", "/readyz"), self.port.accepts), ({}, True))

    def test_nothing_that_needs_the_storage_is_served(self) -> None:
        login = self.ask_http("POST", "/v1/login", id="ann")
        user = self.ask_http("GET", "/v1/users/ann", token="x")
        self.assertEqual([each["code"] for each in (login, user)], [503, 503])
        self.assertEqual(self.ask_http("GET", "/healthz")["code"], 0)

    def test_a_stop_meanwhile_is_not_undone_by_the_start(self) -> None:
        self.daemon.stopService()
        self.reached.callback(None)
        self.assertEqual((self.why_not_ready(), self.port.accepts), ("draining", False))

    def test_a_start_that_fails_is_logged(self) -> None:
        self.reached.errback(ZeroDivisionError())
        self.assertEqual(self.why_not_ready(), "starting")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class ProgressTests(ApiTestCase):
    """A storage that says how far its start is."""

    def setUp(self) -> None:
        async def ping(store: MemoryStore) -> tuple[str, ...]:
            raise Unavailable("restored 7 %")

        self.patch(MemoryStore, "start", lambda store, listener: Deferred())
        self.patch(MemoryStore, "ping", ping)
        super().setUp()

    def test_http_says_how_far_it_is(self) -> None:
        answer = self.ask_http("GET", "/readyz")
        self.assertEqual((answer["data"], answer["msg"]), ({"reason": "starting"}, "restored 7 %"))


class RefusalTests(ApiTestCase):
    options = ("--max-packet", "5000", "--max-content", "100")

    def test_a_token_is_needed(self) -> None:
        for method, path in (
            ("GET", "/v1/users/ann"),
            ("POST", "/v1/messages"),
            ("GET", "/v1/sessions"),
            ("GET", "/v1/sessions/1:den/messages"),
            ("POST", "/v1/sessions/1:den/read"),
            ("PUT", "/v1/chatrooms/den/members/me"),
            ("DELETE", "/v1/chatrooms/den/members/me"),
            ("GET", "/v1/chatrooms/den/members"),
        ):
            response = self.request(method, path)
            self.assertEqual(response.envelope["code"], 401, path)
            self.assertEqual(response.headers["www-authenticate"], "bearer")

    def test_tokens_of_others_are_refused(self) -> None:
        claims = {"sub": "ann", "name": "ann", "aud": "gim-http", "exp": self.clock.seconds() + 99}
        forged = jwt.encode(claims, b"another key of 32 bytes or longer", "HS256")
        unsigned = jwt.encode(claims, "", "none")
        for token in forged, unsigned, "x", "\xe9", "a.b.c", self.token("ann") + "x":
            self.assertEqual(self.ask_http("GET", "/v1/sessions", token)["code"], 401, token)

    def test_a_token_ends_after_a_day(self) -> None:
        token = self.token("ann")
        self.clock.advance(24 * 3600 - 1)
        self.http("GET", "/v1/sessions", token)
        self.clock.advance(1)
        self.assertEqual(self.ask_http("GET", "/v1/sessions", token)["code"], 401)

    def test_unknown_paths_and_methods_get_the_envelope(self) -> None:
        for path in (
            "/",
            "/v1",
            "/v1/users",
            "/v1/users/a%2Fb",
            "//v1/sessions",
            "/%2Fhealthz",
            "/healthz/",
        ):
            self.assertEqual(self.ask_http("GET", path)["code"], 404, path)
        for path in "/v1/users/%ff", "/%c3%28":
            self.assertEqual(self.ask_http("GET", path)["code"], 400, path)
        self.assertEqual(self.raw(b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n").envelope["code"], 404)

    def test_what_is_no_http_request_gets_the_envelope_too(self) -> None:
        for data in (
            b"GET /v1/users/\xc3\xa9 HTTP/1.1\r\n\r\n",
            b"\xc3\xa9 / HTTP/1.1\r\n\r\n",
            b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
            b"GET / HTTP/1.1\r\nno header\r\n\r\n",
            b"GET /" + b"x" * 70_000,
        ):
            self.assertEqual(self.raw(data).envelope["code"], 400, data[:40])

    def test_http_1_1_requires_one_host(self) -> None:
        for hosts in "", "Host: a\r\nHost: a\r\n":
            refused = self.raw(f"GET /healthz HTTP/1.1\r\n{hosts}\r\n".encode()).envelope
            self.assertEqual((refused["code"], "Host" in refused["msg"]), (400, True))
        for head in "GET /healthz HTTP/1.0\r\n", "GET /healthz HTTP/1.1\r\nHost:\r\n":
            self.assertEqual(self.raw(f"{head}\r\n".encode()).status, 200, head)

    def test_a_path_in_absolute_form_is_fine(self) -> None:
        for form in "http://127.0.0.1:8081/healthz", "HTTPS://localhost/healthz?a=b":
            self.assertEqual(self.ask_http("GET", form)["code"], 0, form)

    def test_a_wrong_method_names_the_right_ones(self) -> None:
        response = self.request("POST", "/v1/chatrooms/den/members/me")
        self.assertEqual(response.envelope["code"], 405)
        self.assertEqual(response.headers["allow"], "delete, put")
        self.assertEqual(self.request("BREW", "/healthz").headers["allow"], "get, head")

    def test_bad_bodies_and_queries_are_400_and_name_the_field(self) -> None:
        token = self.token("ann")
        for body in b"x", b"[]", b"\xff", b'{"id":"\xff"}', b"[" * 5000, b'{"x":' * 1000:
            self.assertEqual(self.request("POST", "/v1/login", body).envelope["code"], 400, body[:9])
        for path, field in (
            ("/v1/sessions?count=0", "count"),
            ("/v1/sessions?count=many", "count"),
            ("/v1/sessions?session_type=3", "session_type"),
            ("/v1/sessions?cursor=x", "cursor"),
            ("/v1/sessions/1:den/messages?count=101", "count"),
            ("/v1/sessions/2:ann:bob/messages?message_id=x", "message_id"),
            ("/v1/sessions/den/messages", "session_id"),
            ("/v1/chatrooms/a%20b/members", "id"),
            ("/v1/users/a%20b", "id"),
        ):
            envelope = self.ask_http("GET", path, token)
            self.assertEqual(envelope["code"], 400, path)
            self.assertTrue(envelope["msg"].startswith(f"{field}: "), envelope["msg"])
        self.assertEqual(self.ask_http("GET", "/v1/sessions?count=%ff", token)["code"], 400)

    def test_a_whole_number_may_have_a_point(self) -> None:
        for number, code in (b"2.0", 0), (b"2e0", 0), (b"2.5", 400), (b'"2"', 400), (b"1e300", 400):
            body = b'{"type":%b,"target_id":"bob","content":"hi"}' % number
            response = self.request("POST", "/v1/messages", body, self.token("ann"))
            self.assertEqual(response.envelope["code"], code, number)

    def test_a_body_that_is_too_long_is_413(self) -> None:
        response = self.request("POST", "/v1/login", b" " * 5001)
        self.assertEqual(response.envelope["code"], 413)
        self.assertEqual(self.request("POST", "/v1/login", b'{"id":"ann"}'.ljust(5000)).status, 200)

    def test_content_that_is_too_long_is_413(self) -> None:
        body = {"type": 2, "target_id": "bob", "content": "x" * 101}
        self.assertEqual(self.ask_http("POST", "/v1/messages", self.token("ann"), **body)["code"], 413)

    def test_a_fault_is_a_500_with_the_trace_id(self) -> None:
        token = self.token("ann")
        self.patch(self.daemon._chat, "sessions", lambda *args: 1 / 0)
        response = self.request("GET", "/v1/sessions", token=token, trace="t-1")
        self.assertEqual(response.envelope["code"], 500)
        self.assertIn("t-1", response.envelope["msg"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class TraceTests(ApiTestCase):
    options = ("--trace", "X-Trace")

    def setUp(self) -> None:
        super().setUp()
        self.log_events: list[dict[str, Any]] = []
        observe: Any = self.log_events.append
        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)

    def logged(self) -> list[tuple[str, str]]:
        return [(e.get("path", ""), e["trace"]) for e in self.log_events if "trace" in e]

    def test_the_trace_header_is_echoed_and_logged(self) -> None:
        response = self.request("GET", "/healthz", X_Trace="abc 1")
        self.assertEqual(response.headers["x-trace"], "abc 1")
        self.assertEqual(self.logged(), [("/healthz", "abc 1")])

    def test_without_one_it_is_made_up(self) -> None:
        first, second = (self.request("GET", "/healthz").headers["x-trace"] for _ in range(2))
        self.assertNotEqual(first, second)
        self.assertEqual([trace for _, trace in self.logged()], [first, second])

    def test_one_that_can_not_stand_in_a_log_line_is_replaced(self) -> None:
        for bad in "x" * 129, "é":
            self.assertNotEqual(self.request("GET", "/healthz", X_Trace=bad).headers["x-trace"], bad)

    def test_without_one_a_traceparent_counts(self) -> None:
        response = self.request("GET", "/healthz", traceparent=PARENT)
        self.assertEqual(response.headers["x-trace"], TRACE_ID)
        self.assertEqual(self.logged(), [("/healthz", TRACE_ID)])

    def test_an_explicit_one_wins_unless_it_is_bad(self) -> None:
        response = self.request("GET", "/healthz", X_Trace="mine", traceparent=PARENT)
        self.assertEqual(response.headers["x-trace"], "mine")
        response = self.request("GET", "/healthz", X_Trace="é", traceparent=PARENT)
        self.assertEqual(response.headers["x-trace"], TRACE_ID)

    def test_two_traceparents_are_none(self) -> None:
        twice = f"traceparent: {PARENT}\r\nTraceparent: {PARENT}\r\n"
        response = self.raw(f"GET /healthz HTTP/1.1\r\nHost: localhost\r\n{twice}\r\n".encode())
        self.assertNotEqual(response.headers["x-trace"], TRACE_ID)

    def test_a_websocket_handshake_is_answered_with_it(self) -> None:
        for headers, trace in (
            ({"X-Trace": "game-7"}, "game-7"),
            ({"traceparent": PARENT}, TRACE_ID),
            ({"traceparent": PARENT, "X-Trace": "game-7"}, "game-7"),
        ):
            client = self.connect(headers=headers)
            self.assertEqual(client.headers["x-trace"], trace)
            client.dropConnection(abort=True)
            self.pump()
            self.assertEqual(self.logged()[-1][1], trace)
        self.assertRegex(self.connect().headers["x-trace"], r"\A[0-9a-f]{16}\Z")

    def test_a_token_in_the_query_works_and_is_never_logged(self) -> None:
        token = self.token("ann")
        self.http("GET", f"/v1/sessions?token={token}")
        self.assertEqual(self.logged()[-1][0], "/v1/sessions")
        self.assertNotIn(token, repr(self.log_events))

    def test_a_websocket_connection_may_bring_its_own(self) -> None:
        client = self.connect(headers={"X-Trace": "game-7"})
        self.data(client, 101, id="ann")
        client.dropConnection(abort=True)
        self.pump()
        self.assertEqual([trace for _, trace in self.logged()], ["game-7", "game-7"])

    def test_content_is_never_logged(self) -> None:
        ann = self.user("ann")
        self.user("bob")
        self.data(ann, 201, type=2, target_id="bob", content="a secret")
        self.send_raw(ann, b'{"op":201,"body":{"content":"a secret"}}')
        self.http("POST", "/v1/messages", self.token("bob"), type=2, target_id="ann", content="a secret")
        self.assertNotIn("a secret", repr(self.log_events))
