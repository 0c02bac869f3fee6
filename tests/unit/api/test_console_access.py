"""Who is the administrator in the console: its login, its cookie, and what that opens."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.testing import StringTransport
from twisted.logger import capturedLogs, formatEvent

from tests.support.key_material import SECRET
from tests.unit.api.test_http import ApiTestCase, Response

KEY = "a-key-for-these-tests"
OWN, FOREIGN = "http://localhost", "https://chat.example"
STATISTICS = "/v1/admin/statistics"
OPERATIONS: list[tuple[str, str]] = []  # for the administrator, once a test has asked for the document


def said_by(event: Any) -> str:
    """Return a log line without its trace id."""
    return (formatEvent(event) or "").partition(" trace=")[0]


class ConsoleCase(ApiTestCase):
    """A server with a key, and a browser that keeps one cookie."""

    environment: dict[str, str] = {"GIM_ADMIN_KEY": KEY}

    def setUp(self) -> None:
        self.patch(os, "environ", os.environ | self.environment)
        self.cookie = ""
        self.peer = "127.0.0.1"
        super().setUp()

    def raw(self, data: bytes) -> Response:
        transport = StringTransport(peerAddress=IPv4Address("TCP", self.peer, 3))
        transport.abortConnection = transport.loseConnection
        channel = self.api.buildProtocol(None)
        channel.makeConnection(transport)
        channel.dataReceived(data)
        self.clock.pump([0] * 8)
        if not transport.value():  # a stream begins with its first event
            self.clock.pump([0.25] * 8)
        head, _, body = transport.value().partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        self.cookies = [line.partition(": ")[2] for line in lines if line.startswith("Set-Cookie: ")]
        headers = dict(line.lower().split(": ", 1) for line in lines)
        return Response(int(status.split()[1]), headers, body)

    def browse(self, method: str, path: str, body: Any = None, **headers: str) -> Response:
        """Request as the console's page does; *headers* replace those of the page, "" leaves one out."""
        sent = {"X_Gim_Console": "1", "Cookie": f"gim_console={self.cookie}"}
        if method not in ("GET", "HEAD"):
            sent["Origin"] = OWN
        given = {name: value for name, value in (sent | headers).items() if value}
        response = self.request(method, path, b"" if body is None else json.dumps(body).encode(), **given)
        for line in self.cookies:
            self.cookie = line.partition(";")[0].removeprefix("gim_console=")
        return response

    def log_in(self, key: str = KEY, **headers: str) -> Response:
        return self.browse("POST", "/console/login", {"key": key}, **headers)

    def state(self) -> dict[str, Any]:
        data: dict[str, Any] = self.browse("GET", "/console/session").envelope["data"]
        return data

    def status(self) -> int:
        return self.browse("GET", STATISTICS).status

    def for_admin(self) -> list[tuple[str, str]]:
        """Return method and path of all operations for the administrator."""
        if not OPERATIONS:
            document = json.loads(self.request("GET", "/openapi.json").body)
            OPERATIONS.extend(
                (method.upper(), re.sub("{.*?}", "x", path))
                for path, operations in document["paths"].items()
                for method, operation in operations.items()
                if {"key": []} in operation["security"]
            )
        return OPERATIONS


