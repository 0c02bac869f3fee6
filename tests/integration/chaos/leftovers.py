"""What must not be left when all clients have gone: files, subscriptions, keys, processes, tracebacks."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from hiredis import ReplyError
from twisted.internet import reactor
from twisted.internet.task import deferLater

from tests.integration.chaos.judgement import Violation
from tests.integration.chaos.redis_keys import wrong_key
from tests.integration.chaos.topology import GimNode, Topology
from tests.support.redis.server import RedisServer

LIMIT = 30.0  # seconds until what is of no use any more has gone; the lease of a dead node takes 15
MORE_FILES = 8  # that a node may have open, such as connections to servers of Redis that it got to know
FAULTS_OF_LOGS = re.compile(r"Traceback \(most recent|Unhandled|#(?:error|critical)(?: \d+)?\]")
KILLED_WORKER = re.compile(
    r"^.*\.Supervisor#error\] worker \d+ \(pid \d+\) was killed by SIGKILL.*$", re.MULTILINE
)

# of a journal that runs, and of a start and a stop on such a disk
BROKEN_DISK = re.compile(
    r"^.*(the data directory \S+ can't be written to|the disk of \S+ fails|can't go on: --data-dir"
    r"|the journal could not be closed in order).*$",
    re.MULTILINE,
)


async def check_leftovers(
    topology: Topology, baseline: dict[str, int], sessions: set[str], users: set[str]
) -> list[Violation]:
    """Wait until nothing is left behind; return what still is after `LIMIT`."""
    wrong: list[str] = []

    async def is_clean() -> bool:
        wrong[:] = [*_files(topology, baseline), *await _redis(topology, sessions, users)]
        return not wrong

    await wait_for(is_clean, LIMIT)
    return [Violation("left behind", text) for text in wrong]


async def wait_for(check: Callable[[], Awaitable[bool]], seconds: float) -> bool:
    """Ask every half second until *check* holds; say if it did in time."""
    deadline = reactor.seconds() + seconds
    while not (holds := await check()) and reactor.seconds() < deadline:
        await deferLater(reactor, 0.5)
    return holds


def _files(topology: Topology, baseline: dict[str, int]) -> Iterator[str]:
    for node in topology.nodes:
        count, most = node.open_files, baseline[node.name] + MORE_FILES
        if count > most:
            yield f"node {node.name} has {count} open files, at its start {baseline[node.name]}"


async def _redis(topology: Topology, sessions: set[str], users: set[str]) -> list[str]:
    wrong: list[str] = []
    if topology.redis is None:
        return wrong
    masters = await topology.masters()
    alive, counted = await _nodes(masters)
    if len(alive) != sum(node.worker_count for node in topology.nodes) or alive != counted:
        wrong.append(f"the nodes {alive}, those with counts {counted}")
    between = {"gim:{gim}", *(f"gim:{{n:{node.decode()}}}" for node in alive)}
    for server in masters:
        for kind in ("CHANNELS", "SHARDCHANNELS"):
            channels = {name.decode() for name in await server.do("PUBSUB", kind)} - between
            wrong += [f"a subscription to {name}" for name in channels if name.startswith("gim:")]
        for key in await _keys(server):
            is_expiring = await server.do("PTTL", key) != -1
            wrong += filter(None, [wrong_key(key, sessions, users, is_expiring)])
            if key.endswith(":nodes") and alive & set(await _members(server, key)):
                wrong.append(f"{key} names a node where the user is not connected")
    return wrong


async def _nodes(masters: list[RedisServer]) -> tuple[set[bytes], set[bytes]]:
    """Return the nodes that are alive, and those that have counts."""
    alive: set[bytes] = set()
    counted: set[bytes] = set()
    for server in masters:
        if await _holds(server, "gim:{gim}:nodes"):
            alive |= set(await server.do("ZRANGE", "gim:{gim}:nodes", 0, -1))
            counted |= set(await server.do("HKEYS", "gim:{gim}:counts"))
    return alive, counted


async def _holds(server: RedisServer, key: str) -> bool:
    try:
        return bool(await server.do("EXISTS", key))
    except ReplyError:  # MOVED: another server of a Cluster has it
        return False


async def _members(server: RedisServer, key: str) -> list[bytes]:
    return [] if key == "gim:{gim}:nodes" else await server.do("SMEMBERS", key)


async def _keys(server: RedisServer) -> list[str]:
    keys: list[str] = []
    cursor: Any = b"0"
    async with server.connected() as connection:
        while True:
            cursor, some = await connection.call("SCAN", cursor, "COUNT", 10_000)
            keys += [key.decode() for key in some]
            if cursor == b"0":
                return keys


def check_log(node: GimNode) -> Iterator[Violation]:
    """No fault of its own is in the log of a node, whatever was done to it."""
    log = BROKEN_DISK.sub("", KILLED_WORKER.sub("", node.log()))  # which are what was done to it
    if found := FAULTS_OF_LOGS.search(log):
        begin = log.rfind("\n", 0, found.start()) + 1
        yield Violation("traceback", f"node {node.name}: {log[max(0, begin - 300) : begin + 3000]}")
