"""The chat with the keys of a user, and what a terminal gets."""

from __future__ import annotations

import asyncio
import io
import re
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from prompt_toolkit.application import create_app_session
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.data_structures import Size
from prompt_toolkit.document import Document
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output.vt100 import Vt100_Output
from twisted.trial.unittest import SynchronousTestCase

from gim.cli.chat import terminal
from gim.cli.chat.book import Book
from gim.cli.chat.completer import WordCompleter
from gim.cli.chat.screen import TerminalScreen
from gim.cli.chat.talk import Talk
from gim.cli.chat.words import Words
from gim.cli.failures import Refused
from gim.client.events import State
from tests.support.chat_client import chat_client, message

_SEQUENCES = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z]|[=>78])")
PATIENCE = 10.0  # seconds


class TerminalTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.patch(terminal, "_GRACE", 0.05)
        self.out = io.StringIO()

    def run_chat(
        self, test: Callable[[], Coroutine[Any, Any, None]], who: str | None = "bob", **options: bool
    ) -> Any:
        """Return how the chat ends while a test types, in a thread: only the main one takes signals."""
        ends: list[Any] = []

        def run() -> None:
            try:
                ends.append(asyncio.run(asyncio.wait_for(self.chat(test, who, **options), PATIENCE)))
            except Exception as error:
                ends.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        return ends[0]

    async def chat(
        self, test: Callable[[], Coroutine[Any, Any, None]], who: str | None, *, has_color: bool = False
    ) -> int:
        self.client = chat_client()
        output = Vt100_Output(self.out, lambda: Size(24, 80), term="xterm", enable_cpr=False)
        with create_pipe_input() as self.keys, create_app_session(input=self.keys, output=output):
            here = ("ws://h", "ann", who, None)
            chatting = asyncio.create_task(
                terminal.chat(self.client, self.client.events(), *here, has_color=has_color)
            )
            await self.until(lambda: ">" in self.shown())
            await test()
            return await chatting

    keys: PipeInput

    def shown(self) -> str:
        """Return all that was written, without what moves the cursor."""
        return _SEQUENCES.sub("", self.out.getvalue())

    async def until(self, holds: Callable[[], object]) -> None:
        """Let the chat go on until something holds; the test's own timeout ends it otherwise."""
        while not holds():
            await asyncio.sleep(0)

    async def shows(self, text: str) -> None:
        await self.until(lambda: text in self.shown())

    def type(self, text: str) -> None:
        self.keys.send_text(text)

    def test_what_is_typed_is_sent_and_what_comes_is_shown_above(self) -> None:
        async def test() -> None:
            self.type("hello\r")
            await self.shows("… hello (sending)")
            self.client.posted[0].stored(1)
            await self.shows("Ann: hello")
            self.client.happening.put_nowait(message(2, "bob", "\x1b[2Jboo"))
            await self.shows("Bob: \\x1b[2Jboo")
            self.type("/quit\r")

        self.assertEqual(self.run_chat(test), 0)
        self.assertNotIn("\x1b[2J", self.out.getvalue())

    def test_a_line_may_be_broken(self) -> None:
        async def test() -> None:
            self.type("a\x1b\rb\r")
            await self.until(lambda: self.client.posted)
            self.client.posted[0].stored(1)
            self.type("\x04")

        self.assertEqual(self.run_chat(test), 0)
        self.assertEqual(self.client.posted[0].content, "a\nb")

    def test_a_hint_stands_in_the_prompt_until_something_is_entered(self) -> None:
        async def test() -> None:
            await self.shows("bob> write a message, or /help")
            self.type("/who\r")
            await self.shows("you are Ann")
            before = len(self.shown())
            self.client.happening.put_nowait(message(2, "bob", "boo"))
            await self.until(lambda: "bob>" in self.shown()[before:])
            self.assertNotIn("or /help", self.shown()[before:])
            self.type("\x04")

        self.assertEqual(self.run_chat(test), 0)

    def test_a_long_message_breaks_between_words(self) -> None:
        async def test() -> None:
            self.client.happening.put_nowait(message(2, "bob", "chatter " * 12))
            await self.shows("Bob: " + "chatter " * 7 + "chatter\r\n      chatter chatter")
            self.type("\x04")

        self.assertEqual(self.run_chat(test), 0)

    def test_an_interrupt_empties_the_prompt_and_then_ends_it(self) -> None:
        async def test() -> None:
            self.type("half a\x03")
            self.type("line\r")
            await self.until(lambda: self.client.posted)
            self.client.posted[0].stored(1)
            self.type("\x03")

        self.assertEqual(self.run_chat(test), 130)
        self.assertEqual([each.content for each in self.client.posted], ["line"])

    def test_it_warns_before_messages_are_given_up_and_names_them(self) -> None:
        async def test() -> None:
            for number in range(7):
                self.type(f"m{number}\r")
            await self.until(lambda: len(self.client.posted) == 7)
            self.type("/quit\r")
            await self.shows("7 messages are on the way: /quit again to give up")
            self.type("/quit\r")

        self.assertEqual(self.run_chat(test), 0)
        self.assertIn("! perhaps sent: m6", self.shown())
        self.assertNotIn("/retry", self.shown())
        self.assertIn("… and 1 more", self.shown())

    def test_what_was_entered_last_is_sent_before_it_ends(self) -> None:
        async def test() -> None:
            self.client.stores_at_once = True
            self.type("one\rtwo\r/quit\r")

        self.assertEqual(self.run_chat(test), 0)
        self.assertEqual([each.content for each in self.client.posted], ["one", "two"])
        self.assertNotIn("on the way", self.shown())

    def test_the_server_may_end_it(self) -> None:
        async def test() -> None:
            self.client.happening.put_nowait(State("closed", None, 3503, "kicked"))

        end = self.run_chat(test)
        self.assertIsInstance(end, Refused)

    def test_colours_are_left_out_on_request(self) -> None:
        async def test() -> None:
            self.client.happening.put_nowait(message(2, "bob", "boo"))
            await self.shows("boo")
            self.type("\x04")

        color = re.compile(r"\x1b\[[0-9;]*3[0-7][0-9;]*m")
        self.assertEqual(self.run_chat(test), 0)
        self.assertNotRegex(self.out.getvalue(), color)
        self.assertEqual(self.run_chat(test, has_color=True), 0)
        self.assertRegex(self.out.getvalue(), color)


