"""What calls that concern many do to all others: the longest turn of a node and command of Redis."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bench.process import Process
from bench.redis import RedisServer, missing, serving_redis
from bench.results import Column, Plan, Table, new_table

STORES = {"memory": "memory store", "redis": "Redis"}
WORKS = {
    "sessions": "1,000 sessions of {sessions:,} are listed in pages of 200",
    "dismissal": "a chatroom of {members:,} members is dismissed",
}
_COLUMNS = (
    Column("turn_ms", "longest turn of the node, CPU ms", 1),
    Column("redis_ms", "longest command of Redis, ms", 1),
    Column("seconds", "until all is done, s", 1),
)


def run(plan: Plan) -> list[Table]:
    """Fill a storage, ask it and measure; a new one in each round. Without Redis where there is none."""
    members, sessions = (10_000, 2_000) if plan.quick else (100_000, 20_000)
    labels = {
        f"{store}-{work}": f"{words}: {what.format(members=members, sessions=sessions)}"
        for store, words in STORES.items()
        for work, what in WORKS.items()
    }
    table = new_table("stalls", "How long others wait", _COLUMNS, labels)
    for _ in plan.each_round("stalls"):
        _measure(table, "memory", members, sessions)
        if not missing():
            with serving_redis("stalls-server", "--slowlog-log-slower-than", "0") as redis:
                _measure(table, "redis", members, sessions, redis)
    return [table]


def _measure(
    table: Table, store: str, members: int, sessions: int, redis: RedisServer | None = None
) -> None:
    command = [sys.executable, "-m", "bench.jobs.stalls_child", str(members), str(sessions)]
    with Process(f"stalls-{store}", [*command, *([redis.url] if redis else [])], pipes=True) as child:
        for work in WORKS:
            with _watched(redis) as longest:
                figures = json.loads(child.ask("go"))
            table.add(f"{store}-{work}", **figures, **longest)


@contextmanager
def _watched(redis: RedisServer | None) -> Iterator[dict[str, float]]:
    """Yield what will have the longest command that Redis ran meanwhile."""
    longest: dict[str, float] = {}
    if redis is not None:
        redis.ask("SLOWLOG", "RESET")
        redis.ask("CONFIG", "SET", "slowlog-max-len", 10**6)
    yield longest
    if redis is not None:
        longest["redis_ms"] = max(entry[2] for entry in redis.ask("SLOWLOG", "GET", -1)) / 1000
