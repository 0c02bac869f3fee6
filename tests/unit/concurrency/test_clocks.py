"""The two clocks, and that nothing in gim takes one for the other."""

from __future__ import annotations

import ast
import asyncio
import re
from collections.abc import Iterator
from time import monotonic, time
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.pollreactor import PollReactor
from twisted.internet.selectreactor import SelectReactor
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gim.concurrency.clocks import (
    MAX_DATE_WAIT,
    RetentionClock,
    WallClock,
    follow_monotonic_time,
    wait_for_date,
)
from tests.support.clocks import DAY, HOUR, SettableWallClock
from tests.support.paths import gim_modules

CLOCKS = (
    "gim/concurrency/clocks.py",
    "gim/client/clock.py",  # the client has nothing of the daemon in it
)
WALL_CALLS = {  # what reads the wall clock in the standard library, by module
    "time": {"time", "time_ns", "localtime", "gmtime", "ctime", "asctime", "strftime", "clock_gettime"},
    "datetime": {"now", "utcnow", "today"},
    "date": {"today"},
}
WAITS = {"callLater", "deferLater", "addTimeout", "Periodic", "LoopingCall", "tick_after", "seconds"}
DATES = {"now_ms", "retention_ms"}
_MAY_READ = re.compile(  # of a module that has neither, nothing is to be found: most need not be parsed
    rf"\bfrom\s+({'|'.join(WALL_CALLS)})\b|\.\s*({'|'.join(set[str]().union(*WALL_CALLS.values()))})\b"
)


def modules() -> Iterator[tuple[str, str]]:
    """Yield the modules of gim but those of the clocks: paths and sources."""
    for path, source in gim_modules().items():
        if path not in CLOCKS:
            yield path, source


def wall_readings(source: str) -> Iterator[str]:
    """Yield what in a module reads the wall clock by itself."""
    if not _MAY_READ.search(source):
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module in WALL_CALLS:
            yield from (alias.name for alias in node.names if alias.name in WALL_CALLS[node.module])
        elif isinstance(node, ast.Attribute):
            owner = ast.unparse(node.value).rpartition(".")[2]
            if node.attr in WALL_CALLS.get(owner, ()):
                yield f"{owner}.{node.attr}"


def mixing_functions(source: str) -> Iterator[str]:
    """Yield the functions of a module that read a date and wait, or read both clocks."""
    if not any(name in source for name in DATES):  # most modules: to parse them takes time
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            calls = {_name(call.func) for call in ast.walk(node) if isinstance(call, ast.Call)}
            if calls & DATES and calls & WAITS:
                yield node.name


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else ast.unparse(function)


class UseTests(SynchronousTestCase):
    """What waits has one clock, what is a date the other, everywhere in gim."""

    def test_only_the_modules_of_clocks_read_the_wall_clock(self) -> None:
        for name, source in modules():
            self.assertEqual(list(wall_readings(source)), [], name)

    def test_no_function_both_reads_a_date_and_waits(self) -> None:
        for name, source in modules():
            self.assertEqual(list(mixing_functions(source)), [], name)

    def test_code_that_takes_one_clock_for_the_other_is_found(self) -> None:
        for code in (
            "import time\ntime.time()",
            "from time import time_ns",
            "import datetime\ndatetime.datetime.now()",
            "from datetime import datetime\ndatetime.now(UTC)",
            "import time\ndef f(now=time.time): pass",
        ):
            self.assertNotEqual(list(wall_readings(code)), [], code)
        for code in (
            "def f(self): self._clock.callLater(end - self._wall.now_ms() / 1000, g)",
            "async def f(self):\n left = end - wall.now_ms()\n await deferLater(clock, left)",
            "def f(self): return self._clock.seconds() - self._wall.now_ms() / 1000",
        ):
            self.assertEqual(list(mixing_functions(code)), ["f"], code)

    def test_a_wall_clock_can_do_nothing_but_tell_the_date(self) -> None:
        public = {name for name in dir(WallClock) if not name.startswith("_")}
        self.assertEqual(public, {"now_ms"})

    def test_the_wall_clock_is_the_one_of_the_system(self) -> None:
        self.assertTrue(0 <= time() * 1000 - WallClock().now_ms() < 60_000)


