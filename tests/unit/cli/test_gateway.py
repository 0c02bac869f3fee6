"""Which gateway the arguments choose, and as which user."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace

from gim.cli import gateway
from gim.cli.arguments import add_server_and_gateway, add_user
from gim.cli.failures import Failure, Misuse
from tests.support.command import CommandTestCase

LOGIN_TOKEN = "x.eyJzdWIiOiJib2IifQ.y"  # of the user bob
HTTP_TOKEN = "x.eyJhdWQiOiJnaW0taHR0cCJ9.y"
CONTEXTS = """
use = "a"
[contexts.a]
url = "http://a:1"
ws = "ws://a:2"
as = "ann"
[contexts.b]
url = "http://b:3"
"""


class GatewayTestCase(CommandTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.environment["XDG_CONFIG_HOME"] = self.home
        self.patch(os, "environ", self.environment)

    def contexts(self) -> None:
        os.makedirs(os.path.join(self.home, "gim"))
        self.file("gim/contexts.toml", CONTEXTS)

    def read(self, *words: str) -> Namespace:
        parser = ArgumentParser()
        add_server_and_gateway(parser)
        add_user(parser)
        return parser.parse_args(words)

    def url(self, *words: str) -> str:
        return gateway.gateway_of(self.read(*words)).ws

    def misused(self, *words: str) -> str:
        return str(self.assertRaises(Misuse, gateway.login_of, self.read(*words)))


class UrlTests(GatewayTestCase):
    def test_a_server_at_the_default_url_need_not_name_its_gateway(self) -> None:
        self.assertEqual(self.url(), "ws://127.0.0.1:8080")
        self.assertEqual(self.url("--url", "http://127.0.0.1:8081/"), "ws://127.0.0.1:8080")

    def test_any_other_server_has_to(self) -> None:
        self.assertIn("gateway of http://h:1 is: with --ws", self.misused("--url", "http://h:1"))
        self.environment["GIM_URL"] = "http://g:1"
        self.assertIn("gateway of http://g:1 is: with --ws", self.misused())
        self.contexts()
        self.assertIn("gateway of http://b:3 is: with --ws", self.misused("--context", "b"))

    def test_the_option_goes_before_the_variable_and_that_before_the_context_in_use(self) -> None:
        self.contexts()
        self.assertEqual(self.url(), "ws://a:2")
        self.environment["GIM_WS_URL"] = "ws://w:4"
        self.assertEqual(self.url(), "ws://w:4")
        self.assertEqual(self.url("--context", "a"), "ws://a:2")
        self.assertEqual(self.url("--ws", "wss://o/ws"), "wss://o/ws")
        self.assertIn("do not go together", self.misused("--ws", "ws://o", "--context", "a"))

    def test_a_url_that_no_gateway_can_have_is_refused(self) -> None:
        for url in ("http://h", "ws://", "ws://h:x", "ws://h#a", "h:1", "ws://[", "ws://ann@h"):
            self.misused("--ws", url)
            self.refused("context", "add", "a", "--url", "http://h", "--ws", url, status=2)


class LoginTests(GatewayTestCase):
    def test_the_user_comes_from_the_option_the_context_or_the_token(self) -> None:
        self.assertIn("--as ID", self.misused())
        self.environment["GIM_TOKEN"] = LOGIN_TOKEN
        self.assertEqual(gateway.login_of(self.read())[1:], ("bob", LOGIN_TOKEN))
        del self.environment["GIM_TOKEN"]
        self.contexts()
        self.assertEqual(gateway.login_of(self.read()), ("ws://a:2", "ann", None))
        self.assertEqual(gateway.login_of(self.read("--as", "eve")).user, "eve")

    def test_the_user_of_a_context_is_not_that_of_another_server(self) -> None:
        self.contexts()
        self.assertIn("--as ID", self.misused("--ws", "ws://o"))

    def test_a_token_of_the_http_api_is_refused(self) -> None:
        self.environment["GIM_TOKEN"] = HTTP_TOKEN
        self.assertIn("takes login tokens", self.misused("--as", "ann"))

    def test_a_context_that_is_missing_is_a_failure(self) -> None:
        self.assertRaises(Failure, gateway.login_of, self.read("--context", "none"))
