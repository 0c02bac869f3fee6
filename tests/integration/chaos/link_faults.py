"""Faults of the links: from clients to nodes, and from nodes to the one server of Redis."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from tests.integration.chaos.injection import Inject, Injection
from tests.integration.chaos.plan import Fault
from tests.support.redis.proxy import Proxy

DELAYS = (0.05, 0.3, 1.0)  # seconds each way

Harm = Callable[[Fault, Proxy, str], Coroutine[Deferred[Any], Any, None]]


class LinkFaults(Injection):
    """Links break, swallow, delay and refuse."""

    @property
    def kinds(self) -> dict[str, Inject]:
        return {
            "clients cut": self._before(self._cut),
            "clients in a black hole": self._before(self._swallow),
            "replies in a black hole": self._before(self._swallow_replies),
            "clients delayed": self._before(self._delay),
            "clients refused": self._before(self._refuse),
            "Redis link cut": self._behind(self._cut),
            "Redis link in a black hole": self._behind(self._swallow),
            "Redis replies in a black hole": self._behind(self._swallow_replies),
            "Redis link delayed": self._behind(self._delay),
            "Redis link refused": self._behind(self._refuse),
        }

    def _before(self, harm: Harm) -> Inject:
        """Harm a relay before a node, which has a name on the paths of requests."""

        async def inject(fault: Fault) -> None:
            node = self.node(fault)
            number = fault.variant % (len(node.relays) + 1)
            if number == len(node.relays):
                await harm(fault, node.http_relay, f"{node.name}/http")
            else:
                await harm(fault, node.relays[number], f"{node.name}/{number}")

        return inject

    def _behind(self, harm: Harm) -> Inject:
        """Harm the relay behind a node, which is on no path: the node has to answer without Redis."""

        async def inject(fault: Fault) -> None:
            relay = self.node(fault).to_redis
            assert relay is not None
            await harm(fault, relay, "")

        return inject

    async def _cut(self, fault: Fault, relay: Proxy, name: str) -> None:
        relay.cut()
        await self.last(fault)

    async def _swallow_replies(self, fault: Fault, relay: Proxy, name: str) -> None:
        await self._swallow(fault, relay, name, commands=False)

    async def _swallow(self, fault: Fault, relay: Proxy, name: str, commands: bool = True) -> None:
        began = reactor.seconds()
        relay.black_hole(commands)
        await self.last(fault)
        relay.pass_on()
        relay.cut()
        self.out(name, began)

    async def _delay(self, fault: Fault, relay: Proxy, name: str) -> None:
        began, seconds = reactor.seconds(), DELAYS[fault.variant % len(DELAYS)]
        relay.delay(seconds)
        await self.last(fault)
        relay.delay(0)
        self.out(name, began, 2 * seconds)

    async def _refuse(self, fault: Fault, relay: Proxy, name: str) -> None:
        await relay.refuse()
        relay.cut()
        await self.last(fault)
        relay.allow()
