"""What passes through one connection, read for the traces of its user."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

from gim.concurrency.clocks import WallClock
from gim.gateway.frames import payloads_of
from gim.gateway.protocol import GatewayProtocol
from gim.inspection.packets import ReadPacket, incoming, outgoing
from gim.inspection.trace_messages import ConnectionSeen
from gim.inspection.user_watch import UserWatch
from gim.log.logger import Logger


class ConnectionTap:
    """Implements `gim.gateway.watching.Watcher`. A packet that no trace takes is not even read."""

    _log = Logger()

    def __init__(
        self,
        connection: GatewayProtocol,
        user_id: str,
        node: str,
        wall: WallClock,
        ended: Callable[[str], object],
    ) -> None:
        """*ended* is called with the connection's key when it is traced no longer."""
        self.user_id = user_id
        self.watches: list[UserWatch] = []
        self._connection = connection
        self._key = connection.outbound.key
        self._node = node
        self._peer = connection.outbound.peer
        self._wall = wall
        self._ended = ended

    def add(self, watch: UserWatch, change: Literal["open", "opened"]) -> None:
        """Show the connection to one more trace, unless that has it already."""
        if watch not in self.watches:
            self.watches.append(watch)
            watch.connection(self.seen(change))

    def remove(self, watch: UserWatch) -> None:
        """Show the connection to a trace no longer; the last one ends the tap."""
        if watch in self.watches:
            self.watches.remove(watch)
        if not self.watches:
            self.end()

    def end(self) -> None:
        """Watch the connection no longer."""
        self.watches = []
        self._connection.unwatch()
        self._ended(self._key)

    def seen(
        self, change: Literal["open", "opened", "closed"], code: int | None = None, reason: str = ""
    ) -> ConnectionSeen:
        """Return what a trace shows of the connection."""
        login = self._connection.login
        since, now = login.since if login is not None else None, self._wall.now_ms()
        return ConnectionSeen(now, change, self._key, self._node, self._peer, since, code, reason)

    # what the connection calls

    def received(self, payload: bytes, is_binary: bool) -> None:
        if takers := self._takers(payload):
            read = partial(incoming, self._connection.codec, payload, is_binary)
            self._show(takers, "in", payload, read)

    def written(self, frames: bytes) -> None:
        for payload in payloads_of(frames):
            if takers := self._takers(payload):
                read = partial(outgoing, self._connection.codec.is_binary, payload)
                self._show(takers, "out", payload, read)

    def closed(self, code: int | None, reason: str) -> None:
        for watch in self.watches:
            watch.connection(self.seen("closed", code, reason))
        self.end()

    def _takers(self, payload: bytes) -> list[UserWatch]:
        size = len(payload)
        return [watch for watch in self.watches if watch.takes(size)]

    def _show(
        self,
        takers: list[UserWatch],
        direction: Literal["in", "out"],
        payload: bytes,
        read: Callable[[], ReadPacket],
    ) -> None:
        try:
            packet, at = read(), self._wall.now_ms()
            for watch in takers:
                watch.take(direction, self._key, packet, len(payload), at)
        except Exception:  # a fault here must not end the connection
            self._log.failure("a packet of {user} could not be traced", user=self.user_id)
            self.end()
