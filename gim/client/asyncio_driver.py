"""Runs a core under asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from ssl import SSLContext

from gim.client.asyncio_socket import AsyncioSocket
from gim.client.clock import SteadyClock
from gim.client.driver import Driver, check_url
from gim.client.outcome import Ended
from gim.client.settings import Settings
from gim.client.store import Store

TokenFunction = Callable[[], Awaitable[str | None]]


class AsyncioDriver(Driver[AsyncioSocket]):
    """Sockets, the timer and the token function are tasks of the running loop."""

    def __init__(
        self,
        url: str,
        ssl: SSLContext | None,
        settings: Settings,
        token: TokenFunction | None,
        store: Store | None,
        ended: Callable[[Ended], None],
    ) -> None:
        super().__init__(settings, store, ended, SteadyClock())
        self._url = check_url(url)
        self._ssl = ssl
        self._token = token
        self._leaving: set[asyncio.Task[None]] = set()  # sockets that are being closed
        self._asking: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._happened = asyncio.Event()

    async def happens(self) -> None:
        """Wait until anything has happened."""
        self._happened.clear()
        await self._happened.wait()

    async def closed(self) -> None:
        """Wait until all sockets are gone. The core must be in the state ``closed``."""
        self._stop_asking()
        if self._leaving:
            await asyncio.wait(self._leaving)

    def _happens(self) -> None:
        self._happened.set()

    def _make_socket(self, number: int) -> AsyncioSocket:
        return AsyncioSocket(number, self._url, self._ssl, self)

    def _leave(self, socket: AsyncioSocket) -> None:
        leaving = asyncio.create_task(socket.gone())
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)

    def _set_timer(self, delay: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if delay is None else asyncio.get_running_loop().call_later(delay, self.tick)

    def _ask_token(self) -> None:
        self._stop_asking()
        self._asking = asyncio.create_task(self._ask())

    def _stop_asking(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            self._asking = None

    async def _ask(self) -> None:
        assert self._token is not None
        try:
            token = await self._token()
        except Exception as error:
            self.on_no_token(repr(error))
        else:
            self.on_token(token)
