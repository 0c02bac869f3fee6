"""What open consoles cost: private messages beside pushes to a big chatroom, with consoles and without.

Both leave at a steady pace, so the server does the same work in each measurement.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from urllib.parse import urlsplit

from bench.process import BenchError
from bench.results import Column, Plan, Table, new_table
from bench.servers import Load, Server, serving_gim

CONSOLES = 3
CONNECTIONS = 100  # that send private messages
RATE = 1_000  # private messages a second, in all
EVERY_MS = 400  # from one push of the chatroom to the next: 10,000 members get 25,000 frames a second
ROOM = "9999"
KEY = "the-key-of-this-benchmark"
FOLLOW_EVERY = 2.0  # seconds between two lists of connections, as the page asks for them
_MEMBERS_ID = 10_000  # the first user of the chatroom
_COLUMNS = (
    Column("cpu_percent", "CPU, % of a core", 1),
    Column("p50_ms", "private push p50, ms", 2),
    Column("p99_ms", "p99, ms", 2),
)
LABELS = {
    "alone": "without a console",
    "open": f"{CONSOLES} consoles at their overview",
    "follow": f"{CONSOLES} consoles, one of which follows the connections by their bytes",
}


def run(plan: Plan) -> list[Table]:
    """Measure one server, in turn with consoles and without."""
    title = f"Open consoles, {plan.big:,} connections"
    table = new_table("console", title, _COLUMNS, LABELS)
    with TemporaryDirectory() as directory:
        key = Path(directory) / "key"
        key.write_text(KEY)
        with (
            serving_gim("console", "--admin-key-file", str(key)) as server,
            server.load() as pairs,
            server.load(_MEMBERS_ID, nice=10) as members,
        ):
            pairs.connect(CONNECTIONS)
            members.connect(plan.big)
            members.do(f"join {ROOM}")
            _pace(pairs, members, 2)  # warm up
            for number in plan.each_round("console"):
                for row in list(LABELS) if number % 2 else reversed(LABELS):
                    with _watched(server, row):
                        table.add(row, **_pace(pairs, members, plan.latency_seconds))
    table.notes.append(f"{RATE:,} private messages/s, and a push to all every {EVERY_MS} ms.")
    for row in ("open", "follow"):
        cpu, p99 = (table.ratio(row, "alone", key) for key in ("cpu_percent", "p99_ms"))
        table.notes.append(f"{LABELS[row]}, by without: CPU {cpu:.2f}, p99 {p99:.2f}.")
    return [table]


def _pace(pairs: Load, members: Load, seconds: int) -> dict[str, float]:
    members.start(f"fanout {ROOM} {1000 * seconds // EVERY_MS} {EVERY_MS}")
    found = pairs.do(f"paced {CONNECTIONS} {RATE} {seconds}")
    members.finish()
    times = {f"{name}_ms": found["push_us"][name] / 1000 for name in ("p50", "p99")}
    return {"cpu_percent": 100 * found["server_cpu_s"] / seconds, **times}


@contextmanager
def _watched(server: Server, row: str) -> Iterator[None]:
    """Have consoles open."""
    with ExitStack() as stack:
        for _ in range(CONSOLES if row != "alone" else 0):
            stack.enter_context(_stream(server))
        if row == "follow":
            stack.enter_context(_following(server))
        yield


def _get(server: Server, path: str) -> tuple[HTTPConnection, HTTPResponse]:
    connection = HTTPConnection("127.0.0.1", server.http_port, timeout=20)
    connection.request("GET", path, headers={"X-API-Key": KEY})
    response = connection.getresponse()
    if response.status != 200:
        raise BenchError(f"{urlsplit(path).path}: {response.status} {response.read(500)!r}")
    return connection, response


@contextmanager
def _stream(server: Server) -> Iterator[None]:
    """Read the live figures, and see that they come."""
    connection, response = _get(server, "/v1/admin/live")
    samples: list[dict[str, object]] = []
    reader = Thread(target=_read, args=(response, samples))
    reader.start()
    while not samples and reader.is_alive():
        time.sleep(0.05)
    before = len(samples)
    try:
        yield
        if len(samples) == before:
            raise BenchError("the live figures have stopped")
    finally:
        connection.sock.shutdown(2)
        reader.join()
        connection.close()


def _read(response: HTTPResponse, samples: list[dict[str, object]]) -> None:
    samples.extend(json.loads(line[6:]) for line in response if line.startswith(b"data: "))


@contextmanager
def _following(server: Server) -> Iterator[None]:
    """Ask for the connections again and again."""
    is_over = Event()

    def follow() -> None:
        while not is_over.wait(FOLLOW_EVERY):
            connection, response = _get(server, "/v1/admin/connections?sort=bytes&count=100")
            response.read()
            connection.close()

    follower = Thread(target=follow)
    follower.start()
    try:
        yield
    finally:
        is_over.set()
        follower.join()
