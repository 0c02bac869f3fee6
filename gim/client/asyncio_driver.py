"""Runs a core under asyncio: sockets, the clock, the token function, the store."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from gim.client.asyncio_socket import Socket
from gim.client.commands import AskToken, Close, Command, Open, Save, Write
from gim.client.core import Core
from gim.client.events import Error
from gim.client.outcome import Ended
from gim.client.settings import Settings
from gim.client.store import Store

T = TypeVar("T")

TokenFunction = Callable[[], Awaitable[str | None]]


class Driver:
    """Does what the core commands, and reports what happens."""

    def __init__(
        self,
        url: str,
        settings: Settings,
        token: TokenFunction | None,
        store: Store | None,
        ended: Callable[[Ended], None],
    ) -> None:
        """*ended* takes the ends of requests and sends."""
        self._url = url
        self._token = token
        self._store = store
        self._ended = ended
        self._started_at = time.time() - time.monotonic()
        self.core = Core(settings, self._now(), store.load() if store else None)
        self._socket: Socket | None = None
        self._leaving: set[asyncio.Task[None]] = set()  # sockets that are being closed
        self._asking: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._happened = asyncio.Event()

    def _now(self) -> float:
        """Return Unix seconds that no change of the system's clock affects."""
        return self._started_at + time.monotonic()

    def do(self, act: Callable[[float], T]) -> T:
        """Call the core with the time, and do what it commands."""
        result = act(self._now())
        self._follow()
        return result

    async def happens(self) -> None:
        """Wait until anything has happened."""
        self._happened.clear()
        await self._happened.wait()

    async def closed(self) -> None:
        """Wait until all sockets are gone. The core must be in the state ``closed``."""
        self._stop_asking()
        if self._leaving:
            await asyncio.wait(self._leaving)

    def _follow(self) -> None:
        core = self.core
        while core.commands:
            commands, core.commands = core.commands, []
            for command in commands:
                self._perform(command)
        ends, core.ends = core.ends, []
        for end in ends:
            self._ended(end)
        self._set_timer()
        self._happened.set()

    def _perform(self, command: Command) -> None:
        match command:
            case Write(text):
                if self._socket is not None:
                    self._socket.write(text)
            case Open(number):
                self._socket = Socket(number, self._url, self)
            case Close(_, code):
                self._leave(code)
            case AskToken():
                self._stop_asking()
                self._asking = asyncio.create_task(self._ask())
            case Save(state):
                self._save(state)

    def _leave(self, code: int) -> None:
        if self._socket is not None:
            self._socket.close(code)
            leaving = asyncio.create_task(self._socket.gone())
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)
            self._socket = None

    def _save(self, state: dict[str, object]) -> None:
        assert self._store is not None
        try:
            self._store.save(state)
        except Exception as error:
            self.core.report(Error("store", f"the state could not be saved: {error!r}"))

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self.core.deadline()
        if deadline is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(0.0, deadline - self._now()), self._tick)

    def _tick(self) -> None:
        self._timer = None
        self.do(self.core.tick)

    def _stop_asking(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            self._asking = None

    async def _ask(self) -> None:
        assert self._token is not None
        try:
            token = await self._token()
        except Exception as error:
            reason = repr(error)
            self.do(lambda now: self.core.token_failed(reason, now))
        else:
            self.do(lambda now: self.core.token(token, now))

    # What a socket reports

    def on_opened(self, number: int) -> None:
        self.do(lambda now: self.core.opened(number, now))

    def on_refused(self, number: int, status: int, retry_after: float | None) -> None:
        self.do(lambda now: self.core.refused(number, status, retry_after, now))

    def on_ended(self, number: int, code: int, reason: str) -> None:
        self.do(lambda now: self.core.ended(number, code, reason, now))

    def on_received(self, number: int, text: str | bytes) -> None:
        self.do(lambda now: self.core.received(number, text, now))
