"""The selector of the generator."""

from __future__ import annotations

import socket
from selectors import EVENT_READ

from twisted.trial.unittest import SynchronousTestCase

from gim.benchmark.selector import ExactSelector


class SelectorTests(SynchronousTestCase):
    def test_it_returns_what_is_ready_or_nothing_after_its_timeout(self) -> None:
        one, other = socket.socketpair()
        with ExactSelector() as selector, one, other:
            selector.register(one, EVENT_READ)
            for short in (0.0002, 0.0, -1.0):
                self.assertEqual(selector.select(short), [])
            other.send(b"x")
            for timeout in (0.0002, 0.0, None):
                ((key, events),) = selector.select(timeout)
                self.assertEqual((key.fileobj, events), (one, EVENT_READ))
