"""Many sends of one library through faults, and their judgement."""

from __future__ import annotations

import json
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall, deferLater
from twisted.internet.threads import deferToThread
from twisted.python.filepath import FilePath

from tests.integration.clients.account import (
    ONE_EPOCH,
    Account,
    Epoch,
    Report,
    Stored,
    Violation,
    members_of,
    session_of,
)
from tests.integration.clients.history import read_history
from tests.integration.clients.judge import judge
from tests.integration.clients.program import Program
from tests.integration.clients.programs.job import ClientJob, Target
from tests.integration.clients.receipt_checks import check_receipts
from tests.integration.clients.servers import OPTIONS, Node, Servers
from tests.support.fault_proxy import FaultProxy
from tests.support.redis.environment import HOST
from tests.support.redis.setups import at_once

USERS = [str(number) for number in range(1001, 1009)]
ROOMS = ("9999", "8888")
FILLS = ("all", "newest", "all", "none")  # of the users in turn
SEND_PAUSE = 0.05  # seconds from one send of a client to the next
READY_LIMIT = 60.0  # seconds until all clients are members
DONE_LIMIT = 60.0  # seconds after the last fault until all sends have ended
DELIVERY_LIMIT = 40.0  # seconds until all is delivered
DELIVERY_PAUSE = 2.0  # seconds between two checks of that
DRAIN = ("--drain", "1")  # seconds
WAKE_PAUSE = 2.5  # seconds between two calls of wake()
OUTAGES = (0.0, 2.0)  # seconds between the end of a node and its next start
STOP_SHARE = 0.25  # of the ends of nodes are a SIGTERM, the others a SIGKILL
FREEZE_SHARE = 0.25  # of what servers meet on Redis is that Redis stands still, so that sends get a 503
FREEZES = (1.0, 4.0)  # seconds


@dataclass(frozen=True)
class Plan:
    """What a run does."""

    library: str
    storage: str
    sends: int
    seed: int

    @property
    def name(self) -> str:
        return f"{self.library} on {self.storage}"

    @property
    def seconds(self) -> float:
        """How long the sends take without faults."""
        return self.sends / len(USERS) * SEND_PAUSE

    @property
    def limit(self) -> float:
        """Seconds within which all sends are called, or something is wrong."""
        return 120.0 + 15 * self.seconds  # on a busy machine

    @property
    def kill_pause(self) -> float:
        """Seconds between two ends of a node, on average."""
        return min(8.0, self.seconds / 3)

    @property
    def fault_pause(self) -> float:
        """Seconds between two faults of a client's connection, on average."""
        return min(2.0, self.seconds / 5)

    def jobs(self, ports: list[int]) -> list[ClientJob]:
        """Return the jobs of the clients, which connect to these ports in turn."""
        return [
            ClientJob(
                user,
                f"ws://{HOST}:{ports[number]}",
                rooms=ROOMS,
                to=_targets(number),
                sends=self.sends // len(USERS),
                pause=SEND_PAUSE,
                fill=FILLS[number % len(FILLS)],  # type: ignore[arg-type]
            )
            for number, user in enumerate(USERS)
        ]


def _targets(number: int) -> tuple[Target, ...]:
    """Return where a user writes to: three of five messages are private."""
    peers = [USERS[(number + step) % len(USERS)] for step in (1, 3)]
    rooms: list[Target] = [{"chatroom": room} for room in ROOMS]
    return (peers[0], rooms[0], peers[1], rooms[1], peers[0])


@dataclass
class Outcome:
    """What came of a run."""

    plan: Plan
    violations: list[Violation] = field(default_factory=list)
    how: Counter[str] = field(default_factory=Counter)  # how sends ended
    faults: Counter[str] = field(default_factory=Counter)
    harm: Counter[str] = field(default_factory=Counter)  # what servers met
    logins: int = 0
    messages: int = 0  # received
    gaps: int = 0
    seconds: float = 0.0

    def lines(self) -> list[str]:
        """Return the figures, and what is wrong."""
        faults = ", ".join(f"{kind} {count}" for kind, count in sorted(self.faults.items()))
        how = ", ".join(f"{self.how[each]} {each}" for each in ("sent", "failed", "uncertain"))
        harm = ", ".join(f"{kind} {count}" for kind, count in sorted(self.harm.items())) or "none"
        return [
            f"{self.plan.name}: {sum(self.how.values())} sends: {how}; {self.messages} messages received,"
            f" {self.logins} logins, {self.gaps} gaps, {self.seconds:.0f} s",
            f"  servers: {harm}; {sum(self.faults.values())} faults: {faults}",
            f"  {len(self.violations)} violations",
            *(f"    {kind}: {text}" for kind, text in self.violations[:20]),
        ]


