"""Admission in a worker: the parent, which counts the connections of all, decides."""

from __future__ import annotations

from functools import partial
from math import inf
from typing import Any

from autobahn.websocket.types import ConnectionDeny
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from gim.concurrency.deadline import ANSWER_TIMEOUT, outlasted
from gim.gateway.admission import Client, name_address
from gim.gateway.connection_rules import TOO_MANY_OF_ADDRESS, ConnectionRules, Rejection
from gim.link.channel import Channel
from gim.workers.accept_messages import AddressQuestion
from gim.workers.closings import Closings

NO_ANSWER = Rejection(503, "the server is busy: try again later")


class WorkerAdmission:
    """Implements `Admission` for a worker.

    A socket comes with the parent's verdict; the worker refuses one only if it is short of files or
    overloaded itself. Behind a proxy, and if the connections of one address are limited, the parent is
    asked during the handshake.
    """

    verdict: Rejection | None = None  # on the connection that is being made

    def __init__(
        self, rules: ConnectionRules, closings: Closings, channel: Channel, clock: IReactorTime
    ) -> None:
        """*rules* know addresses, and what this process exceeds. The parent is asked by the *channel*."""
        self._rules = rules
        self._closings = closings
        self._channel = channel
        self._clock = clock
        self._asked: dict[Client, Deferred[Any]] = {}  # the answers under way
        self._identified: set[Client] = set()  # counted by the parent since their handshake

    def refuse(self, connected: int, address: Any) -> Rejection | None:
        """See `Admission`."""
        return self.verdict or self._rules.refuse_for_process()

    def admit(self, client: Client) -> None:
        """See `Admission`. The parent has counted the connection already."""
        client.address_group = self._rules.group_of(client.transport.getPeer())

    def identify(self, client: Client, forwarded: str) -> Deferred[None] | None:
        """See `Admission`."""
        if client.address_group:
            return None
        client.address_group = name_address(client, self._rules, forwarded)
        if not client.address_group or not self._rules.limits_addresses:
            return None
        return self._ask(client)

    def _ask(self, client: Client) -> Deferred[None]:
        group, decided = client.address_group, Deferred[None]()

        def answered(is_admitted: bool) -> None:
            del self._asked[client]
            if is_admitted:
                self._identified.add(client)
                decided.callback(None)
            else:
                decided.errback(ConnectionDeny(*TOO_MANY_OF_ADDRESS))

        def failed(failure: Failure) -> None:
            if failure.check(CancelledError) is None:  # else the connection has ended
                del self._asked[client]
                decided.errback(ConnectionDeny(*NO_ANSWER))

        answer = self._channel.ask(AddressQuestion(group=group), bool, inf)
        waiting = outlasted(ANSWER_TIMEOUT, self._clock, answer, partial(self._too_late, group))
        asked = self._asked[client] = Deferred.fromCoroutine(waiting)
        asked.addCallbacks(answered, failed)
        return decided

    def _too_late(self, group: str, is_admitted: bool) -> None:
        """Have a connection not counted any more that has ended, or was refused, before the answer."""
        if is_admitted:
            self._closings.add_group(group)

    def release(self, client: Client) -> None:
        """See `Admission`. The parent learns of the end of the socket in another way."""
        if (asked := self._asked.pop(client, None)) is not None:
            asked.cancel()
        if client in self._identified:
            self._identified.remove(client)
            self._closings.add_group(client.address_group)
        client.address_group = ""
