"""The selector of the generator."""

from __future__ import annotations

import socket
from selectors import EVENT_READ

from twisted.trial.unittest import SynchronousTestCase

from gim.benchmark.selector import FD_SETSIZE, ExactSelector


class HighSelector(ExactSelector):
    """Has a file descriptor that ``select()`` does not take."""

    def fileno(self) -> int:
        return FD_SETSIZE


class SelectorTests(SynchronousTestCase):
    def test_it_returns_what_is_ready_or_nothing_after_its_timeout(self) -> None:
        self.check(ExactSelector())

    def test_with_a_file_descriptor_that_is_too_high_for_select(self) -> None:
        self.check(HighSelector())

    def check(self, selector: ExactSelector) -> None:
        one, other = socket.socketpair()
        with selector, one, other:
            selector.register(one, EVENT_READ)
            for short in (0.0002, 0.0, -1.0):
                self.assertEqual(selector.select(short), [])
            other.send(b"x")
            for timeout in (0.0002, 0.0, None):
                ((key, events),) = selector.select(timeout)
                self.assertEqual((key.fileobj, events), (one, EVENT_READ))
