"""Prints what comes for a user: the work of ``gim listen``."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import asdict
from typing import Any

from gim.cli.connecting import change_of
from gim.cli.message_format import written
from gim.cli.notices import text_of
from gim.cli.output import Output, as_json, safe
from gim.client.asyncio import Client
from gim.client.calls import Chatroom
from gim.client.events import Event, Failed, Message, Read, Sent, State
from gim.client.outcome import GimError

_CHATROOM = 1  # the type of a session
_LEAVE_TIMEOUT = 5.0  # seconds


class Listener:
    """Prints messages, of all sessions or of some; other events on request."""

    def __init__(
        self,
        output: Output,
        format: str,
        sessions: Collection[str],
        *,
        prints_events: bool,
        without: str = "",
    ) -> None:
        """*sessions* are the ids of those to print, none for all. *without* is a user to leave out."""
        self._output = output
        self._format = format
        self._sessions = sessions
        self._prints_events = prints_events
        self._without = without
        self.printed = 0  # messages

    async def run(self, events: AsyncIterator[Event], count: int | None) -> None:
        """Print until so many messages were printed. Raises `Failure` when the client is closed."""
        async for event in events:
            self.take(event)
            if count is not None and self.printed >= count:
                return

    def take(self, event: Event) -> None:
        """Print an event. Raises `Failure` when it is the end of the client."""
        match event:
            case State():
                self._take_change(event)
            case Message(session_id=session, sender=sender):
                if self._concerns(session) and sender.id != self._without:
                    self.printed += 1
                    self._print_message(event)
            case Sent() | Failed():
                pass  # a listener sends nothing
            case _ if self._concerns(getattr(event, "session_id", "")):
                self._take_other(event)

    def _concerns(self, session: str) -> bool:
        return not self._sessions or not session or session in self._sessions

    def _take_change(self, state: State) -> None:
        if self._prints_events and self._output.is_json:
            self._print(as_json({"kind": state.kind, **asdict(state)}))
        if note := change_of(state):
            self._output.note(note)

    def _print_message(self, message: Message) -> None:
        data = asdict(message)
        is_json = self._output.is_json
        self._print(as_json({"kind": message.kind, **data}) if is_json else written(self._format, data))

    def _take_other(self, event: Event) -> None:
        session = safe(getattr(event, "session_id", ""))
        text = " ".join(filter(None, (session, text_of(event))))
        if self._prints_events and self._output.is_json:
            self._print(as_json({"kind": event.kind, **_data_of(event)}))
        elif self._prints_events and text_of(event):
            self._print(f"* {text}")
        elif text_of(event) and not isinstance(event, Read):
            self._output.note(text)

    def _print(self, line: str) -> None:
        print(line)
        sys.stdout.flush()


def _data_of(event: Any) -> dict[str, Any]:
    return asdict(event)


class Rooms:
    """Chatrooms that are joined in order to listen, and left again at the end."""

    def __init__(self, client: Client, rooms: Sequence[str], output: Output) -> None:
        self._client = client
        self._rooms = rooms
        self._output = output
        self._joined: list[str] = []  # the user was not a member of these

    async def join(self) -> None:
        """Join the chatrooms that the user is not in. Raises `GimError`."""
        if not self._rooms:
            return
        known = {session.id for session in await self._client.sessions(_CHATROOM)}
        for room in self._rooms:
            if Chatroom(room).session_id not in known:
                await self._client.join(room)
                self._joined.append(room)

    async def leave(self) -> None:
        """Leave what was joined; say which chatroom could not be left."""
        for room in self._joined:
            try:
                async with asyncio.timeout(_LEAVE_TIMEOUT):
                    await self._client.leave(room)
            except (GimError, TimeoutError) as error:
                self._output.note(f"{safe(room)} was not left: {safe(str(error)) or 'no answer'}")
