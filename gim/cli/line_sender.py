"""Sends lines of standard input, each as a message, through the outbox of the client library."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable

from gim.cli.failures import REFUSED
from gim.cli.lines import lines
from gim.cli.output import safe
from gim.client.asyncio import Client, Pending
from gim.client.calls import Chatroom
from gim.client.events import Event, Sent, State
from gim.client.outcome import GimError

_WINDOW = 100  # lines that are read ahead of the last one that ended


class LineSender:
    """Posts lines as they come, and reports their ends in order."""

    def __init__(
        self,
        client: Client,
        to: str | Chatroom,
        category: str,
        *,
        take: Callable[[Event], None],
        stored: Callable[[int, Sent], None],
    ) -> None:
        """*take* is called with each event, *stored* with the number of a line that was sent."""
        self._client = client
        self._message = (to, category)
        self._take = take
        self._stored = stored
        self._waiting: asyncio.Queue[tuple[int, Pending] | None] = asyncio.Queue(_WINDOW)
        self._status = 0

    async def run(self, events: AsyncIterator[Event]) -> int:
        """Send all lines; return the exit status. Raises `Failure` when the client is closed before."""
        reading = asyncio.create_task(self._read())
        watching = asyncio.create_task(self._watch(events, reading))
        try:
            await self._report()
            if self._client.state == "closed":
                await watching  # raises why
            await reading
        finally:
            reading.cancel()
            watching.cancel()
        return self._status

    async def _read(self) -> None:
        to, category = self._message
        number = 0
        try:
            async for text in lines():
                number += 1
                await self._waiting.put((number, self._client.post(to, text, category)))
        finally:
            await self._waiting.put(None)

    async def _watch(self, events: AsyncIterator[Event], reading: asyncio.Task[None]) -> None:
        async for event in events:
            if isinstance(event, State) and event.now == "closed":
                reading.cancel()  # what is posted already has ended with this
            self._take(event)

    async def _report(self) -> None:
        while (waiting := await self._waiting.get()) is not None:
            number, pending = waiting
            try:
                sent = await pending
            except GimError as error:
                self._status = REFUSED
                print(f"gim: line {number}: {_reason(error)}", file=sys.stderr, flush=True)
            else:
                self._stored(number, sent)


def _reason(error: GimError) -> str:
    if error.code == "uncertain":
        return f"uncertain, the server may have stored it or not: {safe(error.msg)}"
    return safe(str(error))
