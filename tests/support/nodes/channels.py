"""Channels of Redis that nodes are subscribed to."""

from __future__ import annotations

from typing import Any


async def subscribed(server: Any, prefix: str = "gim") -> set[str]:
    """Return the channels with a subscription, without those between the nodes that are alive, each of
    which must be there."""
    found = {channel.decode() for channel in await server.do("PUBSUB", "CHANNELS")}
    nodes = await server.do("ZRANGE", f"{prefix}:{{gim}}:nodes", 0, -1)
    between = {f"{prefix}:{{gim}}", *(f"{prefix}:{{n:{node.decode()}}}" for node in nodes)}
    assert between <= found, between - found
    return found - between
