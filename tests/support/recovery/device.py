"""A device as docs/protocol.md would have it: it keeps messages by id, and asks for what is newer."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Protocol

PRIVATE = 2
NO_MESSAGE = "0" * 32  # older than all messages


class HungUp(Exception):
    """The connection is gone."""


class Link(Protocol):
    """One connection of a client."""

    pushes: list[Any]  # bodies of the pushes that came, in their order

    def ask(self, op: int, **body: Any) -> Coroutine[Any, Any, Any]:
        """Send a request; return the data of its reply, which must be a success. Raises `HungUp`."""

    def cut(self) -> Coroutine[Any, Any, None]:
        """End the connection without a word."""


class Cut:
    """Mixed into a client protocol: it reads so many bytes more, whatever they are, and hangs up."""

    bytes_left: int | None = None  # without end

    def dataReceived(self, data: bytes) -> None:
        if self.bytes_left is not None:
            data = data[: self.bytes_left]
            self.bytes_left -= len(data)
        super().dataReceived(data)  # type: ignore[misc]
        if self.bytes_left == 0:
            self.transport.abortConnection()  # type: ignore[attr-defined]


class Device:
    """What a device of a user keeps over all its connections."""

    def __init__(self, user_id: str) -> None:
        self.user_id = user_id
        self.link: Link | None = None
        self.messages: dict[str, Any] = {}  # by id: pushed, sent from here, or loaded from the history
        self.answer: dict[str, Any] = {}  # to the last login
        self.epoch = ""
        self.since = NO_MESSAGE  # the newest that was pushed
        self.is_whole = True  # False: told of a hole, and has not loaded the sessions anew
        self.times_told = 0  # of a hole
        self.repeated = 0  # messages that were pushed though they were here already
        self.cuts = 0
        self.cuts_while_catching_up = 0
        self.sent_again: dict[str, Any] = {}  # by id: what was acknowledged to a repeated send only
        self._unsent: list[dict[str, Any]] = []
        self._tried: set[str] = set()  # the request_ids that were sent so far
        self._taken = 0  # of the pushes of this connection
        self._missed = 0  # messages of this login that are still to come

    async def login(self, link: Link) -> None:
        """Take a new connection into use, send again what was not acknowledged, and catch up."""
        self.link, self._taken, self._missed = link, 0, 0
        point = {"since": self.since, "epoch": self.epoch} if self.epoch else {}
        try:
            answer = await link.ask(101, id=self.user_id, **point)
        except HungUp:
            await self.hang_up()
            return
        self.answer, self.epoch, self._missed = answer, answer["epoch"], answer["missed"]
        if not answer["recovered"]:
            self.is_whole = False
            self.times_told += 1
        await self.sync()

    async def send(self, target_id: str, content: str, request_id: str = "") -> None:
        """Send a private message, now or when there is a connection again.

        Its *request_id* is the content if that is not too long.
        """
        body = {"type": PRIVATE, "target_id": target_id, "content": content}
        self._unsent.append(body | {"request_id": request_id or content})
        await self.sync()

    async def sync(self) -> bool:
        """Get all that was pushed so far, and what a hole has left; say if the connection held."""
        if self.link is None:
            return False
        try:
            await self._flush(self.link)
            await self._take_all(self.link)
            if not self.is_whole:
                await self._load(self.link)
            return True
        except HungUp:
            await self.hang_up()
            return False

    async def _flush(self, link: Link) -> None:
        while self._unsent:
            body = self._unsent[0]
            is_repeated = body["request_id"] in self._tried
            self._tried.add(body["request_id"])
            sent = await link.ask(201, **body)
            self.messages[sent["id"]] = {**sent, "content": body["content"]}
            if is_repeated:
                self.sent_again[sent["id"]] = sent
            del self._unsent[0]

    async def _take_all(self, link: Link) -> None:
        """Ask until what was missed is here: an answer comes after the pushes before it."""
        await link.ask(105)
        self._take(link)
        while self._missed > 0:
            await link.ask(105)
            self._take(link)

    def _take(self, link: Link) -> None:
        pushes = link.pushes[self._taken :]
        self._taken += len(pushes)
        for message in (item for push in pushes for item in push["items"]):
            self._missed -= 1
            self.repeated += message["id"] in self.messages
            self.messages[message["id"]] = message
            self.since = max(self.since, message["id"])

    async def _load(self, link: Link) -> None:
        """Load the private sessions anew, with all their history."""
        sessions = await link.ask(205, count=200, session_type=PRIVATE)
        for session in sessions["items"]:
            page: dict[str, Any] = {"has_more": True}
            before: dict[str, str] = {}
            while page["has_more"]:
                page = await link.ask(203, session_id=session["id"], count=100, **before)
                self.messages |= {message["id"]: message for message in page["items"]}
                before = {"message_id": page["items"][0]["id"]} if page["items"] else {}
        self.is_whole = True

    async def hang_up(self) -> None:
        """Have no connection any more; keep what had come before the end."""
        if self.link is not None:
            link, self.link = self.link, None
            self._take(link)
            self.cuts += 1
            self.cuts_while_catching_up += self._missed > 0
            await link.cut()