class LoginTests(ConsoleCase):
    def test_the_key_opens_all_routes_of_the_administrator(self) -> None:
        self.assertEqual(self.status(), 401)
        data = self.log_in().envelope["data"]
        self.assertTrue(100_000 <= data["session"] < 1_000_000)
        self.assertEqual(data["expires_at"], self.wall.now_ms() + 12 * 3600 * 1000)
        self.assertIs(data["read_only"], False)
        for method, path in self.for_admin():
            self.assertNotIn(self.browse(method, path).status, (401, 403), (method, path))

    def test_the_cookie_is_for_this_host_and_out_of_reach_of_scripts(self) -> None:
        self.log_in()
        (line,) = self.cookies
        self.assertEqual(line.partition("; ")[2], "Path=/; Max-Age=3600; HttpOnly; SameSite=strict", line)

    def test_a_session_is_shown_to_its_page(self) -> None:
        before = self.state()
        self.assertEqual((before["mode"], before["is_admin"], before["session"]), ("key", False, None))
        self.assertIs(before["has_live"], False)
        number = self.log_in().envelope["data"]["session"]
        after = self.state()
        self.assertEqual((after["is_admin"], after["session"], after["has_live"]), (True, number, True))
        with_key = self.request("GET", "/console/session", X_API_Key=KEY).envelope["data"]
        self.assertEqual((with_key["is_admin"], with_key["session"]), (True, None))

    def test_a_wrong_key_is_refused(self) -> None:
        for key in ("", KEY[:-1], KEY + "x", "\u00e9" * 21, "\ud800"):
            refused = self.log_in(key)
            self.assertIn(refused.status, (400, 401), key)
            self.assertEqual(self.cookies, [])

    def test_a_body_that_is_not_a_key_is_a_400(self) -> None:
        for body in (b"", b"{", b"[]", b'{"key":1}', b"key=" + KEY.encode(), b"\xff"):
            self.assertEqual(self.request("POST", "/console/login", body).status, 400, body)
        self.assertEqual(self.log_in().status, 200)  # they do not count as wrong keys

    def test_logins_and_wrong_keys_are_logged(self) -> None:
        with capturedLogs() as events:
            self.log_in("x" * 20)
            number = self.log_in().envelope["data"]["session"]
            self.browse("DELETE", "/console/login")
        lines = [line for event in events if "console" in (line := said_by(event))]
        said = [line for line in lines if not line.startswith(("POST", "DELETE"))]
        who = f"administrator (console session {number}) from 127.0.0.1"
        wrong = "console: a wrong key from 127.0.0.1"
        self.assertEqual(said, [wrong, f"{who}: logged in", f"{who}: logged out"])
        self.assertNotIn(KEY, "".join(map(str, events)))


class WrongKeyTests(ConsoleCase):
    def test_after_five_wrong_keys_an_address_waits_for_a_minute(self) -> None:
        for _ in range(5):
            self.assertEqual(self.log_in("x").status, 401)
            self.clock.advance(1)
        refused = self.log_in()  # even the right one
        self.assertEqual((refused.status, refused.headers["retry-after"]), (429, "55"))
        self.clock.advance(54.5)
        self.assertEqual(self.log_in().status, 429)
        self.clock.advance(0.5)
        self.assertEqual(self.log_in().status, 200)

    def test_other_addresses_do_not_wait(self) -> None:
        for _ in range(5):
            self.log_in("x")
        self.peer = "192.0.2.7"
        self.assertEqual(self.log_in().status, 200)


