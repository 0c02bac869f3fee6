"""From the URL of an operator to the way to the servers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gim.storage.redis.client.cluster import Cluster
from gim.storage.redis.client.endpoints import endpoint
from gim.storage.redis.client.handshake import Handshake
from gim.storage.redis.client.interface import Redis, Subscriber
from gim.storage.redis.client.sentinel import MasterEndpoint
from gim.storage.redis.client.single import OneServer
from gim.storage.redis.client.url import Target


def connect(target: Target, reactor: Any, name: str = "gim") -> Callable[[Subscriber], Redis]:
    """Return what makes the way to the servers; *name* is what CLIENT LIST shows."""
    greeting = Handshake(target, name)
    if target.kind == "cluster":
        return lambda guests: Cluster(target, greeting, guests, reactor)
    if target.kind == "sentinel":
        way: Any = MasterEndpoint(target, reactor)
    else:
        way = endpoint(reactor, target.addresses[0], target.tls)
    return lambda guests: OneServer(target.describe(), way, greeting, guests, reactor)
