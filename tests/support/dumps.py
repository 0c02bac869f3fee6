"""A storage in which a bit of everything has happened, and what its dump says."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

from gim.concurrency.clocks import WallClock
from gim.model import Role
from gim.storage.interface import Storage
from gim.storage.redis.client.interface import Redis
from gim.storage.redis.store.keys import Keys
from gim.storage.settings import MemorySettings
from gim.storage.transfer.directories import dump_directory, load_directory
from gim.storage.transfer.from_redis import RedisSource
from gim.storage.transfer.reader import entries, read_head
from gim.storage.transfer.to_redis import RedisTarget
from gim.storage.transfer.writer import DumpWriter
from tests.support.journal.stores import SEGMENT_SIZE, SETTINGS
from tests.support.storage_behaviour.base import AB, join, posted, private, send, user

DAY = 86_400_000  # ms


async def live(store: Storage) -> None:
    """Let a bit of everything happen in an empty storage, with sequences."""
    await store.users.put("ann", "Ann \u202e\x7f")
    await store.users.put("zoe", None)
    first, second, *_ = await send(
        store,
        private("ann", "bob", "one"),
        private("bob", "ann", "two \N{PILE OF POO}\n", category="note"),
        private("ann", "bob", "three", request_id="r1"),
    )
    await store.messages.mark_read(AB, "bob", first.id)
    store.messages.delivered("bob", second.id)
    await store.moderation.recall(AB, "bob", second.id)
    await store.chatrooms.create("den", "The Den", user("ann"))
    await join(store, "den", "bob", "cat")
    await join(store, "room", "cat", "ann")
    await send(store, posted("room", "cat", "hello", request_id="r2"), posted("room", "ann", "bye"))
    await store.moderation.appoint("den", "ann", "cat", Role.ADMIN)
    await store.moderation.appoint("den", "ann", "bob", Role.ADMIN)
    await store.moderation.mute("den", "ann", "bob", DAY)
    await store.moderation.ban("zoe", DAY, 2 * DAY)
    await store.moderation.ban("cat", DAY, 2 * DAY)
    await store.moderation.unban("cat")
    await store.webhook_log.next_event_number("ann", True, "k")
    await store.webhook_log.next_event_number("bob")


async def trimmed(store: Storage) -> None:
    """Let a storage that keeps two messages of each session remove some."""
    await send(store, *(private("ann", "dan", str(number)) for number in range(4)))


class Dump:
    """A dump, line by line."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lines = [line.encode() for line in text.splitlines(keepends=True)]

    @property
    def head(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.lines[0])
        return found

    @property
    def body(self) -> list[str]:
        """What two dumps of the same data have in common, in an order of its own."""
        return sorted(line.decode() for line in self.lines[1:])

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Return the lines of a kind."""
        found = map(json.loads, self.lines)
        return [line for line in found if line["kind"] == kind]


async def dump_of_redis(redis: Redis, prefix: str, ttl_ms: int = 30 * DAY) -> Dump:
    """Dump what is below a prefix."""
    source, out = RedisSource(redis, Keys(prefix), ttl_ms), StringIO()
    writer = DumpWriter(out)
    writer.begin(await source.head())
    async for line in source.entries():
        writer.put(line)
    writer.finish()
    return Dump(out.getvalue())


def dump_of_directory(path: str, wall: WallClock, settings: MemorySettings = SETTINGS) -> Dump:
    """Dump a data directory."""
    out = StringIO()
    dump_directory(path, settings, DumpWriter(out), lambda: None, wall)
    return Dump(out.getvalue())


def load_into_directory(dump: Dump, path: str, keeps_epoch: bool = False) -> None:
    """Make a data directory of a dump."""
    head, rest = read_head(dump.lines[0]), entries(iter(dump.lines[1:]))
    load_directory(path, SEGMENT_SIZE, head, (line for _, line in rest), keeps_epoch)


async def load_into_redis(
    dump: Dump, redis: Redis, prefix: str, ttl_ms: int = 30 * DAY, keeps_epoch: bool = False
) -> bool:
    """Load a dump below a prefix; return False if it was there already."""
    head, target = read_head(dump.lines[0]), RedisTarget(redis, Keys(prefix), ttl_ms)
    if not await target.begin(head):
        return False
    for _, line in entries(iter(dump.lines[1:])):
        await target.put(line)
    await target.finish(head, keeps_epoch)
    return True
