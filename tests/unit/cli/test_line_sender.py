"""Lines of standard input as messages, and how their ends are reported."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import sys
from collections.abc import AsyncIterator
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gim.cli.failures import Refused
from gim.cli.line_sender import LineSender
from gim.cli.lines import lines
from gim.client.events import Event, Message, Sent, State, User
from gim.client.outcome import GimError


class Posting:
    """A client that ends each post at once: with the error of ``errors`` for its content, if any."""

    def __init__(self) -> None:
        self.state = "online"
        self.errors: dict[str, GimError] = {}
        self.posted: list[tuple[str, str, str]] = []

    def post(self, to: str, content: str, category: str) -> asyncio.Future[Sent]:
        self.posted.append((to, content, category))
        future: asyncio.Future[Sent] = asyncio.get_running_loop().create_future()
        if content in self.errors:
            future.set_exception(self.errors[content])
        else:
            future.set_result(Sent("r", f"id-{content}", "2:ann:bob", 0, 1))
        return future


async def silence() -> AsyncIterator[Event]:
    yield Message("0", "2:ann:bob", User("bob", "Bob"), "text", "hi", 0, 1, 0)
    await asyncio.Event().wait()


class InputTestCase(SynchronousTestCase):
    def stdin(self, data: bytes, *, ends: bool = True) -> None:
        """Let the standard input be a pipe that holds data."""
        reading, writing = os.pipe()
        file = os.fdopen(reading)
        self.addCleanup(file.close)
        self.patch(sys, "stdin", file)
        os.write(writing, data)
        if ends:
            os.close(writing)
        else:
            self.addCleanup(os.close, writing)

    async def read(self) -> list[str]:
        return [line async for line in lines()]


class LinesTests(InputTestCase):
    def test_a_line_ends_with_a_break_or_with_the_input(self) -> None:
        for data, expected in (
            (b"", []),
            (b"a\n", ["a"]),
            (b"a\r\n\n\xc3\xa9", ["a", "", "\xe9"]),
            (b"x" * 60_000 + b"\ny", ["x" * 60_000, "y"]),
        ):
            self.stdin(data)
            self.assertEqual(asyncio.run(self.read()), expected)

    def test_a_file_is_read_too(self) -> None:
        path = self.mktemp()
        with open(path, "w") as file:
            file.write("a\nb")
        with open(path) as file:
            self.patch(sys, "stdin", file)
            self.assertEqual(asyncio.run(self.read()), ["a", "b"])

    def test_what_is_not_utf_8_is_refused(self) -> None:
        self.stdin(b"\xff\n")
        self.assertRaises(UnicodeDecodeError, asyncio.run, self.read())


class LineSenderTests(InputTestCase):
    def setUp(self) -> None:
        self.client: Any = Posting()
        self.stored: list[tuple[int, str]] = []
        self.taken: list[Event] = []

    def send(self, events: AsyncIterator[Event] | None = None) -> int:
        """Return the exit status; ``stored`` has numbers and ids of lines, ``err`` what was told."""
        err = io.StringIO()
        try:
            with contextlib.redirect_stderr(err):
                return asyncio.run(self.run_sender(silence() if events is None else events))
        finally:
            self.err = err.getvalue().splitlines()

    async def run_sender(self, events: AsyncIterator[Event]) -> int:
        def stored(number: int, sent: Sent) -> None:
            self.stored.append((number, sent.id))

        sender = LineSender(self.client, "bob", "text", take=self.taken.append, stored=stored)
        return await sender.run(events)

    def test_ids_come_in_the_order_of_the_lines(self) -> None:
        self.stdin(b"".join(b"%d\n" % number for number in range(250)))
        self.assertEqual(self.send(), 0)
        self.assertEqual(self.stored, [(number + 1, f"id-{number}") for number in range(250)])
        self.assertEqual(self.client.posted[249], ("bob", "249", "text"))

    def test_a_line_that_fails_is_named(self) -> None:
        self.client.errors = {
            "b": GimError(403, "you are muted"),
            "d": GimError("uncertain", "no answer\x1b"),
        }
        self.stdin(b"a\nb\nc\nd\n")
        self.assertEqual(self.send(), 1)
        self.assertEqual(self.stored, [(1, "id-a"), (3, "id-c")])
        self.assertEqual(
            self.err,
            [
                "gim: line 2: 403, you are muted",
                "gim: line 4: uncertain, the server may have stored it or not: no answer\\x1b",
            ],
        )

    def test_what_is_not_utf_8_ends_it_after_the_lines_before(self) -> None:
        self.stdin(b"a\n\xff\nc\n")
        self.assertRaises(UnicodeDecodeError, self.send)
        self.assertEqual(self.stored, [(1, "id-a")])

    def test_a_client_that_is_closed_ends_it_though_the_input_goes_on(self) -> None:
        async def events() -> AsyncIterator[Event]:
            yield State("waiting", 1.0, 1006)
            while not self.client.posted:
                await asyncio.sleep(0)
            self.client.state = "closed"
            yield State("closed", None, 3503, "kicked")
            raise Refused(3503, "kicked")

        self.client.errors = {"a": GimError("closed", "kicked")}
        self.stdin(b"a\n", ends=False)
        refused = self.assertRaises(Refused, self.send, events())
        self.assertEqual(str(refused), "3503, kicked")
        self.assertEqual(self.err, ["gim: line 1: closed, kicked"])
        self.assertEqual([type(event) for event in self.taken], [State, State])
