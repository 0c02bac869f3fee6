"""The users that are traced, as one process that has their connections sees it."""

from __future__ import annotations

from collections.abc import Callable, Collection

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from gim.concurrency.clocks import WallClock
from gim.gateway.factory import GatewayFactory
from gim.gateway.protocol import GatewayProtocol
from gim.inspection.connection_tap import ConnectionTap
from gim.inspection.node_talk import NodeTalk
from gim.inspection.slices import slices
from gim.inspection.trace_messages import (
    BeginTrace,
    ConnectionSeen,
    EndTrace,
    KeepTrace,
    Terms,
    TraceBegun,
    TraceReport,
)
from gim.inspection.user_watch import UserWatch
from gim.log.logger import Logger

LEASE = 6.0  # seconds after which a trace ends that `KeepTrace` does not keep
CONNECTIONS_PER_SLICE = 5000  # some 1 ms
MAX_CONNECTIONS = 100  # of a user, that are traced at one process


class Watches:
    """Reports the packets of users under trace to the node at which each trace is read.

    Only connections under trace are changed; while there is no trace, nothing is.
    """

    _log = Logger()

    def __init__(
        self,
        gateway: GatewayFactory,
        keys_of: Callable[[str], Collection[str]],
        talk: NodeTalk,
        node: str,
        clock: IReactorTime,
        wall: WallClock,
    ) -> None:
        """*keys_of* returns the keys of a user's connections to this process."""
        self._gateway = gateway
        self._keys_of = keys_of
        self._talk = talk
        self._node = node
        self._clock = clock
        self._wall = wall
        self._watches: dict[str, UserWatch] = {}  # by the id of the trace
        self._leases: dict[str, IDelayedCall] = {}
        self._taps: dict[str, ConnectionTap] = {}  # by the key of the connection
        talk.serve(BeginTrace, self.begin)
        talk.handle(KeepTrace, self._keep)
        talk.handle(EndTrace, lambda _, notice: self.end(notice.id))

    def __len__(self) -> int:
        """How many traces there are at all nodes, as far as is known here."""
        return len(self._watches)

    async def begin(self, terms: Terms) -> TraceBegun:
        """Report what the connections of a user do; return the keys of those that are logged in."""
        watch = self._watches.get(terms.id) or self._add(terms)
        await self._tap_all(watch)
        return TraceBegun([seen.key for seen in self._present(watch)])

    async def _tap_all(self, watch: UserWatch) -> None:
        """Trace the connections of the user that are not traced yet, as long as the trace goes on."""
        terms = watch.terms
        missing = set(self._keys_of(terms.user_id)) - {seen.key for seen in self._present(watch)}
        if not missing or self._is_full(watch):  # then no connections need to be searched
            return
        async for some in slices(tuple(self._gateway.connections), CONNECTIONS_PER_SLICE, self._clock):
            for connection in some:
                if connection.outbound.key in missing and terms.id in self._watches:
                    self._tap(connection, watch)

    def _add(self, terms: Terms) -> UserWatch:
        watch = UserWatch(terms, self._node, self._clock, self._wall, self._send)
        self._watches[terms.id] = watch
        self._leases[terms.id] = self._clock.callLater(LEASE, self.end, terms.id)
        self._gateway.login_watch = self._logs_in
        return watch

    def _keep(self, sender: str, terms: KeepTrace) -> None:
        watch = self._watches.get(terms.id)
        if watch is None:  # this process has started since, or the question was lost
            watch = self._add(terms)
        else:
            self._leases[terms.id].reset(LEASE)
            watch.report_present(self._present(watch))
        # a login that was under way when the trace began may have ended since
        Deferred.fromCoroutine(self._tap_all(watch)).addErrback(self._failed)

    def _failed(self, failure: Failure) -> None:
        self._log.failure("a connection could not be traced", failure)

    def end(self, trace_id: str) -> None:
        """Report nothing more for a trace."""
        watch = self._watches.pop(trace_id, None)
        if watch is None:
            return
        lease = self._leases.pop(trace_id)
        if lease.active():
            lease.cancel()
        watch.stop()
        for tap in tuple(self._taps.values()):
            tap.remove(watch)
        if not self._watches:
            self._gateway.login_watch = None

    def _send(self, home: str, report: TraceReport) -> None:
        self._talk.tell(home, report)

    def _present(self, watch: UserWatch) -> list[ConnectionSeen]:
        taps = [tap for tap in self._taps.values() if watch in tap.watches]
        return [tap.seen("open") for tap in taps]

    # connections

    def _logs_in(self, connection: GatewayProtocol, user_id: str, payload: bytes) -> None:
        """See `gim.gateway.factory.LoginWatch`. What logs in is traced even if it is refused."""
        tap = self._taps.get(connection.outbound.key)
        if tap is not None and tap.user_id == user_id:
            return
        if connection.login is not None and connection.login.user.id != user_id:
            return  # refused: it stays the connection of the user that it is logged in as
        if tap is not None:
            tap.end()
        watches = [each for each in self._watches.values() if each.terms.user_id == user_id]
        for watch in watches:
            self._tap(connection, watch, is_new=True)
        tap = self._taps.get(connection.outbound.key)
        if tap is not None:
            tap.received(payload, connection.codec.is_binary)

    def _tap(self, connection: GatewayProtocol, watch: UserWatch, is_new: bool = False) -> None:
        """Trace a connection, unless the trace has `MAX_CONNECTIONS` here."""
        if self._is_full(watch):
            return
        key, user_id = connection.outbound.key, watch.terms.user_id
        if key not in self._taps:
            tap = ConnectionTap(connection, user_id, self._node, self._wall, self._ended)
            self._taps[key] = tap
            connection.watch(tap)
        self._taps[key].add(watch, "opened" if is_new else "open")

    def _is_full(self, watch: UserWatch) -> bool:
        return sum(watch in tap.watches for tap in self._taps.values()) >= MAX_CONNECTIONS

    def _ended(self, key: str) -> None:
        self._taps.pop(key, None)