class LongRun:
    """One run from its start to its end."""

    def __init__(self, plan: Plan, directory: FilePath[str]) -> None:
        self._plan, self._directory = plan, directory
        self._dice = Random(f"{plan.seed} {plan.name}")
        self._servers = Servers(plan.storage, directory, OPTIONS + DRAIN)
        self._proxies = [
            FaultProxy(self._node(number).ws, f"{plan.seed} {plan.name} {number}", plan.fault_pause)
            for number in range(len(USERS))
        ]
        self._jobs = plan.jobs([proxy.port for proxy in self._proxies])
        self._reports: list[Report] = []
        self._counts: Counter[str] = Counter()  # reports by kind
        self._joined: set[tuple[str, str]] = set()
        self._lost_at: list[float] = []  # when data were lost, in Unix seconds
        self._harming = False
        self._program: Program | None = None
        self.outcome = Outcome(plan)

    def _node(self, number: int) -> Node:
        """Return the node of a client: they take the nodes in turn."""
        return self._servers.nodes[number % len(self._servers.nodes)]

    def _take(self, report: Report) -> None:
        self._reports.append(report)
        self._counts[report["is"]] += 1
        if report["is"] == "joined":
            self._joined.add((report["user"], report["room"]))
        elif report["is"] == "end":
            self.outcome.how[report["how"]] += 1
        elif report["is"] == "state" and report["now"] == "online":
            self.outcome.logins += 1

    async def run(self) -> Outcome:
        """Do all of it, and end all that was started."""
        began = reactor.seconds()
        try:
            await self._servers.start()
            self._program = Program(self._plan.library, self._jobs, self._take)
            await self._talk(self._program)
        except Exception:  # such as that of `_until`, when something does not come in time
            self.outcome.violations.append(Violation("not done", traceback.format_exc()))
        finally:
            if self._program is not None:
                self._program.kill()
            await at_once(proxy.stop() for proxy in self._proxies)
            await self._servers.stop()
        if self.outcome.violations:
            lines = "".join(json.dumps(report) + "\n" for report in self._reports)
            self._directory.child("reports").setContent(lines.encode())
        self.outcome.seconds = reactor.seconds() - began
        for proxy in self._proxies:
            self.outcome.faults += proxy.counts
        return self.outcome

    async def _talk(self, program: Program) -> None:
        members = len(USERS) * len(ROOMS)
        await self._until(lambda: len(self._joined) == members, "members", READY_LIMIT)
        waking = LoopingCall(program.do, "wake")
        waking.start(WAKE_PAUSE)
        try:
            await self._send_all(program)
            await self._until(lambda: self._counts["done"] == len(USERS), "ends of sends", DONE_LIMIT)
            stored = await self._read_all()
            await self._await_delivery(stored)
        finally:
            waking.stop()
        await self._conclude(program, stored)

    async def _send_all(self, program: Program) -> None:
        """Have all sends called while harm is done; return when all is well again."""
        self._harming = True
        harm = Deferred.fromCoroutine(self._harm_servers())
        for proxy in self._proxies:
            proxy.start()
        program.do("send")
        total = sum(job.sends for job in self._jobs)
        try:
            await self._until(lambda: self._counts["call"] == total, "calls", self._plan.limit)
        finally:
            self._harming = False
            for proxy in self._proxies:
                proxy.calm()
            await harm

    async def _until(self, condition: object, what: str, limit: float) -> None:
        assert callable(condition)
        deadline = reactor.seconds() + limit
        while not condition():
            assert self._program is not None
            assert not self._program.exited.called, f"the program has ended: {self._program.errors}"
            if reactor.seconds() > deadline:
                raise AssertionError(f"no {what} in {limit} s: {self._counts} {self._program.errors}")
            await deferLater(reactor, 0.1)

    # Harm

    async def _wait(self, seconds: float) -> bool:
        """Wait, but not longer than harm is to be done; say whether it still is."""
        deadline = reactor.seconds() + seconds
        while self._harming and reactor.seconds() < deadline:
            await deferLater(reactor, min(seconds, 0.1))
        return self._harming

    async def _harm_servers(self) -> None:
        redis = self._servers.redis
        while await self._wait(self._plan.kill_pause * self._dice.uniform(0.5, 1.5)):
            if redis is not None and self._dice.random() < FREEZE_SHARE:
                self.outcome.harm["Redis frozen"] += 1
                redis.freeze()
                await deferLater(reactor, self._dice.uniform(*FREEZES))
                redis.thaw()
            else:
                await self._end(self._dice.choice(self._servers.nodes))

    async def _end(self, node: Node) -> None:
        if self._dice.random() < STOP_SHARE:
            self.outcome.harm["SIGTERM"] += 1
            node.terminate()
        else:
            self.outcome.harm["SIGKILL"] += 1
            node.kill()
        await node.ended()
        await deferLater(reactor, self._dice.uniform(*OUTAGES))
        if self._plan.storage == "memory":
            self._lost_at.append(reactor.seconds())
        await node.start()

    # Judgement

    async def _conclude(self, program: Program, stored: dict[str, list[Stored]]) -> None:
        status = await program.close()
        if status != 0 or program.errors:
            self.outcome.violations.append(Violation("program", f"status {status}: {program.errors}"))
        self.outcome.violations += await self._in_thread(judge, stored)
        self.outcome.messages, self.outcome.gaps = self._counts["message"], self._counts["gap"]

    async def _await_delivery(self, stored: dict[str, list[Stored]]) -> None:
        deadline = reactor.seconds() + DELIVERY_LIMIT
        while reactor.seconds() < deadline:
            found = await self._in_thread(lambda account: list(check_receipts(account)), stored)
            if all(violation.kind != "lost" for violation in found):
                return
            await deferLater(reactor, DELIVERY_PAUSE)

    async def _in_thread(
        self, check: Callable[[Account], list[Violation]], stored: dict[str, list[Stored]]
    ) -> list[Violation]:
        """Check what was reported so far. The proxies of another run go on meanwhile."""
        reports = tuple(self._reports)
        return await deferToThread(lambda: check(self._account(reports, stored)))

    def _account(self, reports: tuple[Report, ...], stored: dict[str, list[Stored]]) -> Account:
        begins = [0.0, *self._lost_at]
        epochs = tuple(map(Epoch, begins, [*self._lost_at, None])) if self._lost_at else ONE_EPOCH
        return Account(self._jobs, reports, stored, epochs)

    async def _read_all(self) -> dict[str, list[Stored]]:
        sessions = {session_of(job.user, target) for job in self._jobs for target in job.to}
        port = self._servers.nodes[-1].http
        return {
            session: await read_history(port, session, _reader(session)) for session in sorted(sessions)
        }


def _reader(session: str) -> str:
    return USERS[0] if session.startswith("1:") else members_of(session)[0]
