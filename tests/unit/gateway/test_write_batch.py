from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gim.gateway.outbound import MAX_CORKED
from gim.gateway.write_batch import WriteBatch
from tests.support.pipe import GatewayTestCase


class Waiting:
    def __init__(self, log: list[str], name: str) -> None:
        self.log, self.name = log, name

    def flush(self) -> None:
        self.log.append(self.name)
        if self.name == "broken":
            raise ZeroDivisionError


class WriteBatchTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.log: list[str] = []
        self.batch = WriteBatch(self.clock)

    def add(self, name: str) -> None:
        self.batch.add(Waiting(self.log, name))

    def test_what_waits_is_flushed_in_order_at_the_end(self) -> None:
        for name in "abc":
            self.add(name)
        self.assertEqual((self.log, len(self.clock.getDelayedCalls())), ([], 1))
        self.clock.advance(0)
        self.assertEqual((self.log, self.clock.getDelayedCalls()), (["a", "b", "c"], []))

    def test_the_next_turn_begins_anew(self) -> None:
        for name in "ab":
            self.add(name)
            self.clock.advance(0)
        self.assertEqual(self.log, ["a", "b"])

    def test_a_failure_costs_the_others_nothing(self) -> None:
        for name in "a", "broken", "b":
            self.add(name)
        self.clock.advance(0)
        self.assertEqual(self.log, ["a", "broken", "b"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class JoinedWritesTests(GatewayTestCase):
    """Counts the writes to ann's transport."""

    def setUp(self) -> None:
        super().setUp()
        self.ann = self.user("ann")
        (self.server,) = self.gateway.connections
        self.bob = self.user("bob")
        self.writes: list[bytes] = []
        write = self.server.outbound._write
        self.server.outbound._write = lambda data: (self.writes.append(data), write(data))  # type: ignore[assignment]

    def count_writes(self) -> int:
        count = len(self.writes)
        self.writes.clear()
        return count

    def test_replies_to_one_read_are_one_write(self) -> None:
        for seq in range(8):
            self.ann.sendMessage(b'{"op":105,"seq":%d}' % seq)
        self.pump()
        self.assertEqual(self.count_writes(), 1)
        self.assertEqual([p["seq"] for p in self.ann.packets if p["op"] == 106], list(range(8)))

    def test_a_push_of_the_same_turn_goes_with_them(self) -> None:
        self.ann.sendMessage(b'{"op":105}')
        self.bob.sendMessage(b'{"op":201,"body":{"type":2,"target_id":"ann","content":"hi"}}')
        self.pump()
        self.assertEqual(self.count_writes(), 1)
        self.assertEqual(self.contents(self.ann), [["hi"]])

    def test_long_replies_do_not_pile_up(self) -> None:
        for _ in range(40):
            self.data(self.ann, 201, type=2, target_id="bob", content="x" * 1000)
        self.count_writes()
        for _ in range(10):
            self.ann.sendMessage(b'{"op":203,"body":{"session_id":"2:ann:bob"}}')
        self.pump()
        self.assertEqual(self.count_writes(), 10)
        self.assertGreater(20 * 1000, MAX_CORKED)

    def test_a_chatroom_push_does_not_overtake_what_waits(self) -> None:
        self.data(self.ann, 301, id="den")
        self.ann.packets.clear()
        self.ann.sendMessage(b'{"op":105}')
        self.ann.sendMessage(b'{"op":201,"body":{"type":1,"target_id":"den","content":"hi"}}')
        self.pump()
        self.assertEqual([packet["op"] for packet in self.ann.packets], [106, 207, 202])

    def test_a_close_frame_comes_last(self) -> None:
        self.ann.packets.clear()
        self.ann.sendMessage(b'{"op":105}')
        for pump in self.pumps:
            pump.pump()  # the request has been read, and the turn has not ended
        self.server.sendClose(3001, "bye")
        self.pump()
        self.assertEqual([packet["op"] for packet in self.ann.packets], [106])
        assert self.ann.closed is not None
        self.assertEqual(self.ann.closed[0], 3001)
