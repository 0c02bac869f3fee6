"""A connection's requests: which overlap, in which order their replies are written, what waits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from gim.concurrency.turns import TURN, Turns
from gim.errors import Unavailable
from gim.gateway.request_queue import MAX_OVERLAPPING, MAX_WAITING, REQUESTS_PER_LOOK, RequestQueue
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
        self.clock = Clock()
        self.turns = Turns(self.clock)
        self.transport = Transport()
        self.written: list[bytes] = []
        self.begun: dict[str, Deferred[bytes]] = {}
        self.traces: list[str] = []
        self.serving = self.queue(self.written.append)

    def queue(self, write: Callable[[bytes], None], client: str = "ann") -> RequestQueue:
        return RequestQueue(self.transport, "the-trace", write, self.turns, lambda: client)

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

        self.serving = self.queue(write)
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


class TurnTests(ServingTestCase):
    """Dear requests begin within the time of an iteration, and clients take turns."""

    def setUp(self) -> None:
        super().setUp()
        self.order: list[str] = []
        self.ann, self.ann_too = (self.queue(self.written.append) for _ in range(2))
        self.bob = self.queue(self.written.append, "bob")

    async def dear(self, name: str, seconds: float = TURN) -> bytes:
        self.order.append(name)
        self.clock.rightNow += seconds  # without an iteration of the reactor
        return name.encode()

    async def dear_that_waits(self, name: str) -> bytes:
        await self.waiting(name)
        return await self.dear(name)

    def iterate(self) -> list[str]:
        """Let the reactor run one iteration; return what began in it."""
        before = len(self.order)
        calls, self.clock.calls = self.clock.calls, []
        for call in calls:
            call.called = 1
            call.func(*call.args, **call.kw)
        return self.order[before:]

    def test_one_begins_at_once_where_there_is_time(self) -> None:
        self.ann.add_dear(self.dear("a", TURN / 3))
        self.ann.add_dear(self.dear("b", TURN / 3))
        self.assertEqual(self.written, [b"a", b"b"])

    def test_one_that_finds_no_time_begins_in_another_iteration(self) -> None:
        for name in "abc":
            self.ann.add_dear(self.dear(name))
        self.assertEqual(self.order, ["a"])
        self.assertEqual([self.iterate() for _ in range(3)], [["b"], ["c"], []])
        self.assertEqual(self.written, [b"a", b"b", b"c"])
        self.assertEqual(self.turns.deferred, 2)

    def test_a_connection_whose_login_had_to_wait_keeps_no_empty_deque(self) -> None:
        for name in "ab":
            self.ann.add_dear(self.dear(name))
        self.iterate()
        self.assertIsNone(self.ann._waiting)

    def test_what_follows_on_the_connection_waits_and_others_do_not(self) -> None:
        self.ann.add_dear(self.dear("a"))
        self.ann.add_dear(self.dear("b"))
        self.ann.add(self.instant("cheap"))
        self.bob.add(self.instant("other"))
        self.assertEqual(self.written, [b"a", b"other"])
        self.iterate()
        self.iterate()
        self.assertEqual(self.written, [b"a", b"other", b"b", b"cheap"])

    def test_many_connections_of_a_client_get_no_more_than_one_of_another(self) -> None:
        for name in "abc":
            self.ann.add_dear(self.dear(f"ann {name}"))
            self.ann_too.add_dear(self.dear(f"ann too {name}"))
        for name in "ab":
            self.bob.add_dear(self.dear(f"bob {name}"))
        while self.clock.calls:
            self.iterate()
        self.assertEqual(self.order[:5], ["ann a", "ann too a", "bob a", "ann b", "bob b"], self.order)
        self.assertEqual(len(self.order), 8)

    def test_several_small_ones_share_an_iteration(self) -> None:
        self.ann.add_dear(self.dear("long"))
        for number in range(6):
            self.ann.add_dear(self.dear(f"{number}", TURN * 0.3))
        self.assertEqual(self.iterate(), ["0", "1", "2", "3"])
        self.assertEqual(self.iterate(), ["4", "5"])

    def test_after_a_long_one_the_reactor_reads_before_another_begins(self) -> None:
        for name in "abc":
            self.ann.add_dear(self.dear(name, 5 * TURN))
        self.assertEqual([self.iterate() for _ in range(5)], [[], ["b"], [], ["c"], []])
        self.iterate()
        self.ann.add_dear(self.dear("d"))
        self.assertEqual(self.order[-1], "d")

    def test_one_that_waited_for_the_storage_goes_on_in_its_turn(self) -> None:
        self.ann.add_dear(self.dear_that_waits("a"))
        self.ann.add(self.instant("after"))
        self.bob.add_dear(self.dear("bob"))
        self.end("a")
        self.assertEqual(self.order, ["bob"])
        self.assertEqual(self.iterate(), ["a"])
        self.iterate()
        self.assertEqual(self.written, [b"bob", b"a", b"after"])

    def test_one_that_goes_on_in_a_later_turn_has_what_the_storage_answered(self) -> None:
        async def dear(answer: Deferred[bytes]) -> bytes:
            try:
                return await answer
            except ValueError:
                return b"error"

        for outcome, reply in ((b"page", b"page"), (Failure(ValueError()), b"error")):
            answer: Deferred[bytes] = Deferred()
            self.ann.add_dear(dear(answer))
            self.bob.add_dear(self.dear("bob"))
            answer.callback(outcome)
            self.iterate()
            self.assertEqual(self.written.pop(), reply)
            self.iterate()

    def test_one_whose_connection_ended_meanwhile_still_ends(self) -> None:
        self.ann.add_dear(self.dear_that_waits("a"))
        self.bob.add_dear(self.dear("bob"))
        self.end("a")
        self.ann.stop()
        self.assertEqual(self.iterate(), ["a"])

    def test_one_that_waits_when_the_connection_ends_never_begins(self) -> None:
        for name in "ab":
            self.ann.add_dear(self.dear(name))
        self.ann.stop()
        self.assertEqual((self.iterate(), self.order), ([], ["a"]))

    def test_cheap_ones_that_waited_take_no_longer_than_a_turn(self) -> None:
        self.ann.hold()
        for number in range(3 * REQUESTS_PER_LOOK):
            self.ann.add(self.dear(f"{number}", TURN / REQUESTS_PER_LOOK * 1.01))
        self.ann.release()
        self.assertEqual(len(self.order), REQUESTS_PER_LOOK)
        self.assertEqual([len(self.iterate()) for _ in range(3)], [REQUESTS_PER_LOOK] * 2 + [0])
        self.assertEqual(len(self.written), 3 * REQUESTS_PER_LOOK)

    def test_a_fault_of_one_ends_no_turn_of_another(self) -> None:
        async def fault() -> bytes:
            raise ValueError

        self.ann.add_dear(self.dear("long"))
        self.ann_too.add_dear(fault())
        self.bob.add_dear(self.dear("bob"))
        self.assertEqual(self.iterate(), ["bob"])
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
