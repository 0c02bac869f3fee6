"""Logging in over WebSocket and HTTP where a key is set, by clients that try to get in without one."""

from __future__ import annotations

import json
import os
from typing import Any

from gim.auth.constants import AUDIENCE
from tests.support.key_material import OTHER_SECRET, SECRET, public_token, secret_token
from tests.support.pipe import Client
from tests.support.world import START
from tests.unit.api.test_http import ApiTestCase

KEY = "a-key-for-these-tests"


class AuthenticatedTestCase(ApiTestCase):
    """A daemon with a key for login tokens, and heartbeats so long that nothing else ends connections."""

    more: tuple[str, ...] = ()

    def setUp(self) -> None:
        path = self.mktemp()
        with open(path, "w") as file:
            file.write(SECRET)
        self.options = ("--auth-key-file", path, "--heartbeat-interval", "1d", *self.more)
        super().setUp()

    def login(self, client: Client, token: str | None, user_id: str = "ann", **body: Any) -> Any:
        given: dict[str, Any] = {} if token is None else {"token": token}
        return self.ask(client, 101, id=user_id, **given, **body)


class WebSocketTests(AuthenticatedTestCase):
    def test_a_token_lets_its_user_in(self) -> None:
        client = self.connect()
        reply = self.login(client, secret_token())
        self.assertEqual((reply["code"], reply["data"]["user"]["id"]), (0, "ann"))
        self.data(client, 105)

    def test_no_token_or_a_bad_one_is_a_401_and_the_connection_stays(self) -> None:
        client = self.connect()
        for token in None, "", "x", secret_token(OTHER_SECRET):
            reply = self.login(client, token)
            self.assertEqual((reply["code"], reply["data"]), (401, None))
            self.assertTrue(reply["msg"].startswith("token: "), reply)
        self.assertEqual(self.refusal(client, 105)[0], 401)
        self.assertEqual(self.login(client, secret_token())["code"], 0)

    def test_the_fifth_bad_token_closes_with_3500_after_its_reply(self) -> None:
        client = self.connect()
        for _ in range(4):
            self.login(client, "x")
        self.assertIsNone(client.closed)
        self.assertEqual(self.login(client, None)["code"], 401)
        self.assertEqual(client.closed and client.closed[0], 3500)
        self.assertEqual(self.gateway.connections, set())

    def test_bad_tokens_count_also_beside_good_ones(self) -> None:
        client = self.connect()
        for _ in range(5):
            self.assertIsNone(client.closed)
            self.login(client, "x")
            if client.closed is None:
                self.login(client, secret_token())
        self.assertEqual(client.closed and client.closed[0], 3500)

    def test_the_token_of_another_user_is_refused(self) -> None:
        client = self.connect()
        for user_id in "bob", "Ann", "ann2", "an":
            reply = self.login(client, secret_token(), user_id)
            self.assertEqual(reply["code"], 401)
            self.assertTrue(reply["msg"].startswith("id: "), reply)

    def test_an_id_that_is_none_is_a_400_as_ever(self) -> None:
        client = self.connect()
        self.assertEqual(self.login(client, secret_token(sub="a b"), "a b")["code"], 400)
        self.assertEqual(self.ask(client, 101, token=secret_token())["code"], 400)
        self.assertEqual(self.ask(client, 101, id="ann", token=5)["code"], 400)

    def test_the_name_of_the_token_counts_more_than_that_of_the_body(self) -> None:
        named, plain = secret_token(name="Ann"), secret_token()
        for token, name, expected in (
            (plain, None, "ann"),
            (plain, "Annie", "Annie"),
            (named, "Boss", "Ann"),
            (plain, None, "Ann"),
            (secret_token(name=""), "Boss", "ann"),
        ):
            more = {} if name is None else {"name": name}
            reply = self.login(self.connect(), token, **more)
            self.assertEqual(reply["data"]["user"]["name"], expected)

    def test_logging_in_again_as_another_user_is_refused(self) -> None:
        client = self.connect()
        self.login(client, secret_token())
        self.assertEqual(self.login(client, secret_token(sub="bob"), "bob")["code"], 409)

    def test_a_token_of_the_http_api_is_not_a_login_token(self) -> None:
        client = self.connect()
        token = self.login(client, secret_token())["data"]["token"]
        self.assertEqual(self.login(self.connect(), token)["code"], 401)
        self.assertEqual(self.login(self.connect(), secret_token(aud=AUDIENCE))["code"], 401)


