"""What messages take of Redis' memory, in few large sessions and in many small ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from redis import Redis

from bench.jobs import redis_words
from bench.process import BenchError
from bench.redis import RedisServer, serving_redis
from bench.results import Column, Plan, Table, new_table
from gim.storage.redis.client.protocol import Word

_SHAPES = ((10, 10_000), (1_000, 100), (20_000, 5), (50_000, 1))  # sessions, messages of each
_COLUMNS = Column("bytes", "bytes per message"), Column("session", "bytes per session, with its people")
_AT_A_TIME = 1_000


def run(plan: Plan) -> Table:
    """Fill a server with each shape; no round would find another figure."""
    labels = {_row(*shape): f"{shape[0]:,} sessions of {shape[1]:,} messages" for shape in _SHAPES}
    table = new_table("redis-memory", "(g) Memory of Redis, messages of 64 bytes", _COLUMNS, labels)
    table.notes.append(
        "All that a private session takes is counted: messages, both people's lists and names, keys. Each"
        " session has two people of its own."
    )
    for sessions, messages in _SHAPES:
        if plan.quick:
            sessions = max(1, sessions // 10)
        with serving_redis("redis-memory") as redis:
            taken = _fill(redis, sessions, messages)
        row = _row(sessions if not plan.quick else sessions * 10, messages)
        table.add(row, bytes=taken / (sessions * messages), session=taken / sessions)
    return table


def _row(sessions: int, messages: int) -> str:
    return f"{sessions}x{messages}"


def _fill(redis: RedisServer, sessions: int, messages: int) -> int:
    """Return the bytes that the messages take."""
    redis.ask("SCRIPT", "LOAD", redis_words.SCRIPT.source)
    before = redis.ask("INFO", "memory")["used_memory"]
    commands = (
        redis_words.send_private("benchmark", [(f"u{session}a", f"u{session}b")])
        for _ in range(messages)
        for session in range(sessions)
    )
    with Redis.from_url(redis.url) as client:
        for replies in _sent(client, commands):
            if not all(isinstance(reply, list) for reply in replies):
                raise BenchError("the script of private messages refused some")
    taken: int = redis.ask("INFO", "memory")["used_memory"] - before
    return taken


def _sent(client: Redis, commands: Iterable[tuple[Word, ...]]) -> Iterator[list[object]]:
    waiting = iter(commands)
    while some := list(islice(waiting, _AT_A_TIME)):
        pipeline = client.pipeline(transaction=False)
        for words in some:
            pipeline.execute_command(*words)
        yield pipeline.execute()
