"""What browsers are told, and what foreign pages are refused."""

from __future__ import annotations

from typing import Any

from tests.unit.api.test_http import ApiTestCase, Response

PAGE = "https://app.example.com"


class CorsTestCase(ApiTestCase):
    def preflight(self, origin: str, path: str = "/v1/messages", method: str = "POST") -> Response:
        asked: Any = {"Access-Control-Request-Method": method}
        asked |= {"Access-Control-Request-Headers": "authorization,content-type"}
        return self.request("OPTIONS", path, Origin=origin, **asked)

    def assert_refused(self, response: Response) -> None:
        self.assertEqual(response.status, 403)
        self.assertIn("--allowed-origins", response.envelope["msg"])
        self.assertNotIn("access-control-allow-origin", response.headers)
        self.assertEqual(response.headers["vary"], "origin")


class SameHostTests(CorsTestCase):
    """The Host of these requests is localhost."""

    def test_without_an_origin_everything_is_as_ever(self) -> None:
        response = self.request("GET", "/healthz")
        self.assertEqual((response.status, response.headers["vary"]), (200, "origin"))
        self.assertNotIn("access-control-allow-origin", response.headers)
        self.assertEqual(self.request("OPTIONS", "/v1/login").status, 405)

    def test_a_page_of_the_same_host_may_ask_whatever_its_port(self) -> None:
        for origin in "http://localhost", "https://localhost:3000", "http://LocalHost":
            response = self.request("GET", "/healthz", Origin=origin)
            self.assertEqual(response.status, 200)
            self.assertEqual(response.headers["access-control-allow-origin"], origin.lower())
            self.assertEqual(self.preflight(origin).status, 204)

    def test_a_foreign_page_is_refused_before_anything_is_done(self) -> None:
        for origin in PAGE, "null", "http://localhost.evil.example", "", "x", "http://localhost/", "\xff":
            body = b'{"id":"ann"}'
            self.assert_refused(self.request("POST", "/v1/login", body, Origin=origin))
            self.assert_refused(self.preflight(origin))
        token = self.token("bob")
        self.assertEqual(self.ask_http("GET", "/v1/users/ann", token)["code"], 404)

    def test_two_origins_are_refused(self) -> None:
        lines = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nOrigin: http://y\r\n\r\n"
        self.assert_refused(self.raw(lines))
        self.assert_refused(self.raw(lines.replace(b"http://y", b"http://localhost")))

    def test_without_a_host_no_host_is_the_same(self) -> None:
        self.assert_refused(self.raw(b"GET /healthz HTTP/1.0\r\nOrigin: http://localhost\r\n\r\n"))


class ListedTests(CorsTestCase):
    options = ("--allowed-origins", f"{PAGE},https://*.example.org", "--trace", "X-Trace")

    def test_the_preflight_says_what_may_be_asked(self) -> None:
        response = self.preflight(PAGE, "/v1/chatrooms/den/members/me", "PUT")
        self.assertEqual((response.status, response.body), (204, b""))
        for name, value in (
            ("access-control-allow-origin", PAGE),
            ("access-control-allow-methods", "get, post, put, patch, delete"),
            ("access-control-allow-headers", "authorization, content-type, x-api-key, x-trace"),
            ("access-control-max-age", "600"),
            ("vary", "origin"),
        ):
            self.assertEqual(response.headers[name], value)
        self.assertNotIn("access-control-allow-credentials", response.headers)

    def test_a_page_may_read_responses_and_refusals_with_their_trace(self) -> None:
        for path, status in ("/healthz", 200), ("/nowhere", 404), ("/v1/sessions", 401), ("//x", 404):
            response = self.request("GET", path, Origin="https://a.example.org", X_Trace="t1")
            self.assertEqual(response.status, status)
            self.assertEqual(response.headers["access-control-allow-origin"], "https://a.example.org")
            self.assertEqual(response.headers["access-control-expose-headers"], "x-trace, retry-after")
            self.assertEqual(response.headers["x-trace"], "t1")

    def test_the_same_host_is_not_listed_by_itself(self) -> None:
        self.assert_refused(self.preflight("http://localhost"))

    def test_options_without_a_page_behind_is_no_preflight(self) -> None:
        self.assertEqual(self.request("OPTIONS", "/v1/messages", Origin=PAGE).status, 405)
        headers = {"Access-Control-Request-Method": "POST"}
        self.assertEqual(self.request("OPTIONS", "/v1/messages", **headers).status, 405)  # type: ignore[arg-type]

    def test_a_whole_conversation_of_a_page(self) -> None:
        login = self.request("POST", "/v1/login", b'{"id":"ann"}', Origin=PAGE)
        token = login.envelope["data"]["token"]
        response = self.request("GET", "/v1/users/ann", token=token, Origin=PAGE)
        self.assertEqual(response.envelope["data"]["id"], "ann")


class EverythingTests(CorsTestCase):
    options = ("--allowed-origins", "*")

    def test_every_page_is_named_but_one_without_an_origin(self) -> None:
        for origin in PAGE, "http://[::1]:8000", "app://x":
            self.assertEqual(self.preflight(origin).headers["access-control-allow-origin"], origin)
        self.assert_refused(self.preflight("null"))
