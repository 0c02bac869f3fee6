"""Runs measurements one after the other: processes are started, connected, measured, and ended."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any, TypeVar

from gim.benchmark import machine, server_load
from gim.benchmark.crew import Crew, ProcessFailure
from gim.benchmark.plan import FANOUT, IDLE, LOGIN, PRIVATE, Plan
from gim.benchmark.report import report
from gim.benchmark.server_load import ServerProbe
from gim.benchmark.tally import Tally
from gim.cli.failures import Failure
from gim.cli.output import count
from gim.cli.progress import Progress

T = TypeVar("T")

FIRST = 50  # idle connections before memory is counted: they bring in what the server loads late
_HEAD_START_S = 0.1  # from the command until all processes begin
_SETTLE_S = 0.3  # until the memory of the server has settled
_REDRAW_S = 0.1


class Outcome:
    """The first fault, whether Ctrl-C ended it, and what is left on the server."""

    def __init__(self) -> None:
        self.has_users = False
        self.failure: Failure | None = None
        self.is_interrupted = False
        self.rooms_left: list[str] = []


class Session:
    """Measures; each result goes to *show* as soon as it is there."""

    def __init__(
        self, probe: ServerProbe, progress: Progress, show: Callable[[dict[str, Any]], None]
    ) -> None:
        self._probe = probe
        self._progress = progress
        self._show = show
        self._outcome = Outcome()
        self._crew: Crew | None = None  # while it measures
        self._main: asyncio.Task[Any] | None = None

    async def run(self, plans: list[Plan]) -> Outcome:
        """Run the plans, up to the first that fails or is interrupted."""
        self._main = asyncio.current_task()
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, self._interrupt)
        outcome = self._outcome
        try:
            for plan in plans:
                await self._run_one(plan)
                if outcome.is_interrupted or outcome.failure is not None:
                    break
        except asyncio.CancelledError:
            outcome.is_interrupted = True
        except Failure as failure:
            outcome.failure = failure
        finally:
            self._progress.clear()
        return outcome

    def _interrupt(self) -> None:
        if self._crew is not None and not self._outcome.is_interrupted:
            self._crew.stop()
        elif self._main is not None:
            self._main.cancel()
        self._outcome.is_interrupted = True

    async def _run_one(self, plan: Plan) -> None:
        async with Crew(plan) as crew:
            try:
                opened = await self._prepared(plan, crew)
                self._outcome.has_users = True
            finally:
                self._outcome.has_users |= crew.progress > 0
            found = await self._measured(plan, crew, opened)
            self._progress.clear()
            if found is not None:
                self._show(found)
            if plan.measurement == FANOUT:
                left = await crew.do("dismiss")
                self._outcome.rooms_left = [room for rooms in left for room in rooms]
            await crew.do("close")

    async def _prepared(self, plan: Plan, crew: Crew) -> dict[str, Any]:
        """Connect; return the figures that belong to that."""
        if plan.measurement == IDLE:
            return await self._fill(plan, crew)
        await self._shown(plan, crew, crew.do("open"))
        if plan.measurement == FANOUT:
            self._outcome.rooms_left = list(plan.rooms)
            await crew.do("create")
            await self._shown(plan, crew, crew.do("join"))
        return {}

    async def _fill(self, plan: Plan, crew: Crew) -> dict[str, Any]:
        """Connect idle connections; return what they cost the server."""
        clients = len(plan.users)
        first = min(FIRST, clients // 2)
        await crew.open_some(first)
        before = await self._settled()
        seconds = await self._shown(plan, crew, crew.open_some(clients - first))
        after = await self._settled()
        rss = None
        if before is not None and after is not None:
            rss = round((after.rss_bytes - before.rss_bytes) / (clients - first))
        rate = round((clients - first) / max(seconds, 1e-6), 1)
        return {"rss_bytes_per_connection": rss, "logins_per_s": rate}

    async def _settled(self) -> server_load.Reading | None:
        await asyncio.sleep(_SETTLE_S)
        return await asyncio.to_thread(self._probe.read)

    async def _measured(self, plan: Plan, crew: Crew, opened: dict[str, Any]) -> dict[str, Any] | None:
        """Run the measured window; return its figures, None if nothing was measured."""
        self._crew = crew
        at = monotonic() + _HEAD_START_S
        readings = asyncio.create_task(self._read_around(at + plan.ramp_up_s, plan.window_s))
        bar = asyncio.create_task(self._draw(plan, crew, at))
        try:
            answers = await crew.answers("measure", at=at)
        finally:
            self._crew = None
            bar.cancel()
        load, busy = await self._readings(readings)
        tally, seconds = self._sum(answers)
        if seconds <= 0:
            return None
        return report(plan, tally, seconds, load, busy, opened)

    def _sum(self, answers: list[Any]) -> tuple[Tally, float]:
        """Return the tally of all processes, and the seconds that they measured."""
        tally, seconds = Tally(), 0.0
        for answer in answers:
            if "failed" in answer and self._outcome.failure is None:
                self._outcome.failure = ProcessFailure(answer)
            if "tally" in answer:
                tally.merge(Tally.from_json(answer["tally"]))
                seconds = max(seconds, answer["measured_s"])
        return tally, seconds

    async def _read_around(self, begin: float, seconds: float) -> list[Any]:
        """Return what server and machine use, at the begin and the end of the window."""
        found = list[Any]()
        try:
            for at in (begin, begin + seconds):
                await asyncio.sleep(max(0.0, at - monotonic()))
                found += [await asyncio.to_thread(self._probe.read), machine.MachineTimes.read()]
        except asyncio.CancelledError:
            pass
        return found

    async def _readings(self, task: asyncio.Task[list[Any]]) -> tuple[Any, machine.Machine]:
        """Return the difference of the readings; the second one is taken now if the window was ended."""
        if not task.done():
            await asyncio.wait([task], timeout=_SETTLE_S)
            task.cancel()
        found = await task
        if len(found) == 2:
            found += [await asyncio.to_thread(self._probe.read), machine.MachineTimes.read()]
        if len(found) < 4:
            return server_load.ServerLoad(None, None), machine.Machine(None)
        return server_load.between(found[0], found[2]), machine.between(found[1], found[3])

    async def _shown(self, plan: Plan, crew: Crew, work: Awaitable[T]) -> T:
        """Wait for something, and show how many connections there are."""
        task = asyncio.ensure_future(work)
        try:
            while not task.done():
                there = min(crew.progress, len(plan.users))
                self._progress.show(
                    f"{plan.measurement}: {count(there)} connections", there / len(plan.users)
                )
                await asyncio.wait([task], timeout=_REDRAW_S)
        finally:
            task.cancel()
        return task.result()

    async def _draw(self, plan: Plan, crew: Crew, at: float) -> None:
        whole = plan.ramp_up_s + plan.window_s
        noun = {PRIVATE: "messages", FANOUT: "messages", LOGIN: "logins", IDLE: ""}[plan.measurement]
        while True:
            amount = f" {count(crew.progress)} {noun}" if noun else ""
            self._progress.show(f"{plan.measurement}:{amount}", (monotonic() - at) / whole)
            await asyncio.sleep(_REDRAW_S)
