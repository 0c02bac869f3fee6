from collections.abc import Iterator
from itertools import pairwise

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gim.push.writer import PER_TURN, PushWriter
from tests.support.world import ChatTestCase


class Job:
    """A push to *size* connections that notes each one in a shared list."""

    def __init__(self, name: str, size: int, log: list[str]) -> None:
        self.name, self.size, self.log = name, size, log

    def write(self, chunk_size: int) -> Iterator[int]:
        for _ in range(self.size):
            self.log.append(self.name)
            yield 1

    def written(self) -> None:
        self.log.append(self.name.upper())


class BrokenJob(Job):
    def write(self, chunk_size: int) -> Iterator[int]:
        yield 1 // 0


class Batch:
    is_empty = True

    def __init__(self, log: list[str]) -> None:
        self.log = log

    def flush(self) -> None:
        self.log.append("flushed")


class PushWriterTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.log: list[str] = []

    def submit(self, writer: PushWriter, name: str, size: int) -> None:
        writer.submit(Job(name, size, self.log))

    def turns(self) -> list[list[str]]:
        """Return the log as it was written, turn by turn of the reactor."""
        ends = [0, len(self.log)]

        def note() -> None:
            ends.append(len(self.log))
            if self.clock.getDelayedCalls():
                self.clock.callLater(0, note)

        self.clock.callLater(0, note)
        self.clock.advance(0)
        return [self.log[begin:end] for begin, end in pairwise(ends) if end > begin]

    def test_a_small_push_is_written_at_once(self) -> None:
        self.submit(PushWriter(self.clock, 1), "a", 10)
        self.assertEqual(self.log, ["a"] * 10 + ["A"])

    def test_a_large_push_takes_a_slice_per_turn(self) -> None:
        self.submit(PushWriter(self.clock, 1), "a", 2 * PER_TURN + 5)
        self.assertEqual([len(turn) for turn in self.turns()], [PER_TURN, PER_TURN, 6])

    def test_all_pushes_of_a_turn_share_one_slice(self) -> None:
        writer = PushWriter(self.clock, 64)
        for name in "abcdefgh":
            self.submit(writer, name, PER_TURN // 2)
        self.assertEqual(len([entry for entry in self.log if entry.islower()]), PER_TURN)

    def test_pushes_under_way_take_turns(self) -> None:
        writer = PushWriter(self.clock, 2)
        self.submit(writer, "a", 3 * PER_TURN)
        self.submit(writer, "b", 3 * PER_TURN)
        names = ["".join(sorted(set(turn))) for turn in self.turns()]
        self.assertEqual(names, ["a", "a", "b", "a", "b", "Ab", "B"])

    def test_the_limit_holds_and_the_rest_waits_in_order(self) -> None:
        writer = PushWriter(self.clock, 1)
        for name in "abc":
            self.submit(writer, name, PER_TURN + 1)
        self.clock.advance(0)
        self.assertEqual([entry for entry in self.log if entry.isupper()], ["A", "B", "C"])
        self.assertLess(self.log.index("A"), self.log.index("b"))
        self.assertLess(self.log.index("B"), self.log.index("c"))

    def test_a_push_that_fails_is_logged_and_makes_way(self) -> None:
        writer = PushWriter(self.clock, 1)
        writer.submit(BrokenJob("a", 1, self.log))
        self.submit(writer, "b", 1)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.log, ["A", "b", "B"])

    def test_flush_writes_all_in_one_go(self) -> None:
        writer = PushWriter(self.clock, 1)
        for name in "abc":
            self.submit(writer, name, 3 * PER_TURN)
        writer.flush()
        self.assertEqual(len(self.log), 3 * (3 * PER_TURN + 1))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_it_goes_on_while_the_reactor_is_idle(self) -> None:
        idle = [True, True, False, True]
        writer = PushWriter(self.clock, 2, is_idle=lambda: bool(idle) and idle.pop(0))
        self.submit(writer, "a", 4 * PER_TURN)
        self.submit(writer, "b", 3 * PER_TURN)
        slices = [sum(map(str.islower, turn)) // PER_TURN for turn in self.turns()]
        self.assertEqual(slices[:4], [1, 3, 2, 1])
        self.assertEqual(sorted(self.log), sorted("A" + "a" * 4 * PER_TURN + "B" + "b" * 3 * PER_TURN))

    def test_what_waits_for_the_end_of_an_iteration_goes_first(self) -> None:
        batch = Batch(self.log)
        self.submit(PushWriter(self.clock, 1, batch), "a", PER_TURN + 1)
        self.assertNotIn("flushed", self.log)
        self.clock.advance(0)
        self.assertEqual(self.log[PER_TURN:], ["flushed", "a", "A"])


class LargeChatroomTests(ChatTestCase):
    concurrency = 1
    members = 50
    per_turn, per_chunk = 8, 4

    def setUp(self) -> None:
        super().setUp()
        for room in "one", "two":
            for number in range(self.members):
                user_id = f"{room}{number}"
                self.join(room, user_id)
                self.connect(user_id)
        self.bob = self.connect("bob")
        self.order: list[str] = []
        for name, user_id in ("bob", "bob"), ("one", "one49"), ("two", "two49"):
            self.note(name, user_id)

    def note(self, name: str, user_id: str) -> None:
        """Note in `order` when the last member of a chatroom, or bob, is written to."""
        user = self.pushes._presence.get(user_id)
        assert user is not None
        connection = user.logins[0].connection
        self.patch(connection, "deliver", lambda push: self.order.append(name))

    def test_a_private_message_is_out_before_the_first_of_two_large_pushes_has_ended(self) -> None:
        self.say("one0", "one", "hello")
        self.say("two0", "two", "hello")
        self.assertEqual(self.order, [])
        self.tell("ann", "bob", "hi")
        self.clock.advance(0)
        self.assertEqual(self.order, ["bob", "one", "two"])

    def test_who_leaves_while_a_push_is_written_gets_no_part_of_it(self) -> None:
        self.say("one0", "one", "hello")
        self.disconnect_user("one49")
        self.clock.advance(0)
        self.assertEqual(self.order, [])

    def disconnect_user(self, user_id: str) -> None:
        user = self.pushes._presence.get(user_id)
        assert user is not None
        self.chat.logout(user.logins[0])

    def test_the_interval_counts_from_the_end_of_a_push_that_had_to_wait(self) -> None:
        self.say("one0", "one", "hello")
        self.say("two0", "two", "hello")
        two = self.pushes._pushers["two"]
        self.assertTrue(two._submitted)
        self.clock.rightNow += 0.75  # until the first one has been written
        self.clock.advance(0)
        self.say("two0", "two", "again")
        self.clock.advance(0.999)
        self.assertEqual(self.order, ["one", "two"])
        self.clock.advance(0.001)
        self.assertEqual(self.order, ["one", "two", "two"])
