"""Names of nodes: a node gets a new one with each start."""

from __future__ import annotations

from secrets import token_hex

from gim.concurrency.clocks import WallClock


def new_node(wall: WallClock) -> str:
    """Return a name: 8 hex digits of Unix seconds, which show the age of a node, and 8 random ones."""
    return f"{wall.now_ms() // 1000:08x}{token_hex(4)}"


def listener_of(node: str, worker: int) -> str:
    """Return the name of a worker's listener, where all workers are one node."""
    return f"{node}.{worker}"
