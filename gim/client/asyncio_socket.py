"""One WebSocket of the asyncio client, by the package ``websockets``."""

from __future__ import annotations

import asyncio
import os
import re
from socket import gaierror
from ssl import SSLContext
from typing import Any, Final, Protocol

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.typing import Subprotocol

CLOSE_TIMEOUT = 2.0  # seconds that the server has to answer a close
ABNORMAL = 1006  # RFC 6455, section 7.4.1
_ERRNO: Final = re.compile(
    r"\[Errno (\d+)\]"
)  # asyncio puts the errors of several addresses into one text


class Listener(Protocol):
    """What a socket reports to; sockets are known by their numbers."""

    def on_opened(self, number: int) -> None: ...
    def on_refused(self, number: int, status: int, retry_after: float | None) -> None: ...
    def on_ended(self, number: int, code: int, reason: str) -> None: ...
    def on_received(self, number: int, text: str | bytes) -> None: ...


class LeavingConnection(ClientConnection):
    """Ends `CLOSE_TIMEOUT` after the server's close frame, also when the server does not end TCP then.

    Else the code would be known only when TCP ends: behind a proxy that can be never.
    """

    def data_received(self, data: bytes) -> None:
        before = self.close_deadline
        super().data_received(data)
        if before is None and self.close_deadline is not None:
            self.loop.call_at(self.close_deadline, self.transport.abort)


class AsyncioSocket:
    """What is written goes out in order, when the connection takes it."""

    def __init__(self, number: int, url: str, ssl: SSLContext | None, listener: Listener) -> None:
        self._number = number
        self._url = url
        self._options: dict[str, Any] = {} if ssl is None else {"ssl": ssl}
        self._listener = listener
        self._connection: ClientConnection | None = None
        self._outgoing: asyncio.Queue[str] = asyncio.Queue()
        self._closing: asyncio.Task[None] | None = None
        self._running: asyncio.Task[None] | None = None

    def open(self) -> None:
        self._running = asyncio.create_task(self._run())

    def write(self, text: str) -> None:
        self._outgoing.put_nowait(text)

    def close(self, code: int) -> None:
        """Close with a code, or stop opening."""
        if self._connection is not None:
            self._closing = asyncio.create_task(self._connection.close(code))
        elif self._running is not None:
            self._running.cancel()

    async def gone(self) -> None:
        """Wait until nothing is left of it."""
        if self._running is not None:
            await asyncio.wait([self._running])

    async def _run(self) -> None:
        try:
            self._connection = await connect(
                self._url,
                subprotocols=[Subprotocol("gim.json")],
                compression=None,  # the server has none
                max_size=None,  # messages of the server have no limit
                open_timeout=None,  # the core has timeouts, and heartbeats
                ping_interval=None,
                close_timeout=CLOSE_TIMEOUT,
                create_connection=LeavingConnection,
                **self._options,
            )
        except InvalidStatus as refused:
            response = refused.response
            after = _seconds(response.headers.get("Retry-After", ""))
            self._listener.on_refused(self._number, response.status_code, after)
        except (OSError, ValueError, WebSocketException) as error:  # a proxy's URL may be wrong, too
            self._listener.on_ended(self._number, ABNORMAL, _said(error))
        else:
            await self._serve(self._connection)

    async def _serve(self, connection: ClientConnection) -> None:
        self._listener.on_opened(self._number)
        writing = asyncio.create_task(self._write_all(connection))
        try:
            while True:
                self._listener.on_received(self._number, await connection.recv())
        except ConnectionClosed as closed:
            code, reason = (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (ABNORMAL, "")
            self._listener.on_ended(self._number, code, reason)
        finally:
            writing.cancel()

    async def _write_all(self, connection: ClientConnection) -> None:
        try:
            while True:
                await connection.send(await self._outgoing.get())
        except ConnectionClosed:
            pass  # the reader reports it


def _said(error: Exception) -> str:
    """Return why the client is not connected, such as "Connection refused"."""
    if number := _ERRNO.search(str(error)):
        return os.strerror(int(number[1]))
    return (isinstance(error, gaierror) and error.strerror) or str(error)


def _seconds(text: str) -> float | None:
    """Return the value of Retry-After, None for one that is not a number of seconds."""
    return float(text) if text.isascii() and text.isdigit() else None