class RefusedRequestTests(ConsoleCase):
    """The cookie alone opens nothing."""

    def setUp(self) -> None:
        super().setUp()
        self.log_in()
        self.assertEqual(self.status(), 200)

    def assert_all_refused(self, *statuses: int, **headers: str) -> None:
        for method, path in self.for_admin():
            cookie = self.cookie
            self.assertIn(self.browse(method, path, **headers).status, statuses, (method, path))
            self.assertEqual((self.cookies, self.cookie), ([], cookie))

    def test_without_the_cookie(self) -> None:
        self.assert_all_refused(401, Cookie="")

    def test_without_the_header_of_the_console(self) -> None:
        self.assert_all_refused(401, X_Gim_Console="")
        self.assert_all_refused(401, X_Gim_Console="0")

    def test_from_a_page_of_another_origin(self) -> None:
        self.assert_all_refused(403, Origin=FOREIGN)
        self.assert_all_refused(403, Origin="null")
        self.assert_all_refused(401, 403, Origin="http://localhost:3000")  # the same host
        self.assert_all_refused(401, Origin="", Sec_Fetch_Site="cross-site")
        self.assert_all_refused(401, Origin="", Sec_Fetch_Site="same-site")
        self.assert_all_refused(401, Origin="", Sec_Fetch_Site="none")

    def test_a_change_without_an_origin(self) -> None:
        for method, path in self.for_admin():
            if method != "GET":
                self.assertEqual(self.browse(method, path, Origin="").status, 401, (method, path))
                own = self.browse(method, path, Origin="", Sec_Fetch_Site="same-origin")
                self.assertNotIn(own.status, (401, 403), (method, path))

    def test_a_preflight_allows_no_page_the_header(self) -> None:
        asked: Any = {
            "Origin": "http://localhost:3000",
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "x-gim-console",
        }
        answer = self.request("OPTIONS", STATISTICS, **asked)
        self.assertEqual(answer.status, 204)
        self.assertNotIn("x-gim-console", answer.headers["access-control-allow-headers"])
        self.assertNotIn("access-control-allow-credentials", answer.headers)

    def test_a_foreign_page_can_neither_log_in_nor_out(self) -> None:
        cookie = self.cookie
        self.assertEqual(self.log_in(Origin=FOREIGN).status, 403)
        self.assertEqual(self.log_in(Origin="http://localhost:3000").status, 403)
        login = "/%63onsole/login"  # the same path
        self.assertEqual(
            self.browse("POST", login, {"key": KEY}, Origin="http://localhost:3000").status, 403
        )
        for headers in ({"Origin": FOREIGN}, {"X_Gim_Console": ""}, {"Origin": ""}):
            self.browse("DELETE", "/console/login", **headers)
            self.assertEqual((self.cookies, self.cookie), ([], cookie))
            self.assertEqual(self.status(), 200)

    def test_a_cookie_that_was_changed(self) -> None:
        good = self.cookie
        body, _, signature = good.partition(".")
        for bad in (
            *("", ".", body, f"{body}.", f".{signature}", f"{body}.{signature[:-4]}", f"{body}.!"),
            *(f"{body[:-4]}AAAA.{signature}", "x" * 5000, "\u00e9.\u00e9", good + "A=="),
            *(f"{good}==", f"{body}.!{signature}"),
        ):
            self.cookie = bad
            self.assertEqual(self.status(), 401, bad)

    def test_the_key_in_a_header_needs_none_of_it(self) -> None:
        response = self.request("GET", STATISTICS, X_API_Key=KEY)
        self.assertEqual((response.status, self.cookies), (200, []))


class EndOfSessionTests(ConsoleCase):
    def setUp(self) -> None:
        super().setUp()
        self.log_in()

    def test_after_an_hour_without_use(self) -> None:
        self.clock.advance(3599)
        self.assertEqual(self.status(), 200)
        self.clock.advance(3600)
        self.assertEqual(self.status(), 401)
        self.assertIsNone(self.state()["session"])

    def test_after_twelve_hours_whatever_the_use(self) -> None:
        for _ in range(23):
            self.clock.advance(1800)
            self.assertEqual(self.status(), 200)
        self.clock.advance(1799)
        self.assertEqual(self.status(), 200)
        self.clock.advance(1)
        self.assertEqual(self.status(), 401)

    def test_the_dates_are_those_of_the_wall_clock(self) -> None:
        self.wall.step(3600)
        self.assertEqual(self.status(), 401)

    def test_the_browser_gets_a_new_cookie_once_a_minute(self) -> None:
        self.clock.advance(59)
        self.status()
        self.assertEqual(self.cookies, [])
        self.clock.advance(1)
        self.status()
        self.assertEqual(len(self.cookies), 1)

    def test_after_a_logout_also_for_a_copy_of_the_cookie(self) -> None:
        copied = self.cookie
        self.assertEqual(self.browse("DELETE", "/console/login").status, 200)
        self.assertEqual(self.cookie, "")
        self.assertIn("Max-Age=0", self.cookies[0])
        self.cookie = copied
        self.assertEqual(self.status(), 401)
        self.assertEqual(self.browse("DELETE", "/console/login").status, 200)  # as it may be late

    def test_after_the_key_was_changed_even_if_it_is_changed_back(self) -> None:
        self.api.access.use_admin_key(b"another-key-for-these-tests")
        self.assertEqual(self.status(), 401)
        self.assertEqual(self.log_in().status, 401)
        self.assertEqual(self.log_in("another-key-for-these-tests").status, 200)

    def test_with_another_data_set(self) -> None:
        self.stop()
        self.start()
        self.assertEqual(self.status(), 401)
        self.assertEqual(self.log_in().status, 200)

    def test_another_session_goes_on(self) -> None:
        other = self.cookie
        self.log_in()
        self.browse("DELETE", "/console/login")
        self.cookie = other
        self.assertEqual(self.status(), 200)


