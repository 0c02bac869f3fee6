"""A storage, and what its calls that concern many do to the reactor: writes figures as JSON, and ends.

Usage: ``python -m bench.jobs.stalls_child MEMBERS SESSIONS [REDIS_URL]``, a memory store without a URL
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Awaitable
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from gim.concurrency.clocks import WallClock
from gim.concurrency.gather import gather_some
from gim.errors import Conflict
from gim.ids import SYSTEM, private_session
from gim.limits.limits import LimitHits, Limits
from gim.model import Counts, User
from gim.storage.announcements import Announcement
from gim.storage.interface import Draft, Entry, Storage
from gim.storage.memory.data import MemoryData
from gim.storage.memory.store import MemoryStore
from gim.storage.redis.client.connect import connect
from gim.storage.redis.client.url import read
from gim.storage.redis.store.store import RedisStore
from gim.storage.settings import MemorySettings, RedisSettings
from gim.storage.storage_limits import StorageLimits

reactor: Any = _reactor
CONNECTED = 100  # of the members
PAGES, PAGE = 5, 200  # of sessions; the most that a client can ask for
AT_A_TIME = 200  # calls while the storage is filled
TTL = 30 * 86400.0  # seconds


class Listener:
    """Counts what is announced."""

    def __init__(self) -> None:
        self.heard = 0

    def on_announcement(self, news: Announcement) -> None:
        self.heard += 1

    def counts(self) -> Counts:
        return Counts()


class Turns:
    """Measures the CPU that an iteration of the reactor takes: unlike time, others do not add to it."""

    def __init__(self) -> None:
        self._since = time.thread_time_ns()
        self.longest_ms = 0.0
        self._turn()

    def _turn(self) -> None:
        now = time.thread_time_ns()
        self.longest_ms = max(self.longest_ms, (now - self._since) / 1e6)
        self._since = now
        reactor.callLater(0, self._turn)

    async def during(self, work: Awaitable[object]) -> float:
        """Return the longest turn, in ms, while something is done and just after."""
        await deferLater(reactor, 0.01)
        self.longest_ms = 0.0
        await work
        await deferLater(reactor, 0.01)
        return self.longest_ms


def make_store(url: str) -> Storage:
    zero: Any = dict.fromkeys(Limits.__struct_fields__, 0)
    limits = StorageLimits.of(Limits(**zero), LimitHits(is_enforced=True), reactor)
    wall, cap = WallClock(), 10_000
    if not url:
        settings = MemorySettings(max_session_messages=cap, max_messages=10**6, ttl=TTL, sequences=False)
        return MemoryStore(MemoryData(reactor, wall, settings, limits))
    target = read(url)
    of_redis = RedisSettings(
        redis_url=target, redis_prefix="gim", max_session_messages=cap, ttl=TTL, sequences=False
    )
    return RedisStore(connect(target, reactor), reactor, wall, of_redis, limits)


def user(name: str) -> User:
    return User(name, name)


async def fill_chatroom(store: Storage, members: int) -> None:
    names = [f"member{number:06}" for number in range(members)]
    joins = (store.chatrooms.join("room", user(name), "") for name in names)
    await gather_some(joins, AT_A_TIME)
    for name in names[:: max(1, members // CONNECTED)]:
        await store.users.enter(Entry(name, None, limit=1), lambda ids: None)


async def fill_sessions(store: Storage, sessions: int) -> None:
    drafts = (
        Draft(private_session(f"peer{number}", "big"), user(f"peer{number}"), "x" * 64)
        for number in range(sessions)
    )
    await gather_some((store.messages.append(draft) for draft in drafts), AT_A_TIME)
    joins = (store.chatrooms.join(f"room{number}", user("big"), "") for number in range(1000))
    await gather_some(joins, AT_A_TIME)


async def listing(store: Storage) -> None:
    """List sessions in pages, as clients do."""
    after = None
    for _ in range(PAGES):
        _, after = await store.messages.sessions("big", None, after, PAGE)


async def dismissal(store: Storage) -> None:
    """Dismiss the chatroom; return when a new one can be made, so when all members are out."""
    await store.moderation.dismiss("room", SYSTEM)
    while True:
        try:
            return await store.chatrooms.create("room", "", None)
        except Conflict:
            await deferLater(reactor, 0.05)


async def measure(members: int, sessions: int, url: str) -> None:
    store, listener, turns = make_store(url), Listener(), Turns()
    await store.start(listener)
    await fill_sessions(store, sessions)
    await fill_chatroom(store, members)
    for work in (listing, dismissal):
        sys.stdin.readline()
        began = time.monotonic()
        longest_ms = await turns.during(work(store))
        print(json.dumps({"turn_ms": longest_ms, "seconds": time.monotonic() - began}), flush=True)
    await store.stop()


def main() -> None:
    members, sessions, url = int(sys.argv[1]), int(sys.argv[2]), "".join(sys.argv[3:])
    measuring = deferLater(reactor, 0, lambda: Deferred.fromCoroutine(measure(members, sessions, url)))
    measuring.addErrback(lambda failure: failure.printTraceback())
    measuring.addBoth(lambda _: reactor.stop())
    reactor.run()


if __name__ == "__main__":
    main()
