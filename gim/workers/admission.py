"""Admission in a worker: the parent, which counts the connections of all, decides."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any, NamedTuple

from autobahn.websocket.types import ConnectionDeny
from msgspec import Struct
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from gim.concurrency.deadline import ANSWER_TIMEOUT
from gim.gateway.admission import Client, name_address
from gim.gateway.connection_rules import TOO_MANY_OF_ADDRESS, ConnectionRules, Rejection
from gim.workers.accept_messages import AddressAnswer, AddressQuestion
from gim.workers.closings import Closings

NO_ANSWER = Rejection(503, "the server is busy: try again later")


class _Question(NamedTuple):
    client: Client
    answer: Deferred[None]
    timer: IDelayedCall


class WorkerAdmission:
    """Implements `Admission` for a worker.

    A socket comes with the parent's verdict; the worker refuses one only if it is short of files or
    overloaded itself. Behind a proxy, and if the connections of one address are limited, the parent is
    asked during the handshake.
    """

    verdict: Rejection | None = None  # on the connection that is being made

    def __init__(
        self,
        rules: ConnectionRules,
        closings: Closings,
        send: Callable[[Struct], None],
        clock: IReactorTime,
    ) -> None:
        """*rules* know addresses, and what this process exceeds. *send* sends a message to the parent."""
        self._rules = rules
        self._closings = closings
        self._send = send
        self._clock = clock
        self._count = count(1)  # of questions
        self._questions: dict[int, _Question] = {}
        self._numbers: dict[Client, int] = {}  # of the questions
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
        number = self._numbers[client] = next(self._count)
        timer = self._clock.callLater(ANSWER_TIMEOUT, self._give_up, number)
        question = self._questions[number] = _Question(client, Deferred(), timer)
        self._send(AddressQuestion(number, client.address_group))
        return question.answer

    def answered(self, message: AddressAnswer) -> None:
        """Take an answer of the parent."""
        question = self._end(message.number)
        if question is None:
            if message.is_admitted:  # it is counted, but has ended meanwhile
                self._closings.add_group(message.group)
        elif message.is_admitted:
            self._identified.add(question.client)
            question.answer.callback(None)
        else:
            question.answer.errback(ConnectionDeny(*TOO_MANY_OF_ADDRESS))

    def _give_up(self, number: int) -> None:
        question = self._end(number)
        if question is not None:
            question.answer.errback(ConnectionDeny(*NO_ANSWER))

    def _end(self, number: int) -> _Question | None:
        """Forget a question; return it, None if its connection has ended."""
        question = self._questions.pop(number, None)
        if question is not None:
            del self._numbers[question.client]
            if question.timer.active():
                question.timer.cancel()
        return question

    def release(self, client: Client) -> None:
        """See `Admission`. The parent learns of the end of the socket in another way."""
        self._end(self._numbers.get(client, 0))
        if client in self._identified:
            self._identified.remove(client)
            self._closings.add_group(client.address_group)
        client.address_group = ""
