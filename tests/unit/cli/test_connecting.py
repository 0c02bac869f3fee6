"""The first login of a command that stays connected, and the ends that come from outside."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gim.cli import connecting
from gim.cli.connecting import connected, refusals
from gim.cli.failures import Failure, Misuse, Refused, TimedOut, Unreachable
from gim.cli.gateway import Login
from gim.cli.outside import ends_from_outside
from gim.client.events import Event, Reset, State
from gim.client.outcome import GimError
from gim.errors import BadRequest

LOGIN = Login("wss://h", "ann", "t")
ONLINE = State("online")


class Connecting:
    """A client that reports some events, and then nothing."""

    def __init__(self, *events: Event) -> None:
        self._events = events
        self.options: dict[str, Any] = {}
        self.is_closed = False

    def __call__(self, url: str, **options: Any) -> Connecting:
        self.options = {"url": url, **options}
        return self

    async def events(self) -> AsyncIterator[Event]:
        for event in self._events:
            yield event
        await asyncio.Event().wait()

    async def connect(self) -> None:
        while ONLINE not in self._events:
            await asyncio.Event().wait()

    async def close(self) -> None:
        self.is_closed = True


class FirstLoginTests(SynchronousTestCase):
    def connect(self, *events: Event, timeout: float = 5.0) -> list[Event]:
        """Connect a client that reports events; return those after its login that matter."""
        self.client = Connecting(*events)
        self.patch(connecting, "Client", self.client)

        async def run() -> list[Event]:
            async with connected(LOGIN, timeout) as (_, news):
                return [await anext(news)]

        try:
            return asyncio.run(run())
        finally:
            self.assertTrue(self.client.is_closed)

    def fails(self, kind: type[Failure], *events: Event, timeout: float = 5.0) -> str:
        failure = self.assertRaises(Failure, self.connect, *events, timeout=timeout)
        self.assertIs(type(failure), kind)
        return str(failure)

    def test_after_the_login_comes_what_happens(self) -> None:
        self.assertEqual(self.connect(State("connecting"), ONLINE, Reset("start")), [Reset("start")])
        self.assertEqual(self.client.options, {"url": "wss://h", "id": "ann", "token": "t"})

    def test_a_server_that_is_busy_is_asked_again(self) -> None:
        busy = State("waiting", 1.0, 503, "the storage\x1b")
        self.assertEqual(self.connect(busy, ONLINE, Reset("start")), [Reset("start")])
        self.assertEqual(self.fails(Refused, busy, timeout=0.01), "503, the storage\\x1b")

    def test_what_can_not_be_reached_is_not_tried_again(self) -> None:
        for state, reason in (
            (State("waiting", 1.0, 1006, "refused\x1b"), "refused\\x1b"),
            (State("waiting", 1.0, 4000), "no answer"),
            (State("waiting", 1.0, 1001), "closed with 1001"),
        ):
            self.assertEqual(self.fails(Unreachable, state), f"wss://h can't be reached: {reason}")
        sentence = "wss://h refuses with status 404: is it the gateway of gim?"
        self.assertEqual(self.fails(Unreachable, State("waiting", 1.0, 404)), sentence)

    def test_a_login_that_is_refused_for_good_is_a_failure(self) -> None:
        self.assertEqual(self.fails(Refused, State("closed", None, 401, "token: bad")), "401, token: bad")
        self.assertIn("closed the connection", self.fails(Refused, State("closed", None, 3503)))

    def test_one_that_does_not_answer_is_given_up(self) -> None:
        said = self.fails(TimedOut, State("connecting"), timeout=0.01)
        self.assertEqual(said, "wss://h did not answer in 0.01 s")


class RefusalTests(SynchronousTestCase):
    def test_errors_become_failures(self) -> None:
        for error, kind in (
            (GimError(403, "no"), Refused),
            (GimError("timeout", "no answer"), TimedOut),
            (GimError("closed", "gone"), Failure),
            (BadRequest("x"), Misuse),
        ):
            with self.assertRaises(Failure) as failed, refusals():
                raise error
            self.assertIs(type(failed.exception), kind)


class OutsideTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.cleaned = False

    def ends(self, kind: type[BaseException], end: Callable[[], object]) -> None:
        """Wait for ever until *end*; see that it raises, after the work was cleaned up."""

        async def work() -> None:
            with ends_from_outside():
                try:
                    asyncio.get_running_loop().call_soon(end)
                    await asyncio.wait_for(asyncio.Event().wait(), 10)
                finally:
                    self.cleaned = True

        before = signal.getsignal(signal.SIGTERM)
        self.assertRaises(kind, asyncio.run, work())
        self.assertTrue(self.cleaned)
        self.assertIs(signal.getsignal(signal.SIGTERM), before)

    def set_handler(self, number: signal.Signals, handler: signal.Handlers) -> None:
        """Set what a signal does during the test, whatever it does in the process that runs the test."""
        self.addCleanup(signal.signal, number, signal.signal(number, handler))

    def test_a_signal_ends_it(self) -> None:
        for number in (signal.SIGTERM, signal.SIGHUP):
            self.set_handler(number, signal.SIG_DFL)
            self.ends(KeyboardInterrupt, partial(os.kill, os.getpid(), number))

    def test_under_nohup_the_end_of_the_terminal_does_not_end_it(self) -> None:
        self.set_handler(signal.SIGTERM, signal.SIG_DFL)
        self.set_handler(signal.SIGHUP, signal.SIG_IGN)
        hung_up = []

        def end() -> None:
            os.kill(os.getpid(), signal.SIGHUP)
            hung_up.append(True)
            os.kill(os.getpid(), signal.SIGTERM)

        self.ends(KeyboardInterrupt, end)
        self.assertEqual(hung_up, [True])

    def test_a_reader_that_has_ended_ends_it(self) -> None:
        reading, writing = os.pipe()
        with os.fdopen(writing, "w") as file:
            self.patch(sys, "stdout", file)
            self.ends(BrokenPipeError, lambda: os.close(reading))

    def test_any_other_cancellation_stays_one(self) -> None:
        async def work() -> None:
            with ends_from_outside():
                raise asyncio.CancelledError

        self.assertRaises(asyncio.CancelledError, asyncio.run, work())
