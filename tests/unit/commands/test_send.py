"""``gim send`` without ``--lines``: one message over HTTP."""

from __future__ import annotations

import json

from gim.cli import extras
from tests.support.command import ServedTestCase

ME = "--as", "ann"


class SendTests(ServedTestCase):
    def test_a_message_is_sent_and_its_id_printed(self) -> None:
        sent = json.loads(self.said("send", "bob", "hi", *ME, "--json", "--category", "note"))
        self.assertEqual(sent["session_id"], "2:ann:bob")
        (message,) = self.said("history", "2:ann:bob", *ME, "--json").splitlines()
        self.assertEqual(
            [json.loads(message)[name] for name in ("id", "category", "content")],
            [sent["id"], "note", "hi"],
        )
        self.assertEqual(len(self.said("send", "bob", "-", *ME, stdin="a\nb\n").strip()), 32)

    def test_a_repeated_request_id_sends_nothing_new(self) -> None:
        words = "send", "bob", "hi", *ME, "--request-id", "7"
        self.assertEqual(self.said(*words), self.said(*words))

    def test_a_chatroom_needs_a_membership(self) -> None:
        self.said("room", "create", "den", "--owner", "ann", "-q")
        self.said("send", "den", "hi", "--room", *ME)
        self.assertIn("403", self.refused("send", "den", "hi", "--room", "--as", "bob"))

    def test_lines_are_those_of_standard_input(self) -> None:
        self.assertIn("write - as TEXT", self.refused("send", "bob", "hi", "--lines", *ME, status=2))
        words = "send", "bob", "-", "--lines", "--request-id", "7", *ME
        self.assertIn("do not go together", self.refused(*words, status=2))

    def test_without_the_package_the_extra_is_named(self) -> None:
        self.patch(extras, "find_spec", lambda name: None)
        for words in ["send", "bob", "-", "--lines"], ["listen"]:
            self.assertIn("pip install 'gim[client]'", self.refused(*words, *ME))
        self.assertEqual(self.connected, [])
