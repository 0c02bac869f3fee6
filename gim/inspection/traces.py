"""The traces that are read at this process: each one asks all nodes, and passes on what they see."""

from __future__ import annotations

from secrets import token_hex

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from gim.concurrency.clocks import WallClock
from gim.errors import TooManyRequests
from gim.inspection.node_talk import NodeTalk
from gim.inspection.stream import Stream
from gim.inspection.trace_messages import (
    Begin,
    BeginTrace,
    ConnectionSeen,
    Dropped,
    End,
    EndTrace,
    KeepTrace,
    Terms,
    TraceBegun,
    TraceReport,
)
from gim.inspection.watches import LEASE, Watches
from gim.log.logger import Logger

MAX_TRACES = 10  # at a time, at all nodes
MAX_SECONDS = 600
KEEP_INTERVAL = 2.0  # seconds
RETRY_AFTER = 10  # seconds that a client is asked to wait when there are `MAX_TRACES`

_decode_connection = msgspec.json.Decoder(ConnectionSeen).decode


class Traces:
    """Begins traces, and hands reports to the one that they are for."""

    _log = Logger()

    def __init__(self, talk: NodeTalk, watches: Watches, clock: IReactorTime, wall: WallClock) -> None:
        self._talk = talk
        self._watches = watches
        self._clock = clock
        self._wall = wall
        self._open: dict[str, Trace] = {}
        talk.handle(TraceReport, self._report)

    def check(self) -> None:
        """Raise `TooManyRequests` if there are `MAX_TRACES`."""
        if max(len(self._watches), len(self._open)) >= MAX_TRACES:
            raise TooManyRequests(f"{MAX_TRACES} users are traced, which is the limit", RETRY_AFTER)

    def begin(self, user_id: str, with_contents: bool, seconds: int, stream: Stream) -> None:
        """Send what a user's connections do to *stream*, for so many seconds or until it ends."""
        terms = Terms(token_hex(8), user_id, with_contents, self._talk.listener)
        until = self._wall.now_ms() + 1000 * seconds
        trace = Trace(terms, until, seconds, stream, self._talk, self._clock, self._wall)
        self._open[terms.id] = trace
        stream.on_end(lambda: self._ended(trace))
        self._log.info(
            "a trace of user {user} begins, {contents} contents",
            user=user_id,
            contents="with" if with_contents else "without",
        )
        if terms.id in self._open:  # the stream may have ended at once
            Deferred.fromCoroutine(trace.begin()).addErrback(self._failed, stream)

    def _ended(self, trace: Trace) -> None:
        del self._open[trace.terms.id]
        trace.ended()

    def _failed(self, failure: Failure, stream: Stream) -> None:
        self._log.failure("a trace failed", failure)
        stream.end()

    def _report(self, sender: str, report: TraceReport) -> None:
        if (trace := self._open.get(report.id)) is not None:
            trace.take(sender, report)


class Trace:
    """A trace with a reader.

    It keeps the traces of the nodes alive, and tells of the connections at a node that answers no longer.
    """

    def __init__(
        self,
        terms: Terms,
        until: int,
        seconds: int,
        stream: Stream,
        talk: NodeTalk,
        clock: IReactorTime,
        wall: WallClock,
    ) -> None:
        """It ends after *seconds*; its reader is told *until*, the Unix time of that in ms."""
        self.terms = terms
        self._stream = stream
        self._talk = talk
        self._clock = clock
        self._wall = wall
        self._until = until
        self._dropped = 0
        self._early: list[TraceReport] | None = []  # what came before the beginning was sent
        self._present: dict[str, dict[str, ConnectionSeen]] = {}  # by listener and key
        self._heard: dict[str, float] = {}  # by listener, in seconds of the clock
        self._end = clock.callLater(seconds, self._time_is_over)
        self._keep: IDelayedCall = clock.callLater(KEEP_INTERVAL, self._keep_alive)

    async def begin(self) -> None:
        """Ask all nodes, and tell the reader which connections there are."""
        terms = self.terms
        question = BeginTrace(terms.id, terms.user_id, terms.with_contents, terms.home)
        answers = await self._talk.ask(question, TraceBegun)
        keys = sorted(key for _, answer in answers for key in answer.connections)
        self._stream.send("begin", Begin(terms.user_id, keys, self._until))
        early, self._early = self._early or [], None
        for report in early:
            self._pass_on(report)

    def take(self, listener: str, report: TraceReport) -> None:
        """Take a report of a node."""
        self._heard[listener] = self._clock.seconds()
        self._note_connections(listener, report)
        if self._early is not None:
            self._early.append(report)
        else:
            self._pass_on(report)

    def _note_connections(self, listener: str, report: TraceReport) -> None:
        present = self._present.setdefault(listener, {})
        for name, data in report.events:
            if name == "connection":
                seen = _decode_connection(data)
                if seen.change == "closed":
                    present.pop(seen.key, None)
                else:
                    present[seen.key] = seen
        if report.present is not None:
            self._present[listener] = {seen.key: seen for seen in report.present}

    def _pass_on(self, report: TraceReport) -> None:
        for name, data in report.events:
            self._send(name, data)
        self._dropped += report.dropped
        self._tell_dropped()

    def _send(self, name: str, data: Struct | bytes) -> None:
        if not (self._tell_dropped() and self._stream.send(name, data)):
            self._dropped += 1

    def _tell_dropped(self) -> bool:
        """Tell how many packets are missing, if any; return whether the reader knows of all."""
        if self._dropped and self._stream.send("dropped", Dropped(self._dropped)):
            self._dropped = 0
        return not self._dropped

    def _keep_alive(self) -> None:
        self._keep = self._clock.callLater(KEEP_INTERVAL, self._keep_alive)
        terms = self.terms
        self._talk.tell("", KeepTrace(terms.id, terms.user_id, terms.with_contents, terms.home))
        self._tell_dropped()
        for listener, heard_at in tuple(self._heard.items()):
            if self._clock.seconds() - heard_at > LEASE:
                self._lost(listener)

    def _lost(self, listener: str) -> None:
        """Tell that the connections at a node are gone, as it does not answer."""
        del self._heard[listener]
        for seen in self._present.pop(listener, {}).values():
            now, why = self._wall.now_ms(), "its node does not answer"
            self._send("connection", replace(seen, at=now, change="closed", reason=why))

    def _time_is_over(self) -> None:
        self._stream.send("end", End("time"))
        self._stream.end()

    def ended(self) -> None:
        """End the trace at all nodes: nothing reads it any more."""
        for call in self._end, self._keep:
            if call.active():
                call.cancel()
        self._talk.tell("", EndTrace(self.terms.id))
