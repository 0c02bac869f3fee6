"""Names of nodes: another one with each start."""

from __future__ import annotations

from secrets import token_hex

from twisted.internet.interfaces import IReactorTime


def new_node(clock: IReactorTime) -> str:
    """Return a name for this node: 8 hex digits of Unix seconds, which tell old names from new ones,
    and 8 random ones."""
    return f"{int(clock.seconds()):08x}{token_hex(4)}"