class ExpiryTests(AuthenticatedTestCase):
    def client_until(self, seconds: float) -> Client:
        client = self.connect()
        self.assertEqual(self.login(client, self.token_until(seconds))["code"], 0)
        return client

    def token_until(self, seconds: float) -> str:
        """Return a token that is good until so many seconds after the start."""
        return secret_token(exp=START + seconds)

    def until(self, seconds: float) -> None:
        self.advance(START + seconds - self.clock.seconds())

    def test_the_connection_is_closed_with_3005_within_a_second(self) -> None:
        client = self.client_until(10)
        self.until(9.9)
        self.data(client, 105)
        self.until(11)
        self.assertEqual(client.closed and client.closed[0], 3005)

    def test_a_new_login_with_a_fresh_token_keeps_it(self) -> None:
        client = self.client_until(10)
        self.until(8)
        self.login(client, self.token_until(30))
        self.until(29)
        self.assertIsNone(client.closed)
        self.until(31)
        self.assertEqual(client.closed and client.closed[0], 3005)

    def test_a_new_login_that_is_refused_does_not(self) -> None:
        client = self.client_until(10)
        self.until(8)
        self.login(client, "x")
        self.login(client, secret_token(sub="bob", exp=START + 99), "bob")
        self.until(11)
        self.assertEqual(client.closed and client.closed[0], 3005)

    def test_the_newest_token_counts_also_when_it_ends_sooner(self) -> None:
        client = self.client_until(100)
        self.login(client, self.token_until(5))
        self.until(6)
        self.assertEqual(client.closed and client.closed[0], 3005)

    def test_after_a_logout_only_the_time_for_a_login_counts(self) -> None:
        client = self.client_until(10)
        self.data(client, 103)
        self.until(29)
        self.assertIsNone(client.closed)
        self.until(32)
        self.assertEqual(client.closed and client.closed[0], 3502)

    def test_a_process_that_was_stopped_looks_at_the_clock_when_it_goes_on(self) -> None:
        client = self.client_until(10)
        self.clock.advance(9.5)  # one tick of the wheel
        self.advance(12)
        self.assertEqual(client.closed and client.closed[0], 3005)

    def test_each_connection_has_its_own_time(self) -> None:
        soon, later = self.client_until(5), self.client_until(50)
        self.until(20)
        self.assertEqual(soon.closed and soon.closed[0], 3005)
        self.data(later, 105)


class HttpTests(AuthenticatedTestCase):
    def credentials(self, token: str, **fields: str) -> Any:
        body = body_of(id="ann", token=token, **fields)
        return self.request("POST", "/v1/login", body).envelope["data"]

    def test_a_login_needs_a_token(self) -> None:
        for fields in ({}, {"token": ""}, {"token": "x"}, {"token": secret_token(sub="bob")}):
            response = self.request("POST", "/v1/login", body_of(id="ann", **fields))
            self.assertEqual(response.status, 401)
            self.assertEqual(response.headers["www-authenticate"], "bearer")
        data = self.credentials(secret_token(name="Ann"), name="A")
        self.assertEqual(data["user"], {"id": "ann", "name": "Ann"})
        self.http("GET", "/v1/sessions", data["token"])

    def test_a_login_token_is_no_bearer(self) -> None:
        for token in secret_token(), secret_token(aud=AUDIENCE, name="Ann"):
            self.assertEqual(self.ask_http("GET", "/v1/sessions", token)["code"], 401)

    def test_the_token_ends_with_the_one_that_it_was_given_for(self) -> None:
        client = self.connect()
        tokens = [
            self.credentials(secret_token(exp=START + 60))["token"],
            self.login(client, secret_token(exp=START + 60))["data"]["token"],
        ]
        self.clock.advance(59)
        for token in tokens:
            self.http("GET", "/v1/sessions", token)
        self.clock.advance(1)
        for token in tokens:
            self.assertEqual(self.ask_http("GET", "/v1/sessions", token)["code"], 401)

    def test_it_is_good_for_a_day_at_most(self) -> None:
        token = self.credentials(secret_token(exp=START + 10**7))["token"]
        self.clock.advance(86399)
        self.http("GET", "/v1/sessions", token)
        self.clock.advance(1)
        self.assertEqual(self.ask_http("GET", "/v1/sessions", token)["code"], 401)


class PartyTests(AuthenticatedTestCase):
    more = ("--auth-audience", "chat", "--auth-issuer", "me")

    def test_the_options_are_asked_for(self) -> None:
        client = self.connect()
        self.assertEqual(self.login(client, secret_token(aud="chat"))["code"], 401)
        self.assertEqual(self.login(client, secret_token(iss="me"))["code"], 401)
        self.assertEqual(self.login(client, secret_token(aud="chat", iss="me"))["code"], 0)


class OpenTests(ApiTestCase):
    def test_tokens_are_not_looked_at(self) -> None:
        for token in "", "x", public_token("ES256"):
            self.data(self.connect(), 101, id="ann", token=token)


class BannedTests(AuthenticatedTestCase):
    def setUp(self) -> None:
        self.patch(os, "environ", os.environ | {"GIM_ADMIN_KEY": KEY})
        super().setUp()

    def ban(self, method: str, body: bytes = b"") -> None:
        path = "/v1/admin/users/ann/ban"
        self.assertEqual(self.request(method, path, body, X_API_Key=KEY).status, 200)
        self.pump()

    def test_a_valid_token_of_a_banned_user_is_refused(self) -> None:
        client = self.connect()
        old = self.login(client, secret_token())["data"]["token"]
        self.clock.advance(1)
        self.ban("PUT", b'{"seconds":60}')
        self.assertEqual(client.closed and client.closed[0], 3503)
        later = self.connect()
        for _ in range(6):  # no bad tokens: the connection stays
            self.assertEqual(self.login(later, secret_token())["code"], 403)
        response = self.request("POST", "/v1/login", body_of(id="ann", token=secret_token()))
        self.assertEqual(response.status, 403)
        self.assertEqual(self.ask_http("GET", "/v1/sessions", old)["code"], 403)
        self.ban("DELETE")
        self.assertEqual(self.ask_http("GET", "/v1/sessions", old)["code"], 401)
        self.assertEqual(self.login(later, secret_token())["code"], 0)


def body_of(**fields: Any) -> bytes:
    return json.dumps(fields).encode()
