"""Private messages through workers and their parent, simulated."""

from __future__ import annotations

from random import Random
from typing import TypeAlias

from msgspec import Struct

from bench.model.costs import Costs, Uses
from bench.model.machine import Call, Machine, Process

NETWORK_S = 50e-6  # from a client on another machine to the kernel of this one, and back
SHARES = {"send": 0.5, "answer": 0.2, "news": 0.3}  # of what a message costs in workers
TURN_US = 5000.0  # that messages of clients get of an iteration of the reactor at most
WARM_UP = 0.2  # of the time, in which nothing is counted
_SEED = 1

Item: TypeAlias = "tuple[str, Message]"


class Message(Struct, eq=False):
    """A message under way. It is complete when its sender has the reply and its receiver the push."""

    sender: int
    receiver: int
    began: float
    missing: int = 2


class Setup(Struct, frozen=True):
    """What is simulated: *workers* is 1 for one process alone."""

    cores: int
    workers: int
    connections: int
    in_flight: int
    local_clients: bool  # the load generator takes part of the cores, and every message crosses workers
    seconds: float = 0.3


class Found(Struct):
    """What a simulation found. CPU is in µs per message, shares are of one core."""

    per_s: float
    p50_ms: float
    p99_ms: float
    parent_us: float
    workers_us: float
    parent_share: float
    worker_share: float
    uses: Uses


class _Clients:
    """Clients elsewhere, which cost this machine nothing; each message waits for the one before."""

    def __init__(self, network: Network) -> None:
        self.network = network

    def give(self, item: Item) -> None:
        message = item[1]
        machine = self.network.machine
        machine.at(machine.now + NETWORK_S, lambda: self.network.received(message, 2 * NETWORK_S))


class _Generator(Process):
    """The load generator: it reads all that waits, and sends each next message as soon as it may."""

    def __init__(self, network: Network) -> None:
        super().__init__(network.machine)
        self.network = network

    def turn(self) -> tuple[float, Call]:
        items = self.take()
        half = self.network.costs.generator / 2e6  # one for the reply, one for the push
        for number, (_, message) in enumerate(items, 1):
            when = self.machine.now + number * half
            self.machine.at(when, lambda message=message: self.network.received(message, 0.0))  # type: ignore[misc]
        return half * len(items), lambda: None


class _Worker(Process):
    def __init__(self, network: Network) -> None:
        super().__init__(network.machine, int(TURN_US / network.costs.message))
        self.network = network

    def turn(self) -> tuple[float, Call]:
        items = self.take()
        network, costs = self.network, self.network.costs
        read = {message.sender for kind, message in items if kind == "send"}
        written = {m.sender if kind == "answer" else m.receiver for kind, m in items if kind != "send"}
        sockets = len(read) + len(written) + bool(read) + bool(written)  # the link is one as well
        cost = costs.turn + costs.socket * sockets
        cost += costs.message * sum(SHARES[kind] for kind, _ in items)
        network.turns += 1
        network.sockets += sockets

        def done() -> None:
            for kind, message in items:
                if kind == "send":
                    network.parent.give((self, message))
                else:
                    network.clients.give((kind, message))

        return cost / 1e6, done


class _Alone(Process):
    """One process that does everything."""

    def __init__(self, network: Network) -> None:
        super().__init__(network.machine, int(TURN_US / network.costs.alone_message))
        self.network = network

    def turn(self) -> tuple[float, Call]:
        items = self.take()
        network, costs = self.network, self.network.costs
        read = {message.sender for _, message in items}
        sockets = len(read) + len(read | {message.receiver for _, message in items})
        network.turns += 1
        network.sockets += sockets

        def done() -> None:
            for _, message in items:
                network.clients.give(("answer", message))
                network.clients.give(("news", message))

        cost = costs.turn + costs.socket * sockets + costs.alone_message * len(items)
        return cost / 1e6, done


class _Parent(Process):
    def __init__(self, network: Network) -> None:
        super().__init__(network.machine)
        self.network = network

    def turn(self) -> tuple[float, Call]:
        items = self.take()
        network, costs = self.network, self.network.costs
        read = {worker for worker, _ in items}
        written = read | {network.worker_of(message.receiver) for _, message in items}
        channels = len(read) + len(written)
        network.parent_turns += 1
        network.parent_channels += channels

        def done() -> None:
            for worker, message in items:
                worker.give(("answer", message))
                network.worker_of(message.receiver).give(("news", message))

        cost = costs.parent_turn + costs.parent_channel * channels + costs.parent_message * len(items)
        return cost / 1e6, done


class Network:
    """All processes of a setup, and the messages that are under way between their clients."""

    def __init__(self, setup: Setup, costs: Costs) -> None:
        self.setup, self.costs = setup, costs
        self.machine = Machine(setup.cores)
        self.parent = _Parent(self)
        made = [_Alone(self)] if setup.workers == 1 else [_Worker(self) for _ in range(setup.workers)]
        self.workers: list[Process] = list(made)
        self.clients = _Generator(self) if setup.local_clients else _Clients(self)
        self._random = Random(_SEED)
        self.forget()

    def forget(self) -> None:
        """Begin to count anew."""
        self.turns = self.sockets = self.parent_turns = self.parent_channels = 0
        self.took: list[float] = []
        for process in (self.parent, *self.workers):
            process.busy = 0.0

    def worker_of(self, connection: int) -> Process:
        return self.workers[connection % len(self.workers)]

    def send(self, sender: int) -> None:
        """Let a client send to the other one of its pair, or to any client if clients are elsewhere."""
        receiver = sender ^ 1
        if not self.setup.local_clients:
            receiver = self._random.randrange(self.setup.connections)
        message = Message(sender, receiver, self.machine.now)
        self.worker_of(sender).give(("send", message))

    def received(self, message: Message, way: float) -> None:
        """Count a reply or a push; the sender goes on *way* seconds after the second of them."""
        message.missing -= 1
        if message.missing == 0:
            self.took.append(self.machine.now - message.began)
            self.machine.at(self.machine.now + way, lambda: self.send(message.sender))


def simulate(setup: Setup, costs: Costs) -> Found:
    """Let all connections send for so long, each with so many messages in flight."""
    network = Network(setup, costs)
    for connection in range(setup.connections):
        for _ in range(setup.in_flight):
            network.machine.at(0.0, lambda connection=connection: network.send(connection))  # type: ignore[misc]
    network.machine.run(setup.seconds * WARM_UP)
    network.forget()
    network.machine.run(setup.seconds * (1 + WARM_UP))
    return _sum_up(network, setup.seconds)


def _sum_up(network: Network, seconds: float) -> Found:
    took, messages = sorted(network.took), len(network.took)
    workers_s = sum(worker.busy for worker in network.workers)
    return Found(
        per_s=messages / seconds,
        p50_ms=took[messages // 2] * 1000,
        p99_ms=took[messages * 99 // 100] * 1000,
        parent_us=network.parent.busy / messages * 1e6,
        workers_us=workers_s / messages * 1e6,
        parent_share=network.parent.busy / seconds,
        worker_share=workers_s / seconds / len(network.workers),
        uses=Uses(
            turns=network.turns / messages,
            sockets=network.sockets / messages,
            parent_turns=network.parent_turns / messages,
            parent_channels=network.parent_channels / messages,
        ),
    )
