"""The chat on a terminal, by the package prompt_toolkit: messages above, the prompt below them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from prompt_toolkit import PromptSession
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

from gim.cli import failures
from gim.cli.chat.completer import WordCompleter
from gim.cli.chat.painting import Fragments, shortened
from gim.cli.chat.screen import TerminalScreen
from gim.cli.chat.talk import Talk
from gim.cli.chat.words import QUIT, Words
from gim.cli.output import count, safe
from gim.client.asyncio import Client
from gim.client.events import Event

_GRACE = 1.0  # seconds at the end for what was entered last
_SENDING_SHOWN = 5  # messages on their way that are listed above the prompt


class Interrupted(Exception):
    """The user has pressed Ctrl-C at an empty prompt."""


class Terminal:
    """Reads lines at the prompt while the chat goes on."""

    def __init__(self, talk: Talk, words: Words, screen: TerminalScreen) -> None:
        self._talk = talk
        self._words = words
        self._screen = screen
        self._entered: asyncio.Queue[str] = asyncio.Queue()
        self._was_warned = False  # that messages are on their way
        self._has_begun = False  # to type
        self._status = 0
        self._session: PromptSession[str] = PromptSession(
            self._prompt,
            bottom_toolbar=self.bar,
            completer=WordCompleter(talk.book),
            complete_while_typing=False,
            key_bindings=_keys(),
            prompt_continuation=lambda width, *_: " " * width,
            placeholder=self._hint,
            multiline=True,
            enable_suspend=True,
            erase_when_done=True,
            refresh_interval=1.0,
            style=screen.style,
            color_depth=screen.color_depth,
        )
        screen.app = self._session.app

    async def run(self, events: AsyncIterator[Event]) -> int:
        """Chat until the user ends it; return the exit status. Raises `Failure` when the server does."""
        tasks = [
            asyncio.create_task(work)
            for work in (self._read(), self._talk.follow(events), self._enter_all())
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                await task  # raises what ended it
            return self._status
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self) -> None:
        with self._session.app.input.raw_mode():  # also between two prompts: what is typed then is kept
            while await self._read_one():
                pass

    async def _read_one(self) -> bool:
        """Read what is typed next; False when it ends the chat."""
        try:
            text = await self._session.prompt_async()
        except EOFError:
            text = f"/{QUIT}"
        except Interrupted:
            self._status = failures.INTERRUPTED
            return False
        if text.strip() == f"/{QUIT}":
            return not await self._may_quit()
        self._was_warned, self._has_begun = False, True
        self._entered.put_nowait(text)
        return True

    async def _may_quit(self) -> bool:
        """Give what was entered last a moment; warn once if it takes longer."""
        if self._was_warned:
            return True
        try:
            async with asyncio.timeout(_GRACE):
                await self._entered.join()
                await self._talk.letters.all_ended()
        except TimeoutError:
            sending = len(self._talk.letters.sending)
            what = "1 message is" if sending == 1 else f"{count(sending)} messages are"
            self._talk.complain(f"{what} on the way: /{QUIT} again to give up")
            self._was_warned = True
        return not self._was_warned

    async def _enter_all(self) -> None:
        while True:
            await self._words.enter(await self._entered.get())
            self._entered.task_done()

    def _prompt(self) -> FormattedText:
        sending = self._talk.letters.sending
        lines: Fragments = [
            ("class:waiting", f"… {shortened(letter.content)} (sending)\n")
            for letter in sending[:_SENDING_SHOWN]
        ]
        if len(sending) > _SENDING_SHOWN:
            lines.append(("class:waiting", f"… and {count(len(sending) - _SENDING_SHOWN)} more\n"))
        conversation = self._talk.book.open
        word = safe(conversation.word) if conversation else ""
        return FormattedText([*lines, ("class:prompt", f"{word}> ")])

    def _hint(self) -> FormattedText:
        """Return what stands in the empty prompt until the user has entered something."""
        if self._has_begun:
            return FormattedText()
        text = "write a message, or /help" if self._talk.book.open else "/to WHO, /join ROOM, or /help"
        return FormattedText([("class:hint", text)])

    def bar(self) -> FormattedText:
        """Return the line at the bottom: the user, the connection, and what is unread elsewhere."""
        state, book = self._talk.state.now, self._talk.book
        bar: Fragments = [("", f" {safe(book.me)} ")]
        if state == "online":
            bar.append(("class:bar.online", "● online"))
        elif state == "waiting":
            pause = max(0.0, self._talk.tries_at - asyncio.get_running_loop().time())
            bar.append(("class:bar.offline", f"○ disconnected, next try in {pause:.0f} s or at Enter"))
        else:
            bar.append(("class:bar.offline", f"○ {state}"))
        for each in book.unread():
            bar.append(("class:bar.unread", f"  {safe(each.word)} {count(each.unread)}"))
        return FormattedText(bar)


def _keys() -> KeyBindings:
    keys = KeyBindings()

    @keys.add("enter")
    def send(event: KeyPressEvent) -> None:
        event.current_buffer.validate_and_handle()

    @keys.add("escape", "enter")
    def break_line(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    @keys.add("c-c")
    @keys.add("<sigint>")
    def clear(event: KeyPressEvent) -> None:
        if event.current_buffer.text:
            event.current_buffer.reset()
        else:
            event.app.exit(exception=Interrupted())

    return keys


async def chat(
    client: Client,
    events: AsyncIterator[Event],
    url: str,
    me: str,
    who: str | None,
    room: str | None,
    *,
    has_color: bool,
) -> int:
    """Chat on the terminal; return the exit status. Raises `Failure`, `GimError`, `BadRequest`."""
    screen = TerminalScreen(has_color=has_color)
    talk = Talk(client, me, screen)
    words = Words(talk, url)
    terminal = Terminal(talk, words, screen)
    await words.start(who, room)
    try:
        return await terminal.run(events)
    finally:
        await client.close()
        await talk.letters.all_ended()  # what was given up is named
        screen.flush()
