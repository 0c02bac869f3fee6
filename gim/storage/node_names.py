"""Names of nodes: a node gets a new one with each start."""

from __future__ import annotations

from secrets import token_hex

from twisted.internet.interfaces import IReactorTime


def new_node(clock: IReactorTime) -> str:
    """Return a name: 8 hex digits of Unix seconds, which show the age of a node, and 8 random ones."""
    return f"{int(clock.seconds()):08x}{token_hex(4)}"
