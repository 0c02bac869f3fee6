"""Many clients of one library, whose server restarts."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.python.filepath import FilePath

from tests.integration.clients.account import Report, Violation
from tests.integration.clients.history import read_metric
from tests.integration.clients.logins import (
    PEAKS_ALLOWED,
    Window,
    histogram,
    peaks,
    window_of_delays,
    window_of_slots,
)
from tests.integration.clients.program import Program
from tests.integration.clients.programs.job import ClientJob
from tests.integration.clients.servers import Servers
from tests.support.redis.environment import HOST

SIGNALS = ("SIGTERM", "SIGKILL")
# a server that ends in order tells its clients when to come back; otherwise they choose a time themselves
WINDOWS = {"SIGTERM": window_of_slots, "SIGKILL": window_of_delays}
NOTHING = Window(0.0, 0)
CONNECT_PAUSE = 0.02  # seconds between the first connections of two clients
COUNT_PAUSE = 0.1  # seconds between two looks at the number of logins
BACK_LIMIT = 120.0  # seconds until all clients are back
LOGINS = 'gim_requests_total{code="0",op="101"}'
BAR = 50  # characters


@dataclass
class Return:
    """How the clients of a library came back."""

    library: str
    signal: str
    clients: int
    counts: list[float] = field(default_factory=list)  # logins by second
    window: Window = NOTHING
    violations: list[Violation] = field(default_factory=list)

    def judge(self) -> None:
        """Add a violation if there are too many peaks."""
        found = peaks(self.counts, self.window.limit)
        if len(found) > PEAKS_ALLOWED:
            text = f"seconds with {', '.join(f'{each:.0f}' for each in found)} logins"
            self.violations.append(Violation("peaks", text))

    def lines(self) -> list[str]:
        """Return the histogram, and what is wrong."""
        highest = max(self.counts, default=1.0)
        return [
            f"{self.library}, {self.clients} clients after {self.signal}: {self.window.clients} of them"
            f" are to come in {self.window.seconds:.1f} s; twice the mean is {self.window.limit:.0f}",
            *(
                f"  {second:3} s {count:5.0f} {'#' * round(BAR * count / highest)}"
                for second, count in enumerate(self.counts)
            ),
            f"  {len(self.violations)} violations",
            *(f"    {kind}: {text}" for kind, text in self.violations),
        ]


class Restart:
    """One restart with its clients."""

    def __init__(self, library: str, signal: str, clients: int, directory: FilePath[str]) -> None:
        self._servers = Servers("memory", directory, ("--log-level", "info"))
        self._node = self._servers.nodes[0]
        self._jobs = [
            ClientJob(f"user{number}", f"ws://{HOST}:{self._node.ws}", after=number * CONNECT_PAUSE)
            for number in range(clients)
        ]
        self._reports: list[Report] = []
        self._online: set[str] = set()
        self._program: Program | None = None
        self.outcome = Return(library, signal, clients)

    def _take(self, report: Report) -> None:
        self._reports.append(report)
        if report["is"] == "state":
            online = report["now"] == "online"
            (self._online.add if online else self._online.discard)(report["user"])

    async def run(self) -> Return:
        """Do all of it, and end all that was started."""
        try:
            await self._servers.start()
            self._program = Program(self.outcome.library, self._jobs, self._take)
            await self._until_online()
            await self._restart()
            status = await self._program.close()
            if status != 0 or self._program.errors:
                text = f"status {status}: {self._program.errors}"
                self.outcome.violations.append(Violation("program", text))
        except Exception:
            self.outcome.violations.append(Violation("not done", traceback.format_exc()))
        finally:
            if self._program is not None:
                self._program.kill()
            await self._servers.stop()
        return self.outcome

    async def _until_online(self) -> None:
        deadline = reactor.seconds() + BACK_LIMIT
        while len(self._online) < len(self._jobs):
            assert reactor.seconds() < deadline, f"{len(self._online)} clients are online"
            await deferLater(reactor, COUNT_PAUSE)

    async def _restart(self) -> None:
        self._reports.clear()
        (self._node.kill if self.outcome.signal == "SIGKILL" else self._node.terminate)()
        await self._node.ended()
        await self._node.start()
        samples = [(reactor.seconds(), 0.0)]
        deadline = reactor.seconds() + BACK_LIMIT
        while samples[-1][1] < len(self._jobs):
            assert reactor.seconds() < deadline, f"{samples[-1][1]:.0f} clients are back"
            await deferLater(reactor, COUNT_PAUSE)
            samples.append((reactor.seconds(), await read_metric(self._node.http, LOGINS)))
        self.outcome.window = WINDOWS[self.outcome.signal](self._reports)
        self.outcome.counts = histogram(samples, samples[0][0])
        self.outcome.judge()