class ReactorTests(SynchronousTestCase):
    """Reactors of Twisted count monotonic seconds, with the timers that they have already."""

    def reactors(self) -> Iterator[Any]:
        for kind in EPollReactor, PollReactor, SelectReactor:
            yield kind()
        loop = asyncio.SelectorEventLoop()
        self.addCleanup(loop.close)
        yield AsyncioSelectorReactor(loop)

    def end(self, reactor: Any) -> None:
        for call in reactor.getDelayedCalls():
            call.cancel()
        for waker in reactor.removeAll() + list(reactor._internalReaders):
            waker.connectionLost(None)

    def test_timers_fire_by_monotonic_time(self) -> None:
        for reactor in self.reactors():
            with self.subTest(reactor=type(reactor).__name__):
                self.addCleanup(self.end, reactor)
                fired: list[str] = []
                late = reactor.callLater(1000, fired.append, "late")
                reactor.callLater(500, fired.append, "never").cancel()
                soon = reactor.callLater(0, fired.append, "soon")
                reactor.timeout()  # which puts new ones among those that wait
                follow_monotonic_time(reactor)
                follow_monotonic_time(reactor)  # once more changes nothing
                reactor.callLater(0, fired.append, "new")
                self.assertLess(abs(reactor.seconds() - monotonic()), 60)
                self.assertLess(abs(late.getTime() - monotonic() - 1000), 60)
                self.assertLessEqual(soon.getTime(), monotonic())
                reactor.runUntilCurrent()
                self.assertEqual(sorted(fired), ["new", "soon"])
                late.reset(-1)
                reactor.runUntilCurrent()
                self.assertEqual(fired[2:], ["late"])
                self.assertEqual(reactor.getDelayedCalls(), [])


class DateTests(SynchronousTestCase):
    def test_a_date_is_waited_for_in_bounded_steps(self) -> None:
        clock = Clock()
        wall = SettableWallClock(clock.seconds)
        self.assertEqual(wait_for_date(1500, wall), 1.5)
        self.assertEqual(wait_for_date(DAY * 1000, wall), MAX_DATE_WAIT)
        wall.step(DAY)
        self.assertEqual(wait_for_date(DAY * 1000, wall), 0)


class RetentionClockTests(SynchronousTestCase):
    """The time by which things grow old."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1_800_000_000)
        self.wall = SettableWallClock(self.clock.seconds)
        self.begin = self.wall.now_ms()
        self.retention = RetentionClock(self.clock, self.wall)

    def age(self) -> float:
        """Return the seconds that things made at the start have grown older by."""
        return (self.retention.now_ms() - self.begin) / 1000

    def test_it_is_the_wall_clock_while_that_is_not_set(self) -> None:
        for seconds in 0.0, 0.001, 1.0, 40 * DAY:
            self.clock.advance(seconds)
            self.assertEqual(self.retention.now_ms(), self.wall.now_ms())

    def test_a_step_forward_is_caught_up_with_at_twice_the_speed(self) -> None:
        self.wall.step(HOUR)
        self.assertEqual(self.age(), 0)
        self.clock.advance(100)
        self.assertEqual(self.age(), 200)
        self.clock.advance(HOUR)
        self.assertEqual(self.retention.now_ms(), self.wall.now_ms())

    def test_a_slip_that_is_put_right_is_forgotten(self) -> None:
        for slip in 31 * DAY, -31 * DAY, HOUR, -HOUR:
            with self.subTest(slip=slip):
                self.wall.step(slip)
                self.retention.now_ms()
                self.clock.advance(1)
                self.retention.now_ms()
                self.wall.step(-slip)
                self.clock.advance(1)
                self.assertEqual(self.retention.now_ms(), self.wall.now_ms())

    def test_a_step_back_keeps_things_longer_at_once(self) -> None:
        self.wall.step(-HOUR)
        self.clock.advance(1)
        self.assertEqual(self.age(), 1 - HOUR)

    @given(st.lists(st.tuples(st.floats(0, 100), st.integers(-3_000_000, 3_000_000)), max_size=20))
    def test_nothing_grows_old_before_half_of_its_time_has_passed(
        self, steps: list[tuple[float, int]]
    ) -> None:
        self.setUp()
        began = self.clock.seconds()
        for seconds, step in steps:
            self.clock.advance(seconds)
            self.wall.step(step)
            self.assertLessEqual(self.age(), 2 * (self.clock.seconds() - began) + 0.001)
            self.assertLessEqual(self.retention.now_ms(), self.wall.now_ms())
