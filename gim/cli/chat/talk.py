"""The chat of a user: what happens and what the user types, as lines on a screen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Protocol

from gim.cli.chat import painting
from gim.cli.chat.book import Book, Conversation
from gim.cli.chat.letters import Letter, Letters
from gim.cli.chat.painting import Fragments
from gim.cli.connecting import failure_of
from gim.cli.notices import text_of
from gim.cli.output import safe
from gim.client.asyncio import Client
from gim.client.events import (
    Appointed,
    Broadcast,
    Dismissed,
    Error,
    Event,
    Gap,
    Message,
    Muted,
    Read,
    Recalled,
    Removed,
    Renamed,
    Reset,
    Sent,
    State,
    User,
)
from gim.client.outcome import GimError
from gim.errors import BadRequest, NotFound

SHOWN = 20  # messages when a conversation is opened


class Screen(Protocol):
    """Where the chat is shown."""

    def show(self, line: Fragments) -> None:
        """Add a line."""

    def refresh(self) -> None:
        """Draw anew what is not a line: the prompt, and the state of things."""


class Talk:
    """Follows the events of a client, and does what the user asks for."""

    def __init__(self, client: Client, me: str, screen: Screen) -> None:
        self.client = client
        self.book = Book(me)
        self.state = State("online")
        self.tries_at = 0.0  # when the client connects again, by the clock of the event loop
        self.letters = Letters(client, self._take_end)
        self._screen = screen
        self._day = ""  # of the last message on the screen
        self.recalling: set[str] = set()  # ids of messages that the user recalls here
        self._to_read: dict[str, str] = {}  # the newest message on the screen, by session
        self._reading: asyncio.Task[None] | None = None

    # What the user does

    def send(self, content: str) -> None:
        """Send a message to the conversation that is open."""
        if self.book.open is None:
            self.complain("no conversation is open: /to WHO or /join ROOM opens one")
        else:
            self.letters.send(self.book.open, content)
            self._screen.refresh()

    async def open(self, conversation: Conversation, count: int = SHOWN) -> None:
        """Show a conversation from its newest messages on. Raises `GimError` when it can't be read."""
        shown: Iterable[Message] = list(conversation.messages.values())[-count:]
        if self.client.state == "online":
            history = await self.client.history(conversation.session, count=count)
            for message in history.items:
                conversation.add(message)
            self.book.meet(message.sender for message in history.items)
            first = history.items[0].id if history.items else ""
            shown = [each for id, each in conversation.messages.items() if id >= first]
        self.book.open, conversation.unread, self._day = conversation, 0, painting.today()
        self._screen.show(painting.divider(self.book.title_of(conversation)))
        for message in shown:
            self._show_message(message)
        self._mark_read(conversation)

    async def load_sessions(self) -> None:
        """Get titles and counts from the server. Raises `GimError`."""
        self.book.take_list(await self.client.sessions())
        self.book.meet([self.client.user] if self.client.user else [])
        self._screen.refresh()

    def wake(self) -> None:
        """Connect now, if the client waits before it connects again."""
        if self.state.now == "waiting":
            self.client.wake()

    def tell(self, text: str) -> None:
        """Show a line that answers the user; the text must be safe."""
        self._screen.show(painting.notice(text))

    def complain(self, text: str) -> None:
        """Show that something did not work; the text must be safe."""
        self._screen.show(painting.error(text))

    # What happens

    async def follow(self, events: AsyncIterator[Event]) -> None:
        """Show what happens. Raises `Failure` when the client is closed by the server."""
        async for event in events:
            try:
                await self._take(event)
            except (BadRequest, GimError) as error:
                self.complain(safe(str(error)))

    async def _take(self, event: Event) -> None:
        match event:
            case State():
                await self._take_state(event)
            case Message():
                self._take_message(event)
            case Reset(reason=reason) if reason != "start":
                self._screen.show(painting.divider(text_of(event)))
                await self._load_again()
            case Read(session_id=session, unread=unread):
                self.book.of(session).unread = unread
                self._screen.refresh()
            case Broadcast():
                self._screen.show(painting.notice(text_of(event), "broadcast"))
            case Error():
                self.complain(text_of(event))
            case Gap() | Recalled() | Renamed() | Dismissed() | Removed() | Muted() | Appointed():
                self._take_notice(event)

    async def _take_state(self, state: State) -> None:
        self.state = state
        self.tries_at = asyncio.get_running_loop().time() + (state.delay or 0.0)
        self._screen.refresh()
        if state.now == "closed":
            raise failure_of(state)
        if state.now == "online":
            await self.load_sessions()

    async def _load_again(self) -> None:
        """Show the newest messages of the open conversation once more: some may be missing above."""
        await self.load_sessions()
        conversation = self.book.open
        if conversation is None:
            return
        try:
            await self.open(conversation)
        except GimError as error:
            if error.code != NotFound.code or not conversation.is_room:
                raise
            self.complain(
                f"{safe(conversation.word)} is gone: /join {safe(conversation.target)} makes it anew"
            )

    def _take_message(self, message: Message) -> None:
        conversation, is_new = self.book.take(message)
        if not is_new:
            return
        if conversation is self.book.open:
            self._show_message(message)
            self._mark_read(conversation)
        else:
            self._screen.refresh()

    def _take_notice(
        self, event: Gap | Recalled | Renamed | Dismissed | Removed | Muted | Appointed
    ) -> None:
        conversation = self.book.known(event.session_id)
        if conversation is None:
            return
        is_open = conversation is self.book.open
        text = self._follow(event, conversation)
        if is_open and text:
            line = painting.divider(text) if isinstance(event, Gap) else painting.notice(text)
            self._screen.show(line)
        self._screen.refresh()

    def _follow(self, event: Event, conversation: Conversation) -> str:
        """Bring a conversation up to date with an event; return what to say about it."""
        name_of = self.book.name_of
        match event:
            case Gap():
                return f"{text_of(event)}: /history shows the newest"
            case Recalled(message_id=id) if id in self.recalling:
                conversation.recall(id)  # the answer to the user says so
            case Recalled(by=by, message_id=id):
                message = conversation.recall(id)
                at = f" of {painting.time_of(message.created_at)}" if message else ""
                return f"{name_of(by)} recalled a message{at}"
            case Renamed(by=by, name=name):
                conversation.title = name
                return f"{name_of(by)} renamed the chatroom to {safe(name)}"
            case Dismissed(by=by):
                self.book.forget(conversation)
                return f"{name_of(by)} dismissed the chatroom"
            case Removed(by=by, user_id=user):
                if user == self.book.me:
                    self.book.forget(conversation)
                return f"{name_of(by)} removed {name_of(user)}"
            case Muted(by=by, user_id=user, until=until):
                mute = f"muted {name_of(user)} until {painting.time_of(until)}"
                return f"{name_of(by)} {mute if until else f'ended the mute of {name_of(user)}'}"
            case Appointed(by=by, user_id=user, role=role):
                return f"{name_of(by)} made {name_of(user)} {safe(role)}"
        return ""

    def _take_end(self, letter: Letter, sent: Sent | None) -> None:
        """An own message was stored, or was not."""
        if sent is not None:
            user = self.client.user or User(self.book.me, self.book.me)
            place = (sent.sequence, 1, sent.created_at)
            self._take_message(Message(sent.id, sent.session_id, user, "text", letter.content, *place))
        else:
            self.complain(self._about(letter))
        self._screen.refresh()

    def _about(self, letter: Letter) -> str:
        here = letter.conversation is self.book.open
        where = "" if here else f" to {safe(letter.conversation.word)}"
        what = "perhaps sent" if letter.is_uncertain else "not sent"
        text = painting.shortened(letter.content)
        if self.client.state == "closed":  # the end of the chat: nothing can be sent again
            return f"{what}{where}: {text}"
        why = safe(letter.error.msg if letter.is_uncertain and letter.error else str(letter.error))
        again = f"/retry {letter.number} sends it again"
        return f"{what}{where} ({why}): {text} · {again}"

    def _show_message(self, message: Message) -> None:
        day = painting.day_of(message)
        if day != self._day:
            self._day = day
            self._screen.show(painting.divider(day))
        self._screen.show(painting.painted(message, self.book))

    # What was read

    def _mark_read(self, conversation: Conversation) -> None:
        """Tell the server that all on the screen was read; one request at a time."""
        if conversation.last is not None:
            self._to_read[conversation.session] = conversation.last.id
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._tell_read())

    async def _tell_read(self) -> None:
        while self._to_read:
            session, id = self._to_read.popitem()
            try:
                await self.client.read(session, id)
            except GimError:
                pass  # the next message in it says so again