class ReadOnlyTests(ConsoleCase):
    options = ("--console-read-only",)

    def test_everything_is_shown_and_nothing_changed(self) -> None:
        self.assertIs(self.log_in().envelope["data"]["read_only"], True)
        self.assertIs(self.state()["read_only"], True)
        changing = 0
        for method, path in self.for_admin():
            response = self.browse(method, path)
            if method == "GET":
                self.assertNotIn(response.status, (401, 403), (method, path))
            else:
                changing += 1
                self.assertEqual(response.status, 403, (method, path))
                self.assertIn("the console is read-only: ", response.envelope["msg"])
        self.assertGreater(changing, 12)
        self.assertEqual(self.browse("DELETE", "/console/login").status, 200)

    def test_the_key_in_a_header_still_changes(self) -> None:
        self.log_in()
        response = self.browse("DELETE", "/v1/admin/users/ann/ban", X_API_Key=KEY)
        self.assertEqual(response.status, 200)


class ChangeLogTests(ConsoleCase):
    def changes(self, events: Sequence[Any]) -> list[str]:
        lines = [said_by(event) for event in events]
        return [line for line in lines if line.startswith("administrator ")]

    def test_each_change_is_logged_with_who_made_it(self) -> None:
        number = self.log_in().envelope["data"]["session"]
        with capturedLogs() as events:
            self.browse("PUT", "/v1/admin/users/ann/ban", {"seconds": 5})
            self.browse("PUT", "/v1/admin/users/ann/ban", {"seconds": -5})  # fails
            self.browse("GET", "/v1/admin/users/ann/ban")
            self.browse("PUT", "/v1/admin/chatrooms/den", {})
            self.browse("PUT", "/v1/admin/chatrooms/den/members/bob", {})
            message = {"type": 2, "target_id": "bob", "content": "secret"}
            self.browse("POST", "/v1/admin/messages", message)
            self.browse("POST", "/v1/admin/broadcasts", {"content": "secret"})
            self.request("DELETE", "/v1/admin/users/ann/ban", X_API_Key=KEY)
        who = f"administrator (console session {number}) from 127.0.0.1: "
        self.assertEqual(
            self.changes(events),
            [
                f"{who}ban on ann",
                f"{who}create_chatroom on den",
                f"{who}add_member on den bob",
                f"{who}send_as on bob",
                f"{who}broadcast",
                "administrator (key) from 127.0.0.1: unban on ann",
            ],
        )


class TransportTests(ConsoleCase):
    options = ("--trusted-proxies", "10.0.0.0/8")

    def is_secure(self, **headers: str) -> bool:
        self.assertEqual(self.log_in(**headers).status, 200)
        return "; Secure" in self.cookies[0]

    def test_a_trusted_proxy_says_whether_the_browser_speaks_tls(self) -> None:
        self.assertFalse(self.is_secure())
        self.assertFalse(self.is_secure(X_Forwarded_Proto="https"))
        self.peer = "10.0.0.9"
        self.assertTrue(self.is_secure(X_Forwarded_Proto="https"))
        self.assertFalse(self.is_secure(X_Forwarded_Proto="http"))
        self.assertFalse(self.is_secure())

    def test_with_tls_the_cookie_is_for_tls(self) -> None:
        self.patch(self.api.requestFactory, "isSecure", lambda request: True)
        self.assertTrue(self.is_secure())

    def test_wrong_keys_count_for_the_client_behind_a_proxy(self) -> None:
        self.peer = "10.0.0.9"
        for _ in range(5):
            self.log_in("x", X_Forwarded_For="192.0.2.1")
        self.assertEqual(self.log_in(X_Forwarded_For="192.0.2.1").status, 429)
        self.assertEqual(self.log_in(X_Forwarded_For="192.0.2.2").status, 200)

    def test_behind_a_proxy_that_changes_the_host_a_browser_with_tls_is_believed(self) -> None:
        public = {"Origin": FOREIGN, "Sec_Fetch_Site": "same-origin"}
        self.assertEqual(self.log_in(**public).status, 200)
        self.assertEqual(self.browse("DELETE", "/v1/admin/users/ann/ban", **public).status, 200)


