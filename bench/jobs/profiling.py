"""What a CPU profile costs while it is made: job b, with and without one under way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from threading import Thread

from bench.jobs.private import CONNECTIONS, send
from bench.process import BenchError
from bench.results import Column, Plan, Table, new_table
from bench.servers import serving_gim

IN_FLIGHT = 8
_COLUMNS = (
    Column("cpu_us", "CPU µs per message", 1),
    Column("per_s", "messages/s"),
    Column("p99_ms", "push p99, ms", 2),
)
LABELS = {"without": "no profile", "profiled": "a profile under way"}


def run(plan: Plan) -> list[Table]:
    """Measure one server, in turn with a profile and without."""
    title = f"A profile of the CPU, private messages of {CONNECTIONS} connections"
    table = new_table("profiling", title, _COLUMNS, LABELS)
    with serving_gim("profiled", "--profiling") as server, server.load() as load:
        load.connect(CONNECTIONS)
        send(load, IN_FLIGHT, plan.seconds / 2)  # warm up
        for number in plan.each_round("profiling"):
            for row in list(LABELS) if number % 2 else reversed(LABELS):
                if row == "without":
                    table.add(row, **send(load, IN_FLIGHT, plan.seconds))
                    continue
                with _profile(server.http_port, plan.seconds + 0.5):
                    table.add(row, **send(load, IN_FLIGHT, plan.seconds))
    return [table]


@contextmanager
def _profile(http_port: int, seconds: float) -> Iterator[None]:
    """Have a profile made, that must be longer than what goes on within."""
    connection = HTTPConnection("127.0.0.1", http_port, timeout=seconds + 20)
    connection.request("GET", f"/debug/pprof/profile?seconds={seconds}")
    answers: list[bytes] = []
    reader = Thread(target=lambda: answers.append(connection.getresponse().read()))
    reader.start()
    try:
        yield
        if not reader.is_alive():
            raise BenchError(f"the profile ended too early: {answers[:1]}")
    finally:
        reader.join()
        connection.close()
