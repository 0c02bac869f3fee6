"""One chatroom at this node: the members connected here, and the push interval."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence

from msgspec import Struct
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from gim.ids import CHATROOM, chatroom_session
from gim.model import Event, EventType, Message, Push, SessionHead
from gim.push.catchup import recalled
from gim.push.counts import PushCounts
from gim.push.direct import write_directly
from gim.push.event_fanout import EventFanout
from gim.push.presence import Connection
from gim.push.recent_count import RecentCount
from gim.push.writer import PushWriter
from gim.storage.announcements import MessageStored

MAX_WAITING_EVENTS = 100  # while another event is written to all


class PushPolicy(Struct, frozen=True):
    """How often a chatroom is pushed, and how much: the newest ``count`` messages, 0 for all."""

    interval: float  # seconds from the end of a push to the next one, at least
    count: int


class ChatroomPusher:
    """Collects messages and pushes them at intervals.

    A message in a quiet chatroom is pushed at once, and an interval begins. At its end, a tick pushes the
    messages that have come in, and another interval begins. A tick that finds none begins none: the
    chatroom is quiet again and costs nothing. The interval counts from the end of a push, so that it
    holds for every member even if a push had to wait for its turn or took a while to write.
    """

    def __init__(
        self,
        chatroom_id: str,
        policy: PushPolicy,
        clock: IReactorTime,
        writer: PushWriter,
        when_quiet: Callable[[ChatroomPusher], None],
        counts: PushCounts,
    ) -> None:
        self.id = chatroom_id
        self._connections: dict[Connection, str] = {}  # with the kind of each, in the order of entering
        self._departures = 0  # so far; lets a push in progress notice that its recipients are stale
        self._policy = policy
        self._clock = clock
        self._writer = writer
        self._when_quiet = when_quiet
        self._counts = counts
        self._title = ""
        self._pending: deque[Message] = deque(maxlen=policy.count or None)
        self._arrived = 0  # since the last push, including those that `_pending` dropped
        self._submitted = False
        self._missed: dict[Connection, int] = {}  # how many messages slow readers did not get
        self._events: list[tuple[Event, Collection[Connection]]] = []  # with the connections to skip
        self._is_sending_event = False
        self._next_tick: IDelayedCall | None = None  # at the end of the interval, while one runs
        self._recent: RecentCount | None = None  # made with the first push: most chatrooms are quiet

    @property
    def is_quiet(self) -> bool:
        """Say whether nothing was pushed for a whole interval, and no message waits."""
        return not self._submitted and self._next_tick is None

    @property
    def is_empty(self) -> bool:
        """Say whether no member is connected here."""
        return not self._connections

    @property
    def connections(self) -> int:
        """How many connections of members are here."""
        return len(self._connections)

    @property
    def messages_per_second(self) -> float:
        """How many messages were pushed a second of late: see `gim.push.recent_count`."""
        return self._recent.per_second() if self._recent is not None else 0.0

    def enter(self, connection: Connection) -> None:
        """Push to a connection from now on."""
        self._connections[connection] = connection.kind

    def leave(self, connection: Connection) -> None:
        """Push nothing to a connection any more, and forget what it missed."""
        self._connections.pop(connection, None)
        self._missed.pop(connection, None)
        self._departures += 1
        if not self._connections:
            self._forget_waiting()

    def _forget_waiting(self) -> None:
        """Drop what waits: without members here the node may miss what follows, and must push no gap.

        Members who come back are in a new dict, so that a push in progress does not reach them either.
        """
        self._connections = {}
        self._pending.clear()
        self._arrived = 0
        self._events.clear()

    def offer(self, news: MessageStored) -> None:
        """Push a message: at once if the chatroom is quiet, else with the next tick."""
        if not self._connections:  # an earlier subscription may still deliver; see `_forget_waiting`
            return
        self._title = news.title
        self._pending.append(news.message)
        self._arrived += 1
        if self.is_quiet:
            self._submit()

    def send_event(self, event: Event, but: Collection[Connection]) -> None:
        """Send an event to all connections except *but*.

        Events go out one after the other, and after a push in progress, so that no client gets a recall
        before the message. At most `MAX_WAITING_EVENTS` wait; later ones are dropped.
        """
        if event.type == EventType.RENAMED:
            self._title = event.name
        elif event.type == EventType.RECALLED:
            for at, message in enumerate(self._pending):
                self._pending[at] = recalled(message, event.message_id)
        if len(self._events) < MAX_WAITING_EVENTS:
            self._events.append((event, but))
            self._send_next_event()

    def _send_next_event(self) -> None:
        if not self._events or self._is_sending_event or self._submitted:
            return
        self._is_sending_event = True
        event, but = self._events.pop(0)
        recipients = [connection for connection in self._connections if connection not in but]
        is_here = self._connections.__contains__
        self._writer.submit(EventFanout(event, recipients, is_here, self._counts, self._event_sent))

    def _event_sent(self) -> None:
        self._is_sending_event = False
        self._send_next_event()

    def flush(self) -> None:
        """Push at once what waits for the next tick."""
        if self._arrived and not self._submitted:
            self._submit()

    def flush_to(self, connection: Connection) -> None:
        """Write what waits for the next tick to one connection, which is about to be closed."""
        skipped = self._missed.pop(connection, 0)
        if connection in self._connections and (self._arrived or skipped):
            push = self._waiting()
            if connection.offer(Push(push.session, push.items, push.skipped + skipped)):
                self._counts.chatroom_push(1, len(push.items), push.skipped)
            else:
                self._counts.skipped_by_slow_reader += len(push.items)

    def stop(self) -> None:
        """End the interval."""
        if self._next_tick is not None:
            self._next_tick.cancel()
            self._next_tick = None

    def write(self, chunk_size: int) -> Iterator[int]:
        """Push the messages to each connection that is here now, and still is when its turn comes."""
        if not self._arrived:  # all members left while this waited for its turn
            return
        push, departures, here = self._take(), self._departures, self._connections
        for recipients in self._by_kind():
            frame = recipients[0].frame_of(push)
            for begin in range(0, len(recipients), chunk_size):
                chunk: Sequence[Connection] = recipients[begin : begin + chunk_size]
                covered = len(chunk)
                if self._departures != departures:
                    chunk = [connection for connection in chunk if connection in here]
                self._write_to(chunk, push, frame)
                yield covered

    def _by_kind(self) -> list[tuple[Connection, ...]]:
        """Return the connections here, in groups that get the same bytes."""
        here = self._connections
        kinds = dict.fromkeys(here.values())
        if len(kinds) == 1:
            return [tuple(here)]
        return [tuple(one for one, its in here.items() if its == kind) for kind in kinds]

    def _write_to(self, chunk: Sequence[Connection], push: Push, frame: bytes) -> None:
        """Write a push to connections: the frame as it is, to those that can't have it what they need."""
        written = len(chunk)
        behind = [one for one in chunk if one in self._missed] if self._missed else []
        if behind:
            chunk = [one for one in chunk if one not in self._missed]
        others = write_directly(frame, chunk) if self._writer.batch.is_empty else chunk
        behind += [one for one in others if not one.offer(push)]
        for connection in behind:
            self._write_own(connection, push)
        self._counts.chatroom_push(written - len(behind), len(push.items), push.skipped)

    def _write_own(self, connection: Connection, push: Push) -> None:
        """Offer a slow reader a push with the number of messages it missed, or add this one to them."""
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
        """Tell a slow reader how much it missed, unless the next push does so anyway."""
        if self.is_quiet and connection in self._missed:
            self._write_own(connection, Push(self._head(), []))

    def written(self) -> None:
        """Begin a new interval."""
        self._submitted = False
        self._next_tick = self._clock.callLater(self._policy.interval, self._tick)
        self._send_next_event()

    def _take(self) -> Push:
        push = self._waiting()
        if self._recent is None:
            self._recent = RecentCount(self._clock)
        self._recent.add(self._arrived)
        self._pending.clear()
        self._arrived = 0
        return push

    def _waiting(self) -> Push:
        return Push(self._head(), list(self._pending), self._arrived - len(self._pending))

    def _head(self) -> SessionHead:
        return SessionHead(chatroom_session(self.id).id, CHATROOM, self._title)

    def _submit(self) -> None:
        """Hand the writer a push. No interval runs until it is written."""
        self.stop()
        self._submitted = True
        self._writer.submit(self)

    def _tick(self) -> None:
        self._next_tick = None
        if self._arrived:
            self._submit()
        else:
            for connection in tuple(self._missed):
                self.drained(connection)
            self._when_quiet(self)
