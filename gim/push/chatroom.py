"""One chatroom at this node: who of it is connected here, and its push interval."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator

from msgspec import Struct
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure

from gim.ids import CHATROOM, chatroom_session
from gim.log.logger import Logger
from gim.model import Event, EventType, Message, Push, SessionHead
from gim.push.catchup import recalled
from gim.push.counts import PushCounts
from gim.push.event_fanout import EventFanout
from gim.push.presence import Connection
from gim.push.writer import CHUNK, PushWriter
from gim.storage.announcements import MessageStored

MOST_EVENTS = 100  # that wait while one is being written to all


class PushPolicy(Struct, frozen=True):
    """The push policy: at least *duration* seconds between two pushes of a chatroom, each with the
    newest *count* messages, 0 for all."""

    duration: float
    count: int


class ChatroomPusher:
    """Collects messages and pushes them at intervals.

    A message in a quiet chatroom is pushed at once and starts the loop; from then on each tick pushes
    what has come in, and the first tick that finds nothing ends the loop: the chatroom is quiet again
    and costs nothing. The interval counts from the end of a push, so that it holds for every member,
    also when a push had to wait for its turn or took a while to write.
    """

    _log = Logger()

    def __init__(
        self,
        chatroom_id: str,
        interval: PushPolicy,
        clock: IReactorTime,
        writer: PushWriter,
        when_quiet: Callable[[ChatroomPusher], None],
        counts: PushCounts,
    ) -> None:
        self.id = chatroom_id
        self._audience: dict[Connection, None] = {}  # a set that keeps its order
        self._leavings = 0  # how often somebody left, for a push that is being written meanwhile
        self._interval = interval
        self._clock = clock
        self._writer = writer
        self._when_quiet = when_quiet
        self._counts = counts
        self._title = ""
        self._pending: deque[Message] = deque(maxlen=interval.count or None)
        self._arrived = 0  # since the last push, those that `_pending` let go among them
        self._submitted = False
        self._missed: dict[Connection, int] = {}  # how many messages slow readers did not get
        self._events: list[tuple[Event, Collection[Connection]]] = []  # each with whom it is not for
        self._is_telling = False
        self._loop = LoopingCall(self._tick)
        self._loop.clock = clock

    @property
    def is_quiet(self) -> bool:
        """Say that nothing was pushed for a whole interval, and nothing waits to be."""
        return not self._loop.running and not self._submitted

    @property
    def is_empty(self) -> bool:
        """Say that nobody is here."""
        return not self._audience

    def enter(self, connection: Connection) -> None:
        """Let a connection get the pushes from now on."""
        self._audience[connection] = None

    def leave(self, connection: Connection) -> None:
        """Let a connection get none any more, and owe it nothing."""
        self._audience.pop(connection, None)
        self._missed.pop(connection, None)
        self._leavings += 1

    def offer(self, news: MessageStored) -> None:
        """Take a message: push it now if the chatroom is quiet, else with the next tick."""
        self._title = news.title
        self._pending.append(news.message)
        self._arrived += 1
        if self.is_quiet:
            self._submit()

    def tell(self, event: Event, but: Collection[Connection]) -> None:
        """Tell everybody here of an event, apart from *but*: after the push that is being written, so
        that nobody hears of a recall before the message, and one event after the other.

        However many an owner makes, no more than `MOST_EVENTS` wait: later ones are left out.
        """
        if event.type == EventType.RENAMED:
            self._title = event.name
        elif event.type == EventType.RECALLED:
            for at, message in enumerate(self._pending):
                self._pending[at] = recalled(message, event.message_id)
        if len(self._events) < MOST_EVENTS:
            self._events.append((event, but))
            self._tell_next()

    def _tell_next(self) -> None:
        if not self._events or self._is_telling or self._submitted:
            return
        self._is_telling = True
        event, but = self._events.pop(0)
        everybody = [connection for connection in self._audience if connection not in but]
        is_here = self._audience.__contains__
        self._writer.submit(EventFanout(event, everybody, is_here, self._counts, self._told))

    def _told(self) -> None:
        self._is_telling = False
        self._tell_next()

    def flush(self) -> None:
        """Submit what waits for the next tick, now."""
        if self._arrived and not self._submitted:
            self._submit()

    def flush_to(self, connection: Connection) -> None:
        """Write what waits for the next tick to one connection alone, which is about to be closed."""
        skipped = self._missed.pop(connection, 0)
        if connection in self._audience and (self._arrived or skipped):
            push = self._waiting()
            if connection.offer(Push(push.session, push.items, push.skipped + skipped)):
                self._counts.chatroom_push(1, len(push.items), push.skipped)
            else:
                self._counts.skipped_by_slow_reader += len(push.items)

    def stop(self) -> None:
        """End the interval."""
        if self._loop.running:
            self._loop.stop()

    def write(self) -> Iterator[int]:
        """Write what has come in to all who are here now and still are when it is their turn."""
        push, missed, leavings = self._take(), self._missed, self._leavings
        everybody = tuple(self._audience)
        for begin in range(0, len(everybody), CHUNK):
            chunk = everybody[begin : begin + CHUNK]
            written = len(chunk)
            for connection in chunk:
                if self._leavings != leavings and connection not in self._audience:
                    written -= 1
                elif (missed and connection in missed) or not connection.offer(push):
                    written -= 1
                    self._write_own(connection, push)
            self._counts.chatroom_push(written, len(push.items), push.skipped)
            yield len(chunk)

    def _write_own(self, connection: Connection, push: Push) -> None:
        """Offer a slow reader a push that tells what it has missed, or count this one as well."""
        missed = self._missed.pop(connection, None)
        skipped = push.skipped + (missed or 0)
        own = Push(push.session, push.items, skipped)
        if missed is None or not connection.offer(own):
            self._missed[connection] = skipped + len(push.items)
            self._counts.skipped_by_slow_reader += len(push.items)
            self._counts.skipped_by_interval += push.skipped
            connection.when_drained(self)
        else:
            self._counts.chatroom_push(1, len(push.items), push.skipped)

    def drained(self, connection: Connection) -> None:
        """Tell a reader that was slow what it missed, unless the next push is to come anyway."""
        if self.is_quiet and connection in self._missed:
            self._write_own(connection, Push(self._head(), []))

    def written(self) -> None:
        """Begin a new interval."""
        self._submitted = False
        if not self._loop.running:
            self._loop.start(self._interval.duration, now=False).addErrback(self._failed)
        else:
            self._loop.starttime = self._clock.seconds()  # for the tick that is under way
            self._loop.reset()  # for the next tick, if this is none
        self._tell_next()

    def _take(self) -> Push:
        push = self._waiting()
        self._pending.clear()
        self._arrived = 0
        return push

    def _waiting(self) -> Push:
        return Push(self._head(), list(self._pending), self._arrived - len(self._pending))

    def _head(self) -> SessionHead:
        return SessionHead(chatroom_session(self.id).id, CHATROOM, self._title)

    def _submit(self) -> None:
        self._submitted = True
        self._writer.submit(self)

    def _tick(self) -> None:
        if self._submitted:
            return
        if self._arrived:
            self._submit()
        else:
            self._loop.stop()
            for connection in tuple(self._missed):
                self.drained(connection)
            self._when_quiet(self)

    def _failed(self, failure: Failure) -> None:
        self._log.failure("the interval of a chatroom ended", failure)
