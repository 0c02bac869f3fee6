"""From the URL of ``--redis-url`` to connections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gim.storage.redis.client.cluster import Cluster
from gim.storage.redis.client.endpoints import endpoint
from gim.storage.redis.client.handshake import Handshake
from gim.storage.redis.client.interface import Redis
from gim.storage.redis.client.sentinel import MasterEndpoint
from gim.storage.redis.client.single import OneServer
from gim.storage.redis.client.subscriber import Subscriber
from gim.storage.redis.client.url import Target


def connect(target: Target, reactor: Any, name: str = "gim") -> Callable[[Subscriber], Redis]:
    """Return what makes a client of the servers for a subscriber; *name* is what CLIENT LIST shows."""
    handshake = Handshake(target, name)
    if target.kind == "cluster":
        return lambda subscriber: Cluster(target, handshake, subscriber, reactor)
    if target.kind == "sentinel":
        server: Any = MasterEndpoint(target, reactor)
    else:
        server = endpoint(reactor, target.addresses[0], target.tls)
    return lambda subscriber: OneServer(target.describe(), server, handshake, subscriber, reactor)