class OtherOriginsTests(ConsoleCase):
    options = ("--allowed-origins", FOREIGN)

    def test_the_console_works_though_its_origin_is_not_listed(self) -> None:
        self.assertEqual(self.log_in().status, 200)
        self.assertEqual(self.browse("DELETE", "/v1/admin/users/ann/ban").status, 200)

    def test_the_listed_page_has_no_use_of_the_cookie(self) -> None:
        self.log_in()
        for method, path in self.for_admin():
            self.assertEqual(self.browse(method, path, Origin=FOREIGN).status, 401, (method, path))


class TokenTests(ConsoleCase):
    environment = {"GIM_ADMIN_KEY": KEY, "GIM_AUTH_KEY": SECRET}
    options = ("--auth-audience", "chat.example", "--auth-issuer", "https://example.com")

    def test_a_token_logs_its_user_in_for_a_quarter_of_an_hour(self) -> None:
        self.log_in()
        self.assertTrue(self.state()["can_make_tokens"] and self.state()["login_needs_token"])
        made = self.browse("POST", "/console/token", {"user_id": "ann", "name": "Ann"})
        data = made.envelope["data"]
        self.assertEqual(data["expires_at"], (self.wall.now_ms() // 1000 + 900) * 1000)
        login = self.user_login(data["token"]).envelope["data"]
        self.assertEqual(login["user"], {"id": "ann", "name": "Ann"})
        self.clock.advance(900)
        self.assertEqual(self.user_login(data["token"]).status, 401)

    def user_login(self, token: str) -> Response:
        return self.request("POST", "/v1/login", json.dumps({"id": "ann", "token": token}).encode())

    def test_only_the_administrator_makes_one(self) -> None:
        self.assertEqual(self.browse("POST", "/console/token", {"user_id": "ann"}).status, 401)

    def test_bad_ids_and_names_are_refused(self) -> None:
        self.log_in()
        for body in ({}, {"user_id": ""}, {"user_id": "a b"}, {"user_id": "ann", "name": "system"}):
            self.assertEqual(self.browse("POST", "/console/token", body).status, 400, body)


class NoTokenTests(ConsoleCase):
    def test_in_open_mode_none_is_needed(self) -> None:
        self.log_in()
        self.assertFalse(self.state()["can_make_tokens"] or self.state()["login_needs_token"])
        refused = self.browse("POST", "/console/token", {"user_id": "ann"}).envelope
        self.assertEqual(refused["code"], 409)
        self.assertIn("no token here", refused["msg"])


class NoKeyTests(ConsoleCase):
    environment: dict[str, str] = {}

    def test_there_is_nothing_to_log_in_to(self) -> None:
        self.assertEqual(self.log_in().status, 404)
        self.assertEqual(self.browse("POST", "/console/token", {"user_id": "ann"}).status, 404)
        state = self.state()
        self.assertEqual((state["mode"], state["is_admin"], state["session"]), ("open", False, None))

    def has_live(self, host: str = "localhost", **headers: str) -> bool:
        lines = [f"GET /console/session HTTP/1.1\r\nHost: {host}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        response = self.raw("\r\n".join([*lines, "", ""]).encode())
        return response.status == 200 and response.envelope["data"]["has_live"]

    def test_live_figures_are_for_this_machine_asked_by_its_own_name(self) -> None:
        for host in ("localhost", "localhost:8081", "127.0.0.1:8081", "[::1]:8081"):
            self.assertTrue(self.has_live(host), host)
        for host in ("chat.example", "192.0.2.1:8081", "localhost.chat.example", "127.0.0.1.nip.io"):
            self.assertFalse(self.has_live(host), host)
        for name in ("X_Forwarded_For", "Forwarded", "Via"):
            self.assertFalse(self.has_live(**{name: "127.0.0.1"}), name)
        self.peer = "192.0.2.1"
        self.assertFalse(self.has_live())