class BarTests(SynchronousTestCase):
    def bar(self, state: State, tries_in: float = 0.0) -> str:
        """Return the bar of a chat in which two messages are unread."""

        async def make() -> str:
            client = chat_client()
            with create_pipe_input() as keys, create_app_session(input=keys):
                screen = TerminalScreen(has_color=False)
                talk = Talk(client, "ann", screen)
                talk.book.take(message(1, "bob", "x"))
                talk.book.take(message(2, "bob", "x"))
                talk.state = state
                self.patch(asyncio.get_running_loop(), "time", lambda: 100.0)
                talk.tries_at = 100.0 + tries_in
                shown = terminal.Terminal(talk, Words(talk, "ws://h"), screen)
                return "".join(text for _, text, *_ in shown.bar())

        return asyncio.run(make())

    def test_it_says_how_the_connection_is_and_what_is_unread(self) -> None:
        self.assertEqual(self.bar(State("online")), " ann ● online  bob 2")
        self.assertEqual(
            self.bar(State("waiting", 9.0), 2.9),
            " ann ○ disconnected, next try in 3 s or at Enter  bob 2",
        )
        self.assertEqual(self.bar(State("connecting")), " ann ○ connecting  bob 2")


class CompletionTests(SynchronousTestCase):
    def completed(self, text: str) -> list[str]:
        book = Book("ann")
        book.room("den")
        book.user("bob")
        completer = WordCompleter(book)
        found = completer.get_completions(Document(text), CompleteEvent(completion_requested=True))
        return [each.text for each in found]

    def test_words_and_conversations_are_completed(self) -> None:
        self.assertEqual(self.completed("/re"), ["read", "recall", "retry"])
        self.assertEqual(self.completed("/to "), ["#den", "bob"])
        self.assertEqual(self.completed("/join #"), ["#den"])
        for text in "re", "/history ", "":
            self.assertEqual(self.completed(text), [])
