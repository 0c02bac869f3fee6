"""(a) One message to all members of a chatroom: server CPU per frame, and how long the push takes."""

from __future__ import annotations

from contextlib import ExitStack

from bench import centrifugo
from bench.results import Column, Plan, Table, new_table
from bench.servers import WORDS, Load, all_connected

KINDS = ("gim", "floor", "stock", "ws", "uws", *centrifugo.KINDS)
ROOM = "9999"
_COLUMNS = (
    Column("cpu_us", "CPU µs per frame", 2),
    Column("frames_per_s", "frames/s"),
    Column("push_ms", "push takes, ms", 1),
    Column("bytes", "bytes per frame"),
    Column("generator", "generator busy, %"),
)


def run(plan: Plan) -> list[Table]:
    """Measure both sizes and all servers in turn, so that what disturbs one disturbs all."""
    kinds = plan.of(*KINDS)
    sizes = sorted({plan.small, plan.big})
    labels = {f"{kind}-{size}": f"{WORDS[kind]}, {size:,} members" for size in sizes for kind in kinds}
    title = "(a) A chatroom message to all members"
    table = new_table("fanout", title, _COLUMNS, labels)
    with ExitStack() as stack:
        loads = {size: stack.enter_context(all_connected(kinds, size, ROOM)) for size in sizes}
        for size in sizes:
            for kind in kinds:
                _push(loads[size][kind], size, 2 * size)  # warm up
        for _ in plan.each_round("fan-out"):
            for size in sizes:
                for kind in kinds:
                    table.add(f"{kind}-{size}", **_push(loads[size][kind], size, plan.fanout_frames))
    return [table]


def _push(load: Load, members: int, frames: int) -> dict[str, float]:
    """Send messages one after the other, each when all members have got the one before."""
    found = load.do(f"fanout {ROOM} {max(frames // members, 1)} 0")
    return {
        "cpu_us": found["server_cpu_s"] / found["frames"] * 1e6,
        "frames_per_s": found["frames_per_s"],
        "push_ms": found["push_us"]["p50"] / 1000,
        "bytes": found["bytes_per_frame"],
        "generator": found["generator_cpu_s"] / found["wall_s"] * 100,
    }
