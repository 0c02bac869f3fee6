"""How a daemon ends that runs already and can't go on."""

from __future__ import annotations

import atexit
import io
import sys
from collections.abc import Callable

from twisted.internet.error import ReactorNotRunning
from twisted.trial.unittest import SynchronousTestCase

from gim.daemon.fatal_end import FatalEnd


class StoppedReactor:
    """Counts calls of stop, and refuses the second one."""

    stops = 0
    is_running = True

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []

    def callWhenRunning(self, call: Callable[[], None]) -> None:
        if self.is_running:
            call()
        else:
            self.waiting.append(call)

    def stop(self) -> None:
        self.stops += 1
        if self.stops > 1:
            raise ReactorNotRunning


class FatalEndTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.stderr = io.StringIO()
        self.patch(sys, "__stderr__", self.stderr)
        self.at_exit: list[Callable[[], None]] = []
        self.patch(atexit, "register", self.at_exit.append)
        self.reactor = StoppedReactor()
        self.fatal = FatalEnd(self.reactor)
        self.hurries: list[int] = []
        self.fatal.hurry = lambda: self.hurries.append(self.reactor.stops)

    def test_it_says_why_in_one_line_and_stops_without_waiting_for_clients(self) -> None:
        self.fatal.end("the disk is gone")
        self.assertEqual(self.stderr.getvalue(), "gim: the disk is gone\n")
        self.assertEqual((self.reactor.stops, self.hurries, len(self.at_exit)), (1, [0], 1))

    def test_only_the_first_reason_counts(self) -> None:
        self.fatal.end("the disk is gone")
        self.fatal.end("the journal is gone")
        self.assertEqual(self.stderr.getvalue(), "gim: the disk is gone\n")
        self.assertEqual((self.reactor.stops, len(self.at_exit)), (1, 1))

    def test_before_the_reactor_runs_it_stops_as_soon_as_it_does(self) -> None:
        self.reactor.is_running = False
        self.fatal.end("the disk is gone")
        self.assertEqual(self.reactor.stops, 0)
        for call in self.reactor.waiting:
            call()
        self.assertEqual(self.reactor.stops, 1)

    def test_a_daemon_that_stops_already_ends_with_the_reason_too(self) -> None:
        self.reactor.stop()
        self.fatal.end("the disk is gone")
        self.assertEqual(len(self.at_exit), 1)
