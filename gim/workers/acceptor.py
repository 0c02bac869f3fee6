"""The parent's ports: accepts connections, and hands each over to a worker."""

from __future__ import annotations

import os
import socket
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from msgspec import Struct
from twisted.application.service import Service
from twisted.internet import tcp
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import Factory

from gim.gateway.accepting import MAX_ACCEPTS
from gim.gateway.connection_rules import OVERLOADED, ConnectionRules
from gim.workers.accept_messages import AddressQuestion, ConnectionsClosed
from gim.workers.hand_over import GATEWAY, Arrival, HandOver, encode
from gim.workers.verdicts import number_of


class Link(Protocol):
    """What the acceptor needs of the channel to a worker."""

    def handle(self, kind: type[Struct], handler: Any) -> None:
        """Have *handler* called with each message of a kind that comes in."""

    def serve(self, kind: type[Any], handler: Any) -> None:
        """Answer the questions of a kind with what *handler*, a coroutine function, returns."""


class Acceptor(Service):
    """Accepts all connections, and passes each to the worker that has the fewest of its kind.

    Use it so, in the parent:

    - Make the endpoints with the reactor, and `Listening` services of them, each with any factory and
      with ``partial(acceptor.take, GATEWAY)`` or ``API`` as *prepare*, the gateway's not at once.
    - When the services of a worker run: ``hand_over = acceptor.join(ours, theirs, channel, is_ready)``,
      with the ends of `make_pair`, the second of which the worker has inherited. The kinds of messages of
      the channel include `accept_messages.TO_PARENT`.
    - When its process has ended: ``acceptor.leave(hand_over)``. What it has not read goes to others.
    - As a service it starts before the ports and stops after them.

    While there is no worker, or none can take a socket, it does not accept: clients wait in the kernel's
    queue. A worker that reads none of its sockets holds up the others for `STALL_TIME` only.
    """

    name = "acceptor"

    def __init__(self, rules: ConnectionRules, reactor: Any) -> None:
        """*rules* decide over the connections of the gateway."""
        self.connections = 0  # of the gateway, all workers together
        self._rules = rules
        self._reactor = reactor
        self._workers: list[HandOver] = []  # first the one that has waited longest for a socket
        self._waiting: deque[tuple[Arrival, socket.socket]] = deque()  # accepted, no worker has room
        self._paused: list[Any] = []  # ports that go on once none wait

    def take(self, kind: int, port: IListeningPort) -> None:
        """Hand over what a port accepts from now on, as it is, instead of serving it.

        Whatever its endpoint wraps around the factory, TLS for instance, a worker does that. Raises
        ValueError for a port that accepts neither TCP nor UNIX connections.
        """
        if not isinstance(port, tcp.Port):
            raise ValueError(f"{port} accepts no sockets that could be handed over: use one worker")
        accepted = _Accepted(partial(self._accept, kind, int(port.addressFamily)))
        port.factory = accepted
        port.transport = accepted.hand_over  # type: ignore[assignment]  # declared as one class
        accept = type(port).doRead

        def accept_some() -> None:
            if self._waiting:
                port.stopReading()
                self._paused.append(port)
                return
            port.numberAccepts = min(port.numberAccepts, MAX_ACCEPTS)  # Twisted lets it grow
            accept(port)

        port.doRead = accept_some  # type: ignore[method-assign]

    def join(
        self,
        ours: socket.socket,
        theirs: socket.socket,
        link: Link,
        is_ready: Callable[[], bool] = lambda: True,
    ) -> HandOver:
        """Begin to hand over to a worker. *is_ready* says whether its storage serves: until then it gets
        connections of the gateway only if no other worker is ready."""
        hand_over = HandOver(ours, theirs, self._go_on, is_ready, self._reactor)
        link.handle(ConnectionsClosed, partial(self._closed, hand_over))
        link.serve(AddressQuestion, partial(self._identify, hand_over))
        self._workers.append(hand_over)
        self._go_on()
        return hand_over

    def leave(self, hand_over: HandOver) -> None:
        """Forget a worker that has ended, with its connections; others get what it has not read."""
        if hand_over not in self._workers:  # this service has stopped before it
            return
        self._workers.remove(hand_over)
        unread = hand_over.take_back()
        for arrival, _ in unread:
            _count(hand_over, arrival, -1)
        self.connections -= hand_over.counts[GATEWAY]
        for group, count in hand_over.groups.items():
            self._rules.remove(group, count)
        self._waiting = deque([*unread, *self._waiting])
        self._go_on()

    def stopService(self) -> None:
        super().stopService()
        for hand_over in tuple(self._workers):
            self.leave(hand_over)
        for _, accepted in self._waiting:
            accepted.close()
        self._waiting.clear()

    def _accept(self, kind: int, family: int, accepted: socket.socket, client: Any, address: Any) -> None:
        refusal, group = None, ""
        if kind == GATEWAY:
            rules = self._rules
            group = rules.group_of(address) if rules.limits_addresses else ""
            refusal = rules.refuse_for_process() or rules.refuse_for_count(self.connections, group)
            if refusal is None:
                self.connections += 1
                rules.add(group)
        if family == socket.AF_UNIX:
            client = os.fsencode(client)
        arrival = Arrival(kind, family, client, number_of(refusal), group)
        if self._waiting or not self._hand_over(arrival, accepted):
            self._waiting.append((arrival, accepted))

    def _hand_over(self, arrival: Arrival, accepted: socket.socket) -> bool:
        """Pass a socket to a worker; return False if it has to wait for one."""
        hand_over = self._next_worker(arrival)
        if hand_over is None or hand_over.is_full or not hand_over.send(encode(arrival), accepted):
            return False
        accepted.close()
        _count(hand_over, arrival, 1)
        self._workers.remove(hand_over)  # where several have as few, they take turns
        self._workers.append(hand_over)
        return True

    def _next_worker(self, arrival: Arrival) -> HandOver | None:
        """Return which worker gets a socket; refused ones, which do not count, go round."""
        able = [worker for worker in self._workers if not worker.is_stalled]
        kind = arrival.kind
        if kind == GATEWAY:
            able = [worker for worker in able if worker.is_ready()] or able
        if arrival.verdict:
            return able[0] if able else None
        return min(able, key=lambda worker: worker.counts[kind], default=None)

    def _go_on(self) -> None:
        """Hand over what waits; when nothing waits any more, let the ports go on."""
        while self._waiting and self._hand_over(*self._waiting[0]):
            self._waiting.popleft()
        if not self._waiting:
            paused, self._paused = self._paused, []
            for port in paused:
                if port.connected and not port.disconnecting:
                    port.startReading()

    def _closed(self, hand_over: HandOver, message: ConnectionsClosed) -> None:
        if hand_over not in self._workers:  # all of its connections are forgotten already
            return
        for kind, count in enumerate(message.counts):
            hand_over.counts[kind] -= count
        self.connections -= message.counts[GATEWAY]
        for group in message.groups:
            hand_over.groups[group] -= 1
            if not hand_over.groups[group]:
                del hand_over.groups[group]
            self._rules.remove(group)

    async def _identify(self, hand_over: HandOver, question: AddressQuestion) -> int:
        if hand_over not in self._workers:
            return number_of(OVERLOADED)
        rules, group = self._rules, question.group
        if question.is_upgraded:
            refusal = rules.refuse_for_process() or rules.refuse_for_count(self.connections, group)
        else:
            refusal = rules.refuse_group(group)
        if refusal is None:
            self._add(hand_over, question)
        return number_of(refusal)

    def _add(self, hand_over: HandOver, admitted: AddressQuestion) -> None:
        """Count a connection that its worker has accepted. An upgraded one stays one of HTTP, too."""
        if admitted.is_upgraded:
            self.connections += 1
            hand_over.counts[GATEWAY] += 1
        if admitted.group:
            self._rules.add(admitted.group)
            hand_over.groups[admitted.group] += 1


def _count(hand_over: HandOver, arrival: Arrival, change: int) -> None:
    """Count a socket that a worker gets, or has not read."""
    if not arrival.verdict:
        hand_over.counts[arrival.kind] += change
        if arrival.group:
            hand_over.groups[arrival.group] += change


class _Accepted(Factory):
    """What a port has in place of the factory, the protocol and the transport of a connection."""

    noisy = False

    def __init__(self, accept: Any) -> None:
        self._accept = accept
        self._address: Any = None  # of the connection that is being accepted

    def buildProtocol(self, address: Any) -> Any:
        self._address = address
        return self

    def hand_over(self, accepted: socket.socket, _protocol: Any, client: Any, *_: Any) -> None:
        """Take a socket, where Twisted makes a transport of it."""
        self._accept(accepted, client, self._address)

    def makeConnection(self, transport: None) -> None:
        """Do nothing: the socket is in a worker already."""
