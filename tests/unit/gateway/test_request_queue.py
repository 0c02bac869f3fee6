"""A connection's requests: which overlap, in which order their replies are written, what waits."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from gim.errors import Unavailable
from gim.gateway.request_queue import MAX_OVERLAPPING, MAX_WAITING, RequestQueue
from gim.log.logger import TRACE


class Transport:
    def __init__(self) -> None:
        self.is_paused = False

    def pauseProducing(self) -> None:
        self.is_paused = True

    def resumeProducing(self) -> None:
        self.is_paused = False


class ServingTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.transport = Transport()
        self.written: list[bytes] = []
        self.begun: dict[str, Deferred[bytes]] = {}
        self.traces: list[str] = []
        self.serving = RequestQueue(self.transport, "the-trace", self.written.append)

    async def waiting(self, name: str) -> bytes:
        """A request that ends when the test fires what it waits for."""
        self.begun[name] = Deferred()
        try:
            reply = await self.begun[name]
        except Unavailable:
            reply = b"refused"
        self.traces.append(TRACE.get())
        return reply

    async def instant(self, name: str) -> bytes:
        self.begun[name] = Deferred()
        return name.encode()

    def add(self, *names: str, overlap: bool = False) -> None:
        for name in names:
            self.serving.add(self.waiting(name), overlap)

    def end(self, name: str) -> None:
        self.begun[name].callback(name.encode())


class OneAfterTheOtherTests(ServingTestCase):
    def test_what_never_waits_is_answered_at_once(self) -> None:
        self.serving.add(self.instant("a"))
        self.assertEqual(self.written, [b"a"])

    def test_a_request_begins_when_the_one_before_has_ended(self) -> None:
        self.add("a", "b")
        self.assertEqual(list(self.begun), ["a"])
        self.end("a")
        self.assertEqual(list(self.begun), ["a", "b"])
        self.end("b")
        self.assertEqual(self.written, [b"a", b"b"])

    def test_a_failure_is_thrown_into_the_request_that_waits(self) -> None:
        self.add("a", "b")
        self.begun["a"].errback(Unavailable("gone"))
        self.end("b")
        self.assertEqual(self.written, [b"refused", b"b"])

    def test_each_step_bears_the_trace(self) -> None:
        self.add("a")
        self.end("a")
        self.assertEqual(self.traces, ["the-trace"])
        self.assertNotEqual(TRACE.get(), "the-trace")


class OverlappingTests(ServingTestCase):
    def test_such_requests_begin_together_and_are_answered_in_order(self) -> None:
        self.add("a", "b", "c", overlap=True)
        self.assertEqual(list(self.begun), ["a", "b", "c"])
        self.end("c")
        self.end("b")
        self.assertEqual(self.written, [])
        self.end("a")
        self.assertEqual(self.written, [b"a", b"b", b"c"])

    def test_a_reply_that_is_there_at_once_waits_for_those_before(self) -> None:
        self.add("a", overlap=True)
        self.serving.add(self.instant("b"), True)
        self.assertEqual(self.written, [])
        self.end("a")
        self.assertEqual(self.written, [b"a", b"b"])

    def test_another_request_waits_for_all_of_them_and_they_for_it(self) -> None:
        self.add("a", "b", overlap=True)
        self.add("other")
        self.add("c", overlap=True)
        self.end("a")
        self.assertEqual(list(self.begun), ["a", "b"])
        self.end("b")
        self.assertEqual(list(self.begun), ["a", "b", "other"])
        self.end("other")
        self.assertEqual(list(self.begun), ["a", "b", "other", "c"])
        self.end("c")
        self.assertEqual(self.written, [b"a", b"b", b"other", b"c"])

    def test_after_another_request_such_a_one_waits(self) -> None:
        self.add("other")
        self.add("a", overlap=True)
        self.assertEqual(list(self.begun), ["other"])

    def test_no_more_than_so_many_overlap(self) -> None:
        names = [f"{number}" for number in range(MAX_OVERLAPPING + 2)]
        self.add(*names, overlap=True)
        self.assertEqual(len(self.begun), MAX_OVERLAPPING)
        self.end("1")  # its reply waits for that of the first, and takes a place
        self.assertEqual(len(self.begun), MAX_OVERLAPPING)
        self.end("0")
        self.assertEqual(len(self.begun), MAX_OVERLAPPING + 2)

    def test_a_reply_that_is_empty_is_one(self) -> None:
        self.add("a", "b", overlap=True)
        self.begun["b"].callback(b"")
        self.end("a")
        self.assertEqual(self.written, [b"a", b""])


class WaitingTests(ServingTestCase):
    def test_when_too_much_waits_no_more_is_read_until_half_of_it_has_begun(self) -> None:
        names = [f"{number}" for number in range(MAX_WAITING + 1)]
        self.add(*names)
        self.assertTrue(self.transport.is_paused)
        for name in names[: MAX_WAITING // 2 - 1]:
            self.end(name)
        self.assertTrue(self.transport.is_paused)
        self.end(names[MAX_WAITING // 2 - 1])
        self.assertFalse(self.transport.is_paused)

    def test_what_is_held_begins_when_it_is_released(self) -> None:
        self.serving.hold()
        self.add("a", overlap=True)
        self.assertEqual(list(self.begun), [])
        self.serving.release()
        self.assertEqual(list(self.begun), ["a"])

    def test_a_reply_that_makes_it_hold_holds_what_follows(self) -> None:
        def write(reply: Any) -> None:
            self.serving.hold()
            self.written.append(reply)

        self.serving = RequestQueue(self.transport, "", write)
        self.add("a", "b")
        self.end("a")
        self.assertEqual(list(self.begun), ["a"])
        self.serving.release()
        self.end("b")
        self.assertEqual(self.written, [b"a", b"b"])

    def test_what_waits_when_it_is_stopped_never_begins(self) -> None:
        self.add("a", "b")
        self.serving.stop()
        self.end("a")
        self.assertEqual(list(self.begun), ["a"])
