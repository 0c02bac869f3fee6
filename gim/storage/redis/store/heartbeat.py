"""What a node knows of the data set, and what the other nodes know of it: looked at every second."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import inf
from secrets import token_bytes, token_hex
from typing import Any

from hiredis import ReplyError
from msgspec import Struct
from twisted.application.service import Service
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

from gim.errors import Unavailable
from gim.log.logger import Logger
from gim.storage.message_ids import FIRST, first_id_of
from gim.storage.redis.client.interface import Redis, Retention
from gim.storage.redis.client.protocol import RedisProtocol, Word
from gim.storage.redis.store import scripts
from gim.storage.redis.store.keys import Keys

EVERY = 1.0  # seconds
LEASE = 15_000  # ms that a node counts as alive without another beat
SLACK = 10_000  # ms
_ONLY_READS = ("OOM", "MISCONF", "NOREPLICAS")  # said by a server that can be read from all the same
HEARD = 60_000  # ms in which a node must beat to hear what is said to all
MOST_SAID = 100  # of these within that time
LAYOUT = "1"  # of the keys and values; another one is for another version of gim


class DataSet(Struct, frozen=True):
    """What names a data set. ``created`` is in ms."""

    epoch: str
    token_key: bytes
    created: float


class Heartbeat(Service):
    """Beats: renews the lease of this node, and notices a new data set, new nodes and dead ones."""

    _log = Logger()

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        node: str,
        limits: Retention,
        replaced: Callable[[str], None],
        beaten: Callable[[], None],
        said: Callable[[bytes], None],
        counts: Callable[[], bytes],
        clock: IReactorTime,
    ) -> None:
        """*replaced* is called with the new epoch when the data set is another one, *beaten* after every
        beat, *said* with what is said to all nodes; *counts* returns what this one has, to be shown to
        the others."""
        self.node = node
        self._redis = redis
        self._base = keys.data
        self._limits = limits
        self._replaced = replaced
        self._beaten = beaten
        self._said = said
        self._counts = counts
        self._heard = 0  # the number of what was said to all last
        self._data: DataSet | None = None
        self._alive: frozenset[bytes] = frozenset()  # empty before the first beat with this data set
        self.now = 0.0  # ms, the server's clock at the last beat
        self._beat_at = 0.0  # seconds, when that was by our clock
        self._back_at = -inf  # ms, when it beat again after an outage
        self._clock = clock
        self.newest = FIRST  # the largest message id that this node has seen
        self._loop = LoopingCall(self._run)
        self._loop.clock = clock

    @property
    def data(self) -> DataSet:
        """The data set served; raises `Unavailable` before there is any."""
        if self._data is None:
            raise Unavailable("the storage was not reached yet: try again in a moment")
        return self._data

    def startService(self) -> None:
        super().startService()
        self._loop.start(EVERY, now=False)

    def stopService(self) -> None:
        super().stopService()
        if self._loop.running:
            self._loop.stop()

    def saw(self, message_id: str) -> None:
        """Take note of an id: everything announced up to it has been handed over."""
        if message_id > self.newest:
            self.newest = message_id

    def point(self) -> str:
        """Return an id up to which everything was handed over that was announced here.

        A cluster announces a little after it stores, and its servers have clocks of their own: there it
        is `SLACK` before now, and `Recent` finds out what was handed over already.
        """
        if not self._redis.is_cluster:
            return self.newest
        elapsed = max(0.0, self._clock.seconds() - self._beat_at) * 1000
        return first_id_of(int(self.now + elapsed) - SLACK)

    def born(self) -> str:
        """Return the score before which nothing is known of a user who is new: while the data set is
        younger than the time that users are kept, nobody can have been forgotten."""
        return str(int(self.now) * 1000) if self.now - self.data.created > self._limits.keep else "0"

    @property
    def alive(self) -> frozenset[bytes]:
        """The nodes that are alive, as of the last beat."""
        return self._alive

    @property
    def knows_the_dead(self) -> bool:
        """Say whether a node without a lease is dead: after an outage the others have the time of one to
        say that they are not."""
        return self.now - self._back_at > LEASE

    def is_alive(self, nodes: Iterable[bytes]) -> bool:
        """Say whether any of *nodes* is."""
        return not self._alive.isdisjoint(nodes)

    async def is_online(self, nodes: list[bytes]) -> bool:
        """Say the same; looks again if none is known to be alive, for a node that is new."""
        if nodes and not self.is_alive(nodes):
            await self.beat()
        return self.is_alive(nodes)

    async def open(self, connection: RedisProtocol) -> None:
        """Find the data set, or begin one."""
        script = scripts.OPEN
        words = token_hex(8), token_bytes(32), LAYOUT
        self._take(await connection.call("EVALSHA", script.sha, 1, self._base, *words))
        try:  # before anybody logs in here, and before anything is announced
            await self._begin(connection)
        except ReplyError as error:
            if not (self._alive and str(error).startswith(_ONLY_READS)):
                raise

    async def _begin(self, connection: RedisProtocol) -> None:
        words = self._base, *self._shown()
        reply = await connection.call("EVALSHA", scripts.BEAT.sha, 1, *words)
        now, _, last, alive, said, spoken = reply
        self._take_note(float(now), alive)
        if self.newest == FIRST:
            self.newest = last.decode()
        self._hear(said, int(spoken))

    def _take(self, reply: list[Any]) -> None:
        epoch, token_key, created, layout, spoken = reply
        if layout != LAYOUT.encode():
            raise Unavailable(f"the keys have layout {layout!r}, this version of gim reads {LAYOUT}")
        before, self._data = self._data, DataSet(epoch.decode(), token_key, float(created))
        if self._data.created > self.now:
            self.now, self._beat_at = self._data.created, self._clock.seconds()
        if before is None or before.epoch != self._data.epoch:
            self._heard = int(spoken)
        if before is not None and before.epoch != self._data.epoch:
            self._log.warn("the data set is another one: epoch {epoch}", epoch=self._data.epoch)
            self.newest, self._alive = FIRST, frozenset()
            self._replaced(self._data.epoch)

    async def beat(self) -> None:
        """Renew the lease, look at the data set and at the nodes, and hear what was said to all."""
        reply = await self._redis.run(scripts.BEAT, (self._base,), *self._shown())
        now, epoch, last, alive, said, spoken = reply
        self._take_note(float(now), alive)
        if not self._redis.is_cluster:
            self.saw(last.decode())
        if epoch.decode() != self.data.epoch:
            words = token_hex(8), token_bytes(32), LAYOUT
            self._take(await self._redis.run(scripts.OPEN, (self._base,), *words))
        else:
            self._hear(said, int(spoken))

    def _hear(self, said: list[list[bytes]], spoken: int) -> None:
        """Take what was said to all; what another beat has brought meanwhile is known. A server that took
        over may have lost the last of it, and will count on from there."""
        self._heard = min(self._heard, spoken)
        for number, payload in said:
            if int(number) > self._heard:
                self._heard = int(number)
                self._said(payload)

    async def say(self, payload: bytes) -> None:
        """Say something to all nodes, once to each."""
        words = payload, HEARD, MOST_SAID
        if await self._redis.run(scripts.BROADCAST, (self._base,), *words) == b"full":
            limit = f"{MOST_SAID} in {HEARD // 1000} s"
            raise Unavailable(f"more than {limit} can't be said to all: try again in a moment")
        await self.beat()

    async def counts(self) -> dict[bytes, bytes]:
        """Return what each node that is alive shows of itself, by node."""
        await self.beat()
        shown = await self._redis.call(self._base, "HGETALL", f"{self._base}:counts")
        pairs = shown.items() if isinstance(shown, dict) else zip(shown[::2], shown[1::2], strict=True)
        return {node: counts for node, counts in pairs if self.is_alive([node])}

    def _shown(self) -> tuple[Word, ...]:
        """Return what the script of a beat takes."""
        return self.node, LEASE, self._counts(), self._heard, HEARD

    def _take_note(self, now: float, alive: list[bytes]) -> None:
        """Take note of who is alive. After an outage the others have had no time to say so yet."""
        was_away = self.now > 0 and now - self.now > LEASE
        if was_away and self._alive:
            self._back_at = now
        self._alive = frozenset(alive) | (self._alive if was_away else frozenset())
        self.now, self._beat_at = now, self._clock.seconds()

    async def _run(self) -> None:
        try:
            await self.beat()
            self._beaten()
        except Unavailable:  # the link says so itself
            pass
        except Exception:
            self._log.failure("a beat failed, next one in {every} s", every=EVERY)

    async def resign(self) -> None:
        """Give up the lease: whoever is connected here counts no more."""
        await self._redis.call(self._base, "ZREM", f"{self._base}:nodes", self.node)
        await self._redis.call(self._base, "HDEL", f"{self._base}:counts", self.node)
