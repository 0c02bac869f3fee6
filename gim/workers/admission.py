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
from gim.gateway.connection_rules import ConnectionRules, Rejection
from gim.link.channel import Channel
from gim.workers.accept_messages import AddressQuestion
from gim.workers.closings import Closings
from gim.workers.hand_over import GATEWAY
from gim.workers.verdicts import VERDICTS

NO_ANSWER = Rejection(503, "the server is busy: try again later")


class WorkerAdmission:
    """Implements `Admission` for a worker.

    A socket comes with the parent's verdict; the worker refuses one only if it is short of files or
    overloaded itself. Behind a proxy, and if the connections of one address are limited, the parent is
    asked during the handshake. It is also asked for a connection that began as one of HTTP, on which it
    has not decided yet.
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
        self._admitted: dict[Client, AddressQuestion] = {}  # counted by the parent since their handshake

    def refuse(self, connected: int, address: Any) -> Rejection | None:
        """See `Admission`."""
        return self.verdict or self._rules.refuse_for_process()

    def admit(self, client: Client) -> None:
        """See `Admission`. The parent has counted the connection already, unless it is upgraded."""
        client.address_group = self._rules.group_of(client.transport.getPeer())

    def identify(self, client: Client, forwarded: str) -> Deferred[None] | None:
        """See `Admission`."""
        was_known = bool(client.address_group)
        if not was_known:
            client.address_group = name_address(client, self._rules, forwarded)
        group = client.address_group if self._rules.limits_addresses else ""
        if client.is_upgraded or (group and not was_known):
            return self._ask(client, AddressQuestion(group=group, is_upgraded=client.is_upgraded))
        return None

    def _ask(self, client: Client, question: AddressQuestion) -> Deferred[None]:
        decided = Deferred[None]()

        def answered(verdict: int) -> None:
            del self._asked[client]
            refusal = VERDICTS[verdict]
            if refusal is None:
                self._admitted[client] = question
                decided.callback(None)
            else:
                decided.errback(ConnectionDeny(*refusal))

        def failed(failure: Failure) -> None:
            if failure.check(CancelledError) is None:  # else the connection has ended
                del self._asked[client]
                decided.errback(ConnectionDeny(*NO_ANSWER))

        answer = self._channel.ask(question, int, inf)
        waiting = outlasted(ANSWER_TIMEOUT, self._clock, answer, partial(self._too_late, question))
        asked = self._asked[client] = Deferred.fromCoroutine(waiting)
        asked.addCallbacks(answered, failed)
        return decided

    def _too_late(self, question: AddressQuestion, verdict: int) -> None:
        """Have a connection not counted any more that has ended, or was refused, before the answer."""
        if VERDICTS[verdict] is None:
            self._forget(question)

    def _forget(self, admitted: AddressQuestion) -> None:
        """Have a connection not counted any more that the parent counts since its handshake."""
        if admitted.is_upgraded:
            self._closings.add(GATEWAY, admitted.group)
        else:
            self._closings.add_group(admitted.group)

    def release(self, client: Client) -> None:
        """See `Admission`. The parent learns of the end of the socket in another way."""
        if (asked := self._asked.pop(client, None)) is not None:
            asked.cancel()
        if (admitted := self._admitted.pop(client, None)) is not None:
            self._forget(admitted)
        client.address_group = ""
