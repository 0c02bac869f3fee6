"""A client for the chat: a server of one user, in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from gim.client.calls import Chatroom, History, Joined, Member, SessionItem
from gim.client.events import Event, Message, Sent, State, User
from gim.client.outcome import GimError

START_MS = 1_800_000_000_000  # the time of the first message


def message(number: int, sender: str, content: str, session: str = "2:ann:bob", **fields: Any) -> Message:
    """Return the message with a number; they are a minute apart."""
    made: dict[str, Any] = {"category": "text", "status": 1, "title": "", "name": sender.capitalize()}
    made |= fields
    return Message(
        f"{number:032x}", session, User(sender, made["name"]), made["category"], content, 0,
        made["status"], START_MS + number * 60_000, made["title"],
    )  # fmt: skip


def chat_client() -> Any:
    """Return a new client where the type of a real one is asked for."""
    return ChatClient()


class Posted:
    """A message on its way, until the test ends it."""

    def __init__(self, client: ChatClient, to: str | Chatroom, content: str) -> None:
        self._client = client
        self.to = to
        self.content = content
        self.future: asyncio.Future[Sent] = asyncio.get_running_loop().create_future()

    def __await__(self) -> Any:
        return self.future.__await__()

    def retry(self) -> Posted:
        return self._client.post(self.to, self.content)

    def stored(self, number: int, session: str = "2:ann:bob") -> None:
        at = START_MS + number * 60_000
        self.future.set_result(Sent("r", f"{number:032x}", session, 0, at))

    def failed(self, code: int | str, msg: str) -> None:
        self.future.set_exception(GimError(code, msg))


class ChatClient:
    """What the chat uses of a client. ``asked`` has the requests; ``errors`` refuses them by name."""

    def __init__(self) -> None:
        self.state = "online"
        self.user = User("ann", "Ann")
        self.asked: list[tuple[Any, ...]] = []
        self.errors: dict[str, GimError] = {}
        self.histories: dict[str, list[Message]] = {}
        self.listed: list[SessionItem] = []
        self.posted: list[Posted] = []
        self.stores_at_once = False  # or the test ends what is posted
        self.happening: asyncio.Queue[Event | None] = asyncio.Queue()

    def _ask(self, name: str, *args: Any) -> None:
        self.asked.append((name, *args))
        if name in self.errors:
            raise self.errors[name]

    async def events(self) -> AsyncIterator[Event]:
        """Yield what the test puts into ``happening``; None ends it."""
        while (event := await self.happening.get()) is not None:
            yield event

    def post(self, to: str | Chatroom, content: str, category: str = "text") -> Posted:
        posted = Posted(self, to, content)
        self.posted.append(posted)
        if "post" in self.errors:
            posted.failed(self.errors["post"].code, self.errors["post"].msg)
        elif self.stores_at_once:
            posted.stored(len(self.posted))
        elif self.state == "closed":
            posted.failed("closed", "the client is closed")
        return posted

    def wake(self) -> None:
        self._ask("wake")

    async def close(self) -> None:
        """End what is on its way, as a client does."""
        self.state = "closed"
        for posted in self.posted:
            if not posted.future.done():
                posted.failed("uncertain", "the client is closed")
        self.happening.put_nowait(State("closed", None, 1000))

    async def history(self, session: str, count: int = 20) -> History:
        self._ask("history", session, count)
        return History(self.histories.get(session, [])[-count:], False)

    async def sessions(self, type: int | None = None) -> list[SessionItem]:
        self._ask("sessions")
        return self.listed

    async def join(self, room: str, name: str = "") -> Joined:
        self._ask("join", room, name)
        return Joined(f"1:{room}", 2)

    async def leave(self, room: str) -> None:
        self._ask("leave", room)

    async def members(self, room: str) -> list[Member]:
        self._ask("members", room)
        return [Member("ann", "Ann", True, "owner"), Member("bob", "Bob", False, "member")]

    async def read(self, session: str, message_id: str) -> int:
        self._ask("read", session, message_id)
        return 0

    async def recall(self, session: str, message_id: str) -> None:
        self._ask("recall", session, message_id)
