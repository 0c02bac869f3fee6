"""The commands that stay connected, with a client in memory: what their arguments say, and their ends."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from gim.cli import connecting, extras, line_sender
from gim.cli.gateway import Login
from gim.client.events import Event, Gap, State
from gim.client.outcome import GimError
from tests.support.chat_client import ChatClient, message
from tests.support.command import CommandTestCase

ME = "--as", "ann"


async def lines_of_stdin() -> AsyncIterator[str]:
    for line in sys.stdin.read().splitlines():
        yield line


class ConnectedTestCase(CommandTestCase):
    """``happens`` is what a client reports after its login."""

    def setUp(self) -> None:
        super().setUp()
        self.patch(connecting, "connected", self.connected_client)
        self.patch(line_sender, "lines", lines_of_stdin)
        self.happens: list[Event] = []
        self.errors: dict[str, GimError] = {}
        self.logins: list[Login] = []

    @asynccontextmanager
    async def connected_client(
        self, login: Login, timeout: float
    ) -> AsyncIterator[tuple[Any, AsyncIterator[Event]]]:
        self.logins.append(login)
        self.client = client = ChatClient()
        client.errors = self.errors
        client.stores_at_once = True
        for event in self.happens:
            client.happening.put_nowait(event)
        yield client, client.events()

    def asked(self) -> list[str]:
        return [name for name, *_ in self.client.asked]


class ListenTests(ConnectedTestCase):
    def test_messages_are_printed_until_the_count(self) -> None:
        self.happens = [message(1, "bob", "one"), Gap("1:den", None, None, 2), message(2, "bob", "two")]
        run = self.gim("listen", *ME, "--count", "2", "--format", r"{sender}\t{content}")
        self.assertEqual((run.status, run.out), (0, "bob\tone\nbob\ttwo\n"))
        self.assertEqual(run.err, "1:den 2 messages are missing\n")
        self.assertEqual(self.logins, [Login("ws://127.0.0.1:8080", "ann", None)])
        self.assertEqual(self.asked(), [])

    def test_sessions_and_chatrooms_are_chosen(self) -> None:
        self.happens = [
            message(1, "bob", "one"),
            message(2, "bob", "two", "1:den"),
            message(3, "carl", "three", "2:ann:carl"),
        ]
        words = "listen", *ME, "--room", "den", "--session", "2:carl:ann", "--count", "2", "--json"
        contents = [json.loads(line)["content"] for line in self.said(*words).splitlines()]
        self.assertEqual(contents, ["two", "three"])
        self.assertEqual(self.asked(), ["sessions", "join", "leave"])

    def test_time_ends_it_with_0_or_without_the_count_with_4(self) -> None:
        self.assertEqual(self.said("listen", *ME, "--for", "1ms"), "")
        self.refused_with_4("listen", *ME, "--for", "1ms", "--count", "1")

    def refused_with_4(self, *words: str) -> None:
        run = self.gim(*words)
        self.assertEqual((run.status, run.out, run.err), (4, "", ""))

    def test_what_is_refused_is_a_line(self) -> None:
        self.errors["join"] = GimError(409, "full\x1b")
        self.assertEqual(self.refused("listen", *ME, "--room", "den"), "gim: 409, full\\x1b")
        self.errors["join"] = GimError("timeout", "no answer in time")
        line = self.refused("listen", *ME, "--room", "den", status=4)
        self.assertEqual(line, "gim: timeout, no answer in time")
        self.errors["join"] = GimError("closed", "the client is waiting")
        self.refused("listen", *ME, "--room", "den")
        self.happens = [State("closed", None, 3503, "kicked")]
        self.assertEqual(self.refused("listen", *ME), "gim: 3503, kicked")

    def test_arguments_that_make_no_sense_are_a_2(self) -> None:
        for words in (["--session", "x"], ["--format", "{x}"], ["--count", "0"], ["--for", "x"]):
            self.refused("listen", *ME, *words, status=2)
        self.refused("listen", status=2)
        self.assertEqual(self.logins, [])


class SendTests(ConnectedTestCase):
    def test_each_line_is_a_message(self) -> None:
        self.happens = [State("waiting", 1.0, 1006), message(1, "bob", "x")]
        words = "send", "den", "-", "--lines", "--room", *ME, "--category", "note"
        run = self.gim(*words, stdin="one\ntwo")
        self.assertEqual((run.status, run.out), (0, f"{1:032x}\n{2:032x}\n"))
        self.assertEqual(run.err, "disconnected (1006): next try in 1.0 s\n")
        self.assertEqual([each.content for each in self.client.posted], ["one", "two"])
        found = json.loads(self.gim(*words, "--json", "-q", stdin="one").out)
        self.assertEqual(set(found), {"line", "id", "session_id", "sequence", "created_at"})

    def test_one_that_fails_is_a_1(self) -> None:
        self.errors["post"] = GimError(403, "no")
        words = "send", "bob", "-", "--lines", *ME
        self.assertEqual(self.refused(*words, stdin="one"), "gim: line 1: 403, no")


class ChatTests(ConnectedTestCase):
    def test_without_a_terminal_lines_go_in_and_out(self) -> None:
        self.happens = [
            message(1, "bob", "hi\x1b"),
            message(2, "ann", "from elsewhere"),
            message(3, "carl", "psst", "2:ann:carl"),
        ]
        out = self.said("chat", "bob", *ME, stdin="/quit\nhello\n")
        self.assertEqual(out, "2027-01-15T08:01:00Z bob: hi\\x1b\n")
        self.assertEqual([each.content for each in self.client.posted], ["/quit", "hello"])
        self.assertEqual(self.asked(), [])

    def test_a_chatroom_is_joined(self) -> None:
        self.said("chat", "--room", "den", *ME)
        self.assertEqual(self.client.asked, [("join", "den", "")])
        self.errors["join"] = GimError(409, "full")
        self.assertEqual(self.refused("chat", "--room", "den", *ME), "gim: 409, full")

    def test_arguments_that_make_no_sense_are_a_2(self) -> None:
        self.assertIn("name a user as WHO", self.refused("chat", *ME, status=2))
        self.assertIn("do not go together", self.refused("chat", "bob", "--room", "den", *ME, status=2))
        for words in ["a b"], ["ann"], ["--room", "a:b"]:
            self.refused("chat", *words, *ME, status=2)

    def test_on_a_terminal_the_missing_package_is_named(self) -> None:
        self.patch(extras, "find_spec", lambda name: None)
        run = self.gim("chat", *ME, tty=True)
        self.assertEqual((run.status, self.logins), (1, []))
        self.assertIn("the package prompt_toolkit: pip install 'gim[chat]'", run.err)

    def test_lines_need_no_prompt_toolkit(self) -> None:
        self.patch(extras, "find_spec", lambda name: name != "prompt_toolkit" or None)
        self.said("chat", "bob", *ME, stdin="hello\n")
