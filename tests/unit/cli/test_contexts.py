"""Contexts: which server they choose, which secrets they name, and their file."""

from __future__ import annotations

import os
import stat

from gim.cli import contexts
from tests.support.command import KEY, STATISTICS, CommandTestCase, response


class ContextTests(CommandTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.environment["XDG_CONFIG_HOME"] = os.path.join(self.home, "config")
        self.path = os.path.join(self.home, "config", "gim", "contexts.toml")

    def answer(self, request: bytes) -> bytes:
        if b"/v1/admin/" in request:
            return response(STATISTICS)
        return response('{"code":401,"msg":"log in","data":null}', 401)

    def content(self, text: str) -> None:
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        with open(self.path, "w") as file:
            file.write(text)

    def test_a_context_is_added_used_and_removed(self) -> None:
        key_file = self.file("key", "k" * 20)
        self.said("context", "add", "live", "--url", "http://live:1", "--key-file", key_file)
        self.said("context", "add", "test", "--url", "http://test:2", "--as", "ann", "--token-file", "t")
        self.said("context", "add", "tls", "--url", "https://tls", "--ws", "wss://tls/ws")
        self.said("context", "use", "live")
        rows = [row.split() for row in self.said("context", "list").splitlines()]
        self.assertEqual(rows[1], ["live", "http://live:1", os.path.abspath(key_file), "yes"])
        self.assertEqual(rows[2], ["test", "http://test:2", os.path.abspath("t"), "ann"])
        self.assertEqual(rows[3], ["tls", "https://tls", "wss://tls/ws"])
        self.said("stats")
        self.assertEqual(self.connected, [("live", 1)])
        self.assertIn(b"X-API-Key: kkkkkkkkkkkkkkkkkkkk", self.requests[0])
        self.said("context", "remove", "live")
        self.said("stats")
        self.assertEqual(self.connected[1:], [("127.0.0.1", 8081)])
        for word in "use", "remove":
            self.assertIn("no context 'live'", self.refused("context", word, "live"))

    def test_the_file_is_for_its_owner_only(self) -> None:
        self.said("context", "add", "live", "--url", "http://live:1")
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)
        self.assertEqual(os.listdir(os.path.dirname(self.path)), ["contexts.toml"])

    def test_the_option_goes_before_the_variable_and_that_before_the_one_in_use(self) -> None:
        self.content('use = "a"\n[contexts.a]\nurl = "http://a:1"\n[contexts.b]\nurl = "http://b:2"\n')
        self.said("stats")
        self.environment["GIM_URL"] = "http://c:3"
        self.said("stats")
        self.said("--context", "b", "stats")
        self.assertEqual(self.connected, [("a", 1), ("c", 3), ("b", 2)])
        self.refused("stats", "--context", "b", "--url", "http://d:4", status=2)
        self.assertIn("no context 'x'", self.refused("stats", "--context", "x"))

    def test_its_key_goes_to_its_own_server_only(self) -> None:
        key_file = self.file("key", "k" * 20)
        self.content(f'use = "a"\n[contexts.a]\nurl = "http://a:1"\nkey-file = "{key_file}"\n')
        self.said("stats", "--url", "http://b:2")
        self.assertIn(f"X-API-Key: {KEY}".encode(), self.requests[0])
        del self.environment["GIM_ADMIN_KEY"]
        self.refused("stats", "--url", "http://b:2", status=2)

    def test_its_user_and_token_are_used(self) -> None:
        token = self.file("token", "x.eyJhdWQiOiJnaW0taHR0cCJ9.y")
        self.content(f'[contexts.a]\nurl = "http://a:1"\ntoken-file = "{token}"\n')
        self.refused("sessions", "--context", "a")
        self.assertIn(b"Authorization: Bearer x.eyJh", self.requests[0])
        self.content('[contexts.a]\nurl = "http://a:1"\nas = "ann"\n')
        self.refused("sessions", "--context", "a")
        self.assertIn(b'{"id": "ann"}', self.requests[1])

    def test_texts_of_any_kind_are_kept(self) -> None:
        for text in ('"', "\\", "é\n\x7f", "\U0001f600"):
            self.said("context", "add", "a", "--url", "http://a:1", "--as", text)
            self.patch(os, "environ", self.environment)
            self.assertEqual(contexts.read().by_name["a"].user, text)

    def test_a_file_that_can_not_be_used_is_named(self) -> None:
        for text, reason in (
            ("x", "not valid TOML"),
            ("contexts = 1", "contexts: this is not a table"),
            ("[contexts.a]", "contexts.a: url is missing"),
            ('[contexts.a]\nurl = "x"\nkey = "y"', "contexts.a: unknown key 'key'"),
            ("[contexts.a]\nurl = 1", "contexts.a: this is not a table of strings"),
            ('use = "a"', "use: there is no context 'a'"),
        ):
            self.content(text)
            said = self.refused("context", "list")
            self.assertTrue(said.startswith(f"gim: {self.path}: "), said)
            self.assertIn(reason, said)

    def test_names_and_urls_are_checked(self) -> None:
        for words in ["a b", "--url", "http://a"], ["a", "--url", "a"], ["a"]:
            self.refused("context", "add", *words, status=2)

    def test_without_the_variable_the_file_is_below_the_home(self) -> None:
        del self.environment["XDG_CONFIG_HOME"]
        self.said("context", "add", "a", "--url", "http://a:1")
        self.assertTrue(os.path.exists(os.path.join(self.home, ".config", "gim", "contexts.toml")))
