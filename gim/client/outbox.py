"""Messages on their way to the server: clients/BEHAVIOUR.md, section O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gim.client.backoff import doubling
from gim.client.events import Code, Failed, Sent
from gim.client.settings import Settings
from gim.client.timers import Timers

IN_FLIGHT = 8  # entries without an answer at a time
SAFE_AGE = 240.0  # seconds; the server knows a request_id for 300
BUSY_PAUSE = 1.0  # seconds after a 429, plus a random part of up to one more

_Key = tuple[int, str]  # type and target of a session


@dataclass(slots=True)
class Entry:
    """A message to be sent. Times are Unix seconds: by the client's clock, and by the server's."""

    request_id: str
    type: int
    target_id: str
    content: str
    category: str
    created_at: float
    written_at: float | None = None  # None as long as it was never written
    written_server: float | None = None
    epoch: str | None = None  # the data set that it was written to first

    @property
    def key(self) -> _Key:
        return (self.type, self.target_id)

    def state(self) -> dict[str, Any]:
        """Return the entry as a store keeps it."""
        return {name: getattr(self, name) for name in self.__slots__}

    def body(self) -> dict[str, Any]:
        """Return the body of its request."""
        names = ("type", "target_id", "content", "category", "request_id")
        return {name: getattr(self, name) for name in names}


def _size(entry: Entry) -> int:
    return len(entry.content.encode("utf-8", "surrogatepass"))


class Outbox:
    """Entries in the order in which they were added."""

    def __init__(
        self,
        settings: Settings,
        timers: Timers,
        write: Callable[[Entry, float], None],
        ended: Callable[[Sent | Failed], None],
    ) -> None:
        self._settings = settings
        self._timers = timers
        self._write = write
        self._ended = ended
        self._entries: dict[str, Entry] = {}
        self._by_session: Counter[_Key] = Counter()
        self._in_flight: dict[str, Entry] = {}
        self._online = False
        self._paused = False
        self._refusals = 0  # 503 in a row
        self._skew = 0.0  # seconds that the server's clock is ahead
        self._epoch: str | None = None

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)

    def load(self, entries: list[Mapping[str, Any]], now: float) -> None:
        """Go on with saved entries."""
        for each in entries:
            self._keep(Entry(**each), now)

    def state(self) -> list[dict[str, Any]]:
        """Return what `load` takes."""
        return [entry.state() for entry in self]

    def add(self, type: int, target_id: str, content: str, category: str, now: float) -> Entry:
        """Add a message. When the outbox is full, it fails at once."""
        request_id = self._settings.new_request_id()
        entry = Entry(request_id, type, target_id, content, category, now)
        if len(self) >= self._settings.outbox_limit:
            self._ended(Failed(request_id, "full", f"{len(self)} messages wait already"))
        else:
            self._keep(entry, now)
        return entry

    def _keep(self, entry: Entry, now: float) -> None:
        self._entries[entry.request_id] = entry
        self._by_session[entry.key] += 1
        self._watch(entry, now)

    def cancel(self, request_id: str) -> bool:
        """End an entry that was never written; say whether it was one."""
        entry = self._entries.get(request_id)
        if entry is None or entry.written_at is not None:
            return False
        self._fail(entry, "cancelled", "cancelled before it was sent")
        return True

    def logged_in(self, epoch: str, skew: float, now: float) -> None:
        """Begin to write. *skew* is how many seconds the server's clock is ahead."""
        self._online, self._epoch, self._skew = True, epoch, skew
        for entry in tuple(self):
            if entry.written_at is not None and entry.epoch != epoch:
                self._uncertain(entry, "the server has lost its data since")
        self._expire(now)

    def lose_data(self) -> None:
        """End what the server may have forgotten with its data."""
        for entry in tuple(self):
            if entry.written_at is not None:
                self._uncertain(entry, "the server has lost its data since")

    def disconnected(self) -> None:
        """Stop writing; unanswered entries stay."""
        self._online = self._paused = False
        self._in_flight.clear()
        self._timers.cancel("pause")

    def fail_longest(self) -> None:
        """Fail the longest entry in flight: the server said that a packet was too long."""
        if self._in_flight:
            longest = max(self._in_flight.values(), key=_size)
            self._fail(longest, 413, "the message is too long for the server")

    def end_all(self, msg: str) -> None:
        """End every entry: the client is closed."""
        for entry in tuple(self):
            if entry.written_at is None:
                self._fail(entry, "closed", msg)
            else:
                self._uncertain(entry, msg)

    def pump(self, now: float) -> None:
        """Write what may be written now: one entry for each session, in order."""
        if not self._online or self._paused or len(self._in_flight) == len(self._by_session):
            return
        busy = {entry.key for entry in self._in_flight.values()}
        for entry in tuple(self):
            if len(self._in_flight) >= IN_FLIGHT or len(busy) == len(self._by_session):
                return
            if entry.key not in busy:
                busy.add(entry.key)
                self._in_flight[entry.request_id] = entry
                self._begin(entry, now)
                self._write(entry, now)

    def _begin(self, entry: Entry, now: float) -> None:
        if entry.written_at is None:
            entry.written_at, entry.written_server = now, now + self._skew
            entry.epoch = self._epoch
            self._watch(entry, now)

    def answered(self, request_id: str, code: int, msg: str, data: Mapping[str, Any], now: float) -> None:
        """Take the reply to an entry; not a 401, which ends the connection."""
        entry = self._in_flight.pop(request_id, None)
        if entry is None:
            return
        if code == 0:
            self._refusals = 0
            self._forget(entry)
            place = (data.get("session_id", ""), data.get("sequence", 0), data.get("created_at", 0))
            self._ended(Sent(request_id, data["id"], *place))
        elif code == 429:
            self._pause(BUSY_PAUSE + self._settings.draw("busy"), now)
        elif code == 503:
            self._pause(doubling(self._refusals) * self._settings.draw("storage"), now)
            self._refusals += 1
        elif code == 500:
            self._uncertain(entry, msg)
        else:
            self._fail(entry, code, msg)

    def _pause(self, pause: float, now: float) -> None:
        self._paused = True
        self._timers.set("pause", now + pause, self._go_on)

    def _go_on(self, now: float) -> None:
        self._paused = False

    def _age(self, entry: Entry, now: float) -> float:
        assert entry.written_at is not None and entry.written_server is not None
        return max(now - entry.written_at, now + self._skew - entry.written_server)

    def _watch(self, entry: Entry, now: float) -> None:
        self._timers.set_sooner("age", self._deadline(entry, now), self._expire)

    def _deadline(self, entry: Entry, now: float) -> float:
        if entry.written_at is None:
            return entry.created_at + self._settings.outbox_age
        return now + SAFE_AGE - self._age(entry, now)

    def _expire(self, now: float) -> None:
        """End what is too old, and wait for the next one."""
        for entry in tuple(self):
            if self._deadline(entry, now) > now:
                continue
            if entry.written_at is None:
                self._fail(entry, "expired", f"not sent for {self._settings.outbox_age:g} s")
            else:
                self._uncertain(entry, "no answer for too long")
        self._timers.cancel("age")
        if len(self):
            self._timers.set("age", min(self._deadline(each, now) for each in self), self._expire)

    def _uncertain(self, entry: Entry, msg: str) -> None:
        self._fail(entry, "uncertain", msg)

    def _fail(self, entry: Entry, code: Code, msg: str) -> None:
        self._forget(entry)
        self._ended(Failed(entry.request_id, code, msg))

    def _forget(self, entry: Entry) -> None:
        self._in_flight.pop(entry.request_id, None)
        del self._entries[entry.request_id]
        self._by_session[entry.key] -= 1
        if not self._by_session[entry.key]:
            del self._by_session[entry.key]
        if not len(self):
            self._timers.cancel("age")
