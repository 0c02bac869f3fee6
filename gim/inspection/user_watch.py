"""What one process does for one trace: it collects what it sees, and reports it ten times a second."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec
from msgspec import UNSET, Struct
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from gim.concurrency.clocks import WallClock
from gim.inspection.hiding import shown
from gim.inspection.packets import ReadPacket
from gim.inspection.trace_messages import ConnectionSeen, PacketSeen, Terms, TraceReport

INTERVAL = 0.1  # seconds between two reports
QUEUE = 1000  # packets that wait for the next report
RATE = 500  # packets a second in the long run: at some 30 us each, 1.5 % of a core
MAX_CHANGES = 100  # connections that begin or end, that wait for the next report
PACKET_UNIT = 4096  # bytes; a longer packet counts as several
MAX_QUEUED = 1024 * 1024  # bytes of JSON that wait
MAX_REPORT = 96 * 1024  # bytes of JSON after which a report is full; the largest event has some 130 KiB

_encode = msgspec.json.Encoder().encode


class UserWatch:
    """The packets of a user at this process, for one trace.

    It takes up to `QUEUE` packets at once and `RATE` a second, and only counts what is more. So a flood
    of packets costs a few per cent of a core.
    """

    def __init__(
        self,
        terms: Terms,
        node: str,
        clock: IReactorTime,
        wall: WallClock,
        send: Callable[[str, TraceReport], None],
    ) -> None:
        """*send* gets the listener at which the trace is read, and each report for it."""
        self.terms = terms
        self._node = node
        self._clock = clock
        self._wall = wall
        self._send = send
        self._events: list[tuple[str, bytes]] = []
        self._queued = 0  # bytes of JSON
        self._changes = 0  # of connections, that wait
        self._dropped = 0
        self._left = float(QUEUE)  # packets that it takes at once
        self._refilled_at = clock.seconds()
        self._report: IDelayedCall | None = None

    def takes(self, size: int) -> bool:
        """Say whether it takes a packet of *size* bytes now; count one that it does not take."""
        if self._left <= 0:  # a report is scheduled, after which there is more to take
            self._dropped += 1
            return False
        self._schedule()
        if self._queued > MAX_QUEUED:
            self._dropped += 1
            return False
        self._left -= 1 + size // PACKET_UNIT
        return True

    def take(
        self, direction: Literal["in", "out"], key: str, packet: ReadPacket, size: int, at: int
    ) -> None:
        """Take a packet of a connection, seen *at* Unix ms."""
        body = shown(packet.body, self.terms.with_contents)
        code = UNSET if packet.code is None else packet.code
        op, seq = packet.op, packet.seq
        self._add(
            "packet",
            PacketSeen(at, direction, key, self._node, op, packet.name, seq, size, body, code),
        )

    def connection(self, seen: ConnectionSeen) -> None:
        """Take the beginning or the end of a connection, also when no packet is taken."""
        self._schedule()
        if self._changes < MAX_CHANGES:
            self._changes += 1
            self._add("connection", seen)
        else:
            self._dropped += 1

    def report_present(self, present: list[ConnectionSeen]) -> None:
        """Report at once which connections are under trace."""
        self.report()
        self._send(self.terms.home, TraceReport(self.terms.id, [], present=present))

    def report(self) -> None:
        """Report what waits."""
        self.stop()
        dropped, self._dropped = self._dropped, 0
        events, self._events, self._queued, self._changes = self._events, [], 0, 0
        begin, size = 0, 0
        for end, (_, data) in enumerate(events, 1):
            size += len(data)
            if size > MAX_REPORT:
                self._send(self.terms.home, TraceReport(self.terms.id, events[begin:end]))
                begin, size = end, 0
        if events[begin:] or dropped:
            self._send(self.terms.home, TraceReport(self.terms.id, events[begin:], dropped))
        self._refill()
        if self._left <= 0:
            self._schedule()

    def stop(self) -> None:
        """Report nothing any more, unless more comes."""
        if self._report is not None and self._report.active():
            self._report.cancel()
        self._report = None

    def _add(self, name: str, event: Struct) -> None:
        data = _encode(event)
        self._events.append((name, data))
        self._queued += len(data)

    def _schedule(self) -> None:
        if self._report is None:
            self._refill()
            self._report = self._clock.callLater(INTERVAL, self.report)

    def _refill(self) -> None:
        now = self._clock.seconds()
        self._left = min(QUEUE, self._left + RATE * (now - self._refilled_at))
        self._refilled_at = now
