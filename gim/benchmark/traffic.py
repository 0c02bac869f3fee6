"""What all measurements share within a process: connections, the measured window, its counts."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Awaitable, Callable, Sequence
from itertools import islice
from time import process_time
from typing import Any

from gim.benchmark.advice import with_advice
from gim.benchmark.connection import Connection, ConnectionEnded, HandshakeRefused, logged_in
from gim.benchmark.pace import LATE_S, Pace
from gim.benchmark.packets import Refusal
from gim.benchmark.plan import Plan, User
from gim.benchmark.tally import Tally
from gim.cli.failures import Failure, TimedOut, Unreachable

AT_A_TIME = 32  # connections that a process opens at a time
DRAIN_S = 5.0  # after the window, for messages that are under way
REFUSAL_PAUSE_S = 1.0  # until the next try after a 429, as docs/errors.md asks for
MAX_UNDER_WAY = 100_000  # messages of a process that wait for the server; more only take memory
_LAG_PROBE_S = 0.02  # between two measurements of how late the timers are
_BURST = 256  # messages that leave before what has come is read
_EVER = float("inf")
_REFUSALS = frozenset({403, 421, 429, 503})  # statuses of a handshake that the gateway does not want

_COUNTERS = ("sent", "late", "messages", "frames", "deliveries", "skipped", "bytes_in")


class Traffic:
    """The connections of a process, and what they do in a measurement.

    The counters count on and on; the window has the difference. ``begin`` and ``end`` are moments of the
    monotonic clock: a latency counts if its message was due between them.
    """

    def __init__(self, plan: Plan, say: Callable[[dict[str, Any]], None]) -> None:
        """*say* takes lines for the other processes: see `gim.benchmark.generator`."""
        self.plan = plan
        self.say = say
        self.tally = Tally()
        self.begin = self.end = _EVER
        self.is_sending = False
        self.connections: list[Any] = []
        self._connected = 0
        self.sent = self.late = self.messages = self.frames = 0
        self.deliveries = self.skipped = self.bytes_in = 0
        self._at_begin: dict[str, float] = {}
        self._is_over = asyncio.Event()
        self._failure: Failure | None = None
        self._tls = plan.site.tls()

    def make(self) -> Connection:
        """Return a connection that is not made yet."""
        return Connection(self, self.plan.site)

    async def connect(self, user: User) -> Any:
        """Return a connection of a user. Raises `Failure`."""
        return await self.or_failure(logged_in(self.plan.site, self._tls, user, self.make))

    async def or_failure(self, asked: Awaitable[Any]) -> Any:
        """Wait for something; raise what goes wrong as a `Failure` in words."""
        url = self.plan.site.url
        try:
            return await asked
        except HandshakeRefused as error:
            if error.status not in _REFUSALS:
                raise Unreachable(f"what answers at {url} is not a gateway of gim: {error}") from error
            raise Failure(with_advice(str(error.status), str(error))) from error
        except Refusal as error:
            raise Failure(with_advice(str(error.code), str(error))) from error
        except ConnectionEnded as error:
            raise Unreachable(f"{url} closed a connection: {error}") from error
        except OSError as error:
            raise self.failure_of(error) from error

    def failure_of(self, error: OSError) -> Failure:
        """Return in words why a connection could not be made, or why no answer came."""
        url = self.plan.site.url
        if isinstance(error, TimeoutError):
            return TimedOut(f"{url} did not answer in {self.plan.site.timeout_s:g} s")
        return Unreachable(f"{url} can't be reached: {_reason(error)}")

    async def open(self) -> None:
        """Connect all users. Raises `Failure`."""
        await self.connect_all(self.plan.users)

    async def connect_all(self, users: Sequence[User]) -> None:
        """Connect users, some at a time. Raises `Failure`."""
        waiting, found = iter(enumerate(users)), dict[int, Any]()

        async def some() -> None:
            for number, user in waiting:
                began = asyncio.get_running_loop().time()
                found[number] = await self.connect(user)
                self.on_login(asyncio.get_running_loop().time() - began)

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_A_TIME):
                group.create_task(some())
        self.connections += [found[number] for number in sorted(found)]

    def on_login(self, seconds: float) -> None:
        """Note how long a login took."""
        self._connected += 1

    def ended(self, connection: Any, code: int, reason: str) -> None:
        """Count a connection that has ended by itself. Without any there is nothing to measure."""
        self.tally.lost_connection(code, reason)
        if self.connections and not any(each.is_open for each in self.connections):
            words = f"{code}, {reason}" if reason else f"{code}"
            self.fail(
                Unreachable(with_advice(str(code), f"the server has closed all connections: {words}"))
            )

    def fail(self, failure: Failure) -> None:
        """End the window because of a fault."""
        self._failure = self._failure or failure
        self.stop()

    def stop(self) -> None:
        """End the window now; what was measured up to now stays."""
        now = asyncio.get_running_loop().time()
        if now < self.end < _EVER:
            self.begin, self.end = min(self.begin, now), now
            self._mark_end()

    async def measure(self, at: float) -> Failure | None:
        """Run from a moment on; return why the measurement ended early, if it did. The tally has it."""
        loop = asyncio.get_running_loop()
        self.begin = at + self.plan.ramp_up_s
        self.end = self.begin + self.plan.window_s
        marks = [
            loop.call_at(self.begin, self._mark_begin),
            loop.call_at(self.end, self._mark_end),
        ]
        self.is_sending = True
        if self._failure is not None:  # already
            self.stop()
        tasks = [asyncio.create_task(self._run(at)), asyncio.create_task(self._probe())]
        await self._is_over.wait()
        for mark in marks:
            mark.cancel()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        for task in tasks:
            if not task.cancelled():
                task.result()  # raises what went wrong
        if self._failure is None:
            self._failure = await self._drain()
        self.tally.counts["missing"] += self.under_way
        self.tally.counts["connected"] += sum(each.is_open for each in self.connections)
        return self._failure

    def _mark_begin(self) -> None:
        self._at_begin = self._counters()

    def _mark_end(self) -> None:
        if self._is_over.is_set():
            return
        now, before = self._counters(), self._at_begin or self._counters()
        for name in _COUNTERS:
            self.tally.counts[name] += int(now[name] - before[name])
        self.tally.cpu_s.append(now["cpu_s"] - before["cpu_s"])
        self.is_sending = False
        self._is_over.set()

    def _counters(self) -> dict[str, float]:
        return {name: getattr(self, name) for name in _COUNTERS} | {"cpu_s": process_time()}

    async def _run(self, at: float) -> None:
        await _until(at)
        if self.plan.rate:
            await self._keep_pace(at)
        else:
            self.start()

    async def _keep_pace(self, at: float) -> None:
        """Send at the rate of the plan."""
        loop = asyncio.get_running_loop()
        pace = Pace(self.plan.rate, at, self.plan.place, self.plan.processes)
        while self.is_sending:
            now = loop.time()
            for due in islice(pace.due(now), _BURST):
                self.send(due)
                self.late += now - due > LATE_S
            if self.under_way > MAX_UNDER_WAY:
                self.fail(Failure(f"{self.under_way} messages wait for the server: lower --rate"))
            await _until(pace.next_at)

    async def _probe(self) -> None:
        """See how late timers are, which is how long what comes waits until it is read."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _LAG_PROBE_S
            await _until(due)
            if self.begin <= due < self.end:
                self.tally.lag.add(int((loop.time() - due) * 1e6))

    async def _drain(self) -> Failure | None:
        """Wait for messages that are under way. Return a fault if the server does not answer at all."""
        give_up_at, before = asyncio.get_running_loop().time() + DRAIN_S, self.bytes_in
        while self.under_way and asyncio.get_running_loop().time() < give_up_at:
            await asyncio.sleep(0.01)
        if self.under_way and self.bytes_in == before:
            return TimedOut(f"{self.plan.site.url} does not answer any more")
        return None

    @property
    def progress(self) -> int:
        """How many connections there are, in the measurement how many messages."""
        return self.messages if self.end < _EVER else self._connected

    @property
    def under_way(self) -> int:
        """How many messages wait for the server."""
        return 0

    def start(self) -> None:
        """Begin a closed loop: so many messages at a time, a new one for each that is complete."""

    def send(self, due: float) -> None:
        """Send a message of an open loop, which was due at a moment that has come."""

    async def close(self) -> None:
        """Hang up all connections and wait until they are closed, within limits."""
        for connection in self.connections:
            connection.hang_up()
        gone = [connection.gone for connection in self.connections]
        if gone:
            await asyncio.wait(gone, timeout=DRAIN_S)


def _reason(error: OSError) -> str:
    """Return why a connection could not be made, without the address that asyncio names."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not valid: {error.verify_message}"
    if isinstance(error, ConnectionError) and error.errno:
        return os.strerror(error.errno)
    return error.strerror or str(error)


async def _until(at: float) -> None:
    """Wait for a moment; other tasks run in between even if it has passed."""
    await asyncio.sleep(max(0.0, at - asyncio.get_running_loop().time()))
