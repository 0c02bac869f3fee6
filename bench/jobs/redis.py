"""(g) Private messages through Redis: by one node, and between two that share one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

from msgspec import Struct

from bench.jobs import redis_memory, redis_words
from bench.process import BenchError, Process
from bench.redis import GET_THEM, RedisServer, missing, serving_redis
from bench.results import Column, Plan, Table, new_table
from bench.servers import Load, Server, serving_gim

CONNECTIONS = 100
IN_FLIGHT = (1, 8)  # messages of each connection that have not got both ack and push yet
KINDS = {
    "memory": "gim, memory store",
    "one": "one node, Redis",
    "two": "two nodes, Redis, each message crosses",
    "aof": "one node, Redis with AOF",
}
TOGETHER = (1, 16)  # messages in one script; a node sends at most 32 together
_PIPELINED = 16  # scripts
_PER_SECOND = 20_000  # a guess, so that redis-benchmark takes about as long as the others
_COLUMNS = (
    Column("per_s", "messages/s"),
    Column("p50_ms", "push p50, ms", 2),
    Column("p99_ms", "push p99, ms", 2),
    Column("gim_us", "CPU µs per message, gim", 1),
    Column("redis_us", "CPU µs per message, Redis", 1),
    Column("generator", "generator busy, %"),
)


class Setup(Struct):
    """A generator with its connections, and whose CPU its messages cost."""

    load: Load
    nodes: list[Process]
    redis: list[Process]


def run(plan: Plan) -> list[Table]:
    """Measure all in turn, the script by itself as well; skipped where Redis is not installed."""
    if absent := missing():
        print(f"bench: no {' and no '.join(absent)}, without job redis: {GET_THEM}", file=sys.stderr)
        return []
    rows = [(kind, words, n) for n in IN_FLIGHT for kind, words in KINDS.items()]
    labels = {f"{kind}-{n}": f"{words}, {n} in flight" for kind, words, n in rows}
    labels |= {f"script-{n}": f"redis-benchmark, the script alone with {n} at a time" for n in TOGETHER}
    title = f"(g) Private messages of {CONNECTIONS} connections through Redis"
    table = new_table("redis", title, _COLUMNS, labels)
    with serving_redis("redis") as redis, _all_connected(redis) as setups:
        table.notes.append(_about(redis))
        _prepare(redis)
        for setup in setups.values():
            _send(setup, 8, plan.seconds / 2)  # warm up
        for _ in plan.each_round("private messages through Redis"):
            _measure(plan, table, redis, setups)
    return [table, redis_memory.run(plan)]


def _about(redis: RedisServer) -> str:
    version = redis.ask("INFO", "server")["redis_version"]
    return (
        f"Redis {version} on the same machine, with `--save ''` and without an AOF. Where it says AOF,"
        " with `--appendonly yes`: synced every second, not rewritten meanwhile."
    )


def _measure(plan: Plan, table: Table, redis: RedisServer, setups: dict[str, Setup]) -> None:
    for in_flight in IN_FLIGHT:
        for kind, setup in setups.items():
            table.add(f"{kind}-{in_flight}", **_send(setup, in_flight, plan.seconds))
    for together in TOGETHER:
        table.add(f"script-{together}", **_repeat(redis, together, plan.seconds))


@contextmanager
def _all_connected(redis: RedisServer) -> Iterator[dict[str, Setup]]:
    """Start the nodes, and for each kind a generator that is connected."""
    with ExitStack() as stack:
        enter = stack.enter_context
        memory = enter(serving_gim("gim-memory"))
        alone = enter(_node("gim-one", redis, "one"))
        pair = [enter(_node(f"gim-two-{half}", redis, "two")) for half in "ab"]
        aof = enter(serving_redis("redis-aof", "--appendonly", "yes"))
        logged = enter(_node("gim-aof", aof, "one"))
        yield {
            "memory": enter(_connected([memory], [])),
            "one": enter(_connected([alone], [redis.process])),
            "two": enter(_connected(pair, [redis.process])),
            "aof": enter(_connected([logged], [aof.process])),
        }


def _node(name: str, redis: RedisServer, prefix: str) -> AbstractContextManager[Server]:
    """Start a node; those of one *prefix* share their data."""
    return serving_gim(name, "--storage", "redis", "--redis-url", redis.url, "--redis-prefix", prefix)


@contextmanager
def _connected(nodes: list[Server], redis: list[Process]) -> Iterator[Setup]:
    """Start a generator: of two nodes each has one of the people of every pair."""
    with nodes[0].load(beside=nodes[1] if len(nodes) > 1 else None) as load:
        load.connect(CONNECTIONS)
        yield Setup(load, [node.process for node in nodes], redis)


def _send(setup: Setup, in_flight: int, seconds: float) -> dict[str, float]:
    gim, redis = _cpu(setup.nodes), _cpu(setup.redis)
    found = setup.load.do(f"private {CONNECTIONS} {in_flight} {seconds}")
    figures = {
        "per_s": found["per_s"],
        "p50_ms": found["push_us"]["p50"] / 1000,
        "p99_ms": found["push_us"]["p99"] / 1000,
        "gim_us": (_cpu(setup.nodes) - gim) / found["messages"] * 1e6,
        "generator": found["generator_cpu_s"] / found["wall_s"] * 100,
    }
    if setup.redis:
        figures["redis_us"] = (_cpu(setup.redis) - redis) / found["messages"] * 1e6
    return figures


def _cpu(processes: list[Process]) -> float:
    return sum(process.cpu() for process in processes)


def _prepare(redis: RedisServer) -> None:
    """Load the script, and see that the command stores a message: what it refuses would be fast."""
    redis.ask("SCRIPT", "LOAD", redis_words.SCRIPT.source)
    reply = redis.ask(*redis_words.send_private())
    if not isinstance(reply, list):
        raise BenchError(f"the script of private messages answers {reply!r}, not with an id")


def _repeat(redis: RedisServer, together: int, seconds: float) -> dict[str, float]:
    words = redis_words.send_private(pairs=[("u0", "u1")] * together)
    count = int(_PER_SECOND * seconds) // together
    before = redis.process.cpu()
    per_s = together * redis.repeat(words, count, _PIPELINED, CONNECTIONS // 2)
    return {"per_s": per_s, "redis_us": (redis.process.cpu() - before) / (count * together) * 1e6}
