"""Batches of messages to a chatroom: how many the members get for each second of the server's CPU.

gim pushes what has come in an interval as one frame, at most the newest messages; Centrifugo pushes each
publication by itself. A batch is sent when all members have all messages of the one before.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from bench.results import Column, Plan, Table, new_table
from bench.servers import WORDS, Load, Server, serving, serving_gim

KINDS = ("gim", "centrifugo")
MESSAGES = 50  # of a batch, of 64 bytes each: as many as a push of gim holds here
EVERY_MS = 100  # from one batch to the next, and from one push of gim to the next
BATCHES = 20  # of a measurement
ROOM = "9999"
_COLUMNS = (
    Column("per_cpu_s", "messages delivered per CPU s"),
    Column("cpu_us", "CPU µs per frame", 2),
    Column("messages", "messages per frame", 1),
    Column("bytes", "bytes per message"),
    Column("batch_ms", "batch takes, ms", 1),
    Column("generator", "generator busy, %"),
)


def run(plan: Plan) -> list[Table]:
    """Measure both sizes and all servers in turn."""
    kinds = plan.of(*KINDS)
    sizes = sorted({plan.small, plan.big})
    labels = {f"{kind}-{size}": f"{WORDS[kind]}, {size:,} members" for size in sizes for kind in kinds}
    title = f"{MESSAGES} messages to all members every {EVERY_MS} ms"
    table = new_table("batched", title, _COLUMNS, labels)
    with ExitStack() as stack:
        loads = {}
        for size in sizes:
            for kind in kinds:
                load = stack.enter_context(stack.enter_context(_serving(kind, size)).load())
                load.connect(size)
                load.do(f"join {ROOM}")
                load.do(f"batched {ROOM} {MESSAGES} 2 {EVERY_MS}")  # warm up
                loads[f"{kind}-{size}"] = load
        for _ in plan.each_round("batches"):
            for row, load in loads.items():
                table.add(row, **_measure(load, 3 if plan.quick else BATCHES))
    return [table]


@contextmanager
def _serving(kind: str, size: int) -> Iterator[Server]:
    if kind == "gim":
        options = ["--message-push-duration", f"{EVERY_MS}ms", "--message-push-count", str(MESSAGES)]
        with serving_gim(f"batched-{size}", *options) as server:
            yield server
    else:
        with serving(kind) as server:
            yield server


def _measure(load: Load, batches: int) -> dict[str, float]:
    found = load.do(f"batched {ROOM} {MESSAGES} {batches} {EVERY_MS}")
    pushes = found["frames"] - batches * MESSAGES  # without the replies, a frame each
    return {
        "per_cpu_s": found["delivered"] / found["server_cpu_s"],
        "cpu_us": found["server_cpu_s"] / pushes * 1e6,
        "messages": found["delivered"] / pushes,
        "bytes": found["bytes"] / found["delivered"],
        "batch_ms": found["batch_us"]["p50"] / 1000,
        "generator": found["generator_cpu_s"] / found["wall_s"] * 100,
    }
