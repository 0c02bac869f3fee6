"""A batch of messages of the administrator."""

from __future__ import annotations

import json
import random
from itertools import pairwise
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from gim.api.routes.batch import BODY_FACTOR, MAX_SENDS, PORTION, _Queues
from gim.chat.administration import Administration
from gim.concurrency.turns import TURN, Turns
from gim.errors import Unavailable
from gim.model import Sent
from tests.support.hostile.wire import Wire
from tests.unit.api.test_admin import KEY, AdminCase


def send(target: str, content: str, sender: str = "", kind: int = 2, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "target_id": target, "content": content, "sender_id": sender, **fields}


class BatchCase(AdminCase):
    def batch(self, *items: Any) -> list[Any]:
        replies = self.admin("POST", "/batch", items=items)["items"]
        self.assertEqual(len(replies), len(items))
        return list(replies)


class ReplyTests(BatchCase):
    def test_each_message_has_what_a_single_send_returns_in_their_order(self) -> None:
        ann, bob = self.user("ann"), self.user("bob")
        replies = self.batch(send("bob", "1"), send("bob", "2", "ann"), send("ann", "3", "bob"))
        self.assertEqual([(reply["code"], reply["msg"]) for reply in replies], [(0, "")] * 3)
        sent = [reply["data"] for reply in replies]
        self.assertEqual([each["session_id"] for each in sent], ["2:.:bob", "2:ann:bob", "2:ann:bob"])
        ids = [each["id"] for each in sent]
        self.assertEqual(ids, sorted(set(ids)))
        self.assertEqual(list(sent[0]), list(self.admin("POST", "/messages", **send("bob", "4"))))
        self.assertEqual(self.contents(ann), [["2"], ["3"]])
        self.assertEqual(self.contents(bob), [["1"], ["2"], ["3"], ["4"]])

    def test_what_is_refused_has_the_reply_of_a_single_send_and_stops_no_other(self) -> None:
        bad: list[Any] = [
            {},
            {"type": 1},
            send("", "x"),
            send("a b\n", "x"),
            send("none", "x", kind=1),
            send("ann", "x", "ann"),
            send("ann", "x" * 5000),
            send("ann", ""),
            {**send("ann", "x"), "type": 3},
            {**send("ann", "x"), "content": 7},
        ]
        alone = [self.shown("POST", "/messages", body=json.dumps(each).encode()).envelope for each in bad]
        self.assertNotIn(0, [each["code"] for each in alone])
        good = send("ann", "hi", unknown=[])
        mixed = [each for refused in bad for each in (refused, good)]
        replies = self.batch(*mixed)
        self.assertEqual(replies[::2], alone)
        self.assertEqual([reply["code"] for reply in replies[1::2]], [0] * len(bad))

    def test_what_is_no_object_is_refused_alone(self) -> None:
        replies = self.batch(None, [], "x", 1, send("ann", "hi"))
        self.assertEqual([reply["code"] for reply in replies], [400] * 4 + [0])

    def test_one_written_with_a_point_is_one(self) -> None:
        self.assertEqual(self.batch({**send("ann", "x"), "type": 2.0})[0]["code"], 0)

    def test_a_request_id_is_good_for_one_message_within_a_batch_and_for_the_next(self) -> None:
        items = [send("ann", "x", request_id="r"), send("ann", "x", request_id="r")]
        first, again = self.batch(*items)
        self.assertEqual(first, again)
        other = send("ann", "y", request_id="r")
        self.assertEqual([reply["code"] for reply in self.batch(items[0], other)], [0, 409])
        self.assertEqual(self.batch(items[0]), [first])

    def test_a_fault_is_a_500_of_its_message(self) -> None:
        sends = Administration.send

        def fail(administration: Administration, sender: str, *rest: Any) -> Any:
            if sender == "bad":
                raise ZeroDivisionError
            return sends(administration, sender, *rest)

        self.patch(Administration, "send", fail)
        replies = self.batch(send("ann", "1"), send("ann", "2", "bad"), send("ann", "3"))
        self.assertEqual([reply["code"] for reply in replies], [0, 500, 0])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_no_messages_are_no_replies(self) -> None:
        self.assertEqual(self.batch(), [])


class BoundTests(BatchCase):
    def test_it_needs_the_key(self) -> None:
        self.assertEqual(self.shown("POST", "/batch", "wrong", b"{}").envelope["code"], 401)

    def test_what_is_no_batch_is_refused(self) -> None:
        for body in b"", b"null", b"[]", b"{}", b'{"items":{}}', b'{"items":[}', b"\xff", b"[" * 5000:
            self.assertEqual(self.shown("POST", "/batch", body=body).envelope["code"], 400, body)
        many = json.dumps({"items": [{}] * (MAX_SENDS + 1)}).encode()
        self.assertIn("items", self.shown("POST", "/batch", body=many).envelope["msg"])

    def test_a_body_may_be_longer_than_others(self) -> None:
        limit = self.api.max_body
        items = [send("ann", "x" * 400) for _ in range(MAX_SENDS)]
        self.assertGreater(len(json.dumps({"items": items})), 4 * limit)
        self.assertEqual({reply["code"] for reply in self.batch(*items)}, {0})
        for path, key, length in (
            ("/batch", KEY, BODY_FACTOR * limit + 1),
            ("/batch", "wrong", limit + 1),
            ("/messages", KEY, limit + 1),
        ):
            refused = self.shown("POST", path, key, b" " * length).envelope
            self.assertEqual(refused["code"], 401 if key == "wrong" else 413)

    def test_what_is_too_long_is_not_kept_without_the_key(self) -> None:
        wire = Wire(self.api, self.clock, IPv4Address("TCP", "127.0.0.1", 5))
        head = b"POST /v1/admin/batch HTTP/1.1\r\nHost: localhost\r\nX-API-Key: wrong\r\n"
        length = 3 * self.api.max_body
        wire.feed([head + b"Content-Length: %d\r\n\r\n" % length, b" " * (length - 1)])
        (request,) = wire.server.requests
        self.assertEqual((request.body_size, request.content.tell()), (length - 1, 0))
        wire.hang_up()


class TurnTests(BatchCase):
    """Time passes by itself: each send takes a millisecond."""

    def setUp(self) -> None:
        super().setUp()
        self.begun = 0
        sends = Administration.send

        def slow(administration: Administration, *fields: Any) -> Any:
            self.begun += 1
            self.clock.rightNow += 0.001
            return sends(administration, *fields)

        self.patch(Administration, "send", slow)
        self.wire = Wire(self.api, self.clock, IPv4Address("TCP", "127.0.0.1", 5))

    def body(self, count: int) -> bytes:
        return json.dumps({"items": [send("ann", str(n)) for n in range(count)]}).encode()

    def begin_batch(self, count: int) -> None:
        """Begin a request; the reactor does not turn yet."""
        body = self.body(count)
        head = f"POST /v1/admin/batch HTTP/1.1\r\nX-API-Key: {KEY}\r\nHost: localhost\r\n"
        self.wire.server.dataReceived(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)

    def test_a_long_batch_lets_others_come_in_between(self) -> None:
        begun_at, turn = [0], Turns.turn

        def noted(turns: Turns, client: str) -> Deferred[None]:
            begun_at.append(self.begun)
            return turn(turns, client)

        self.patch(Turns, "turn", noted)
        self.begin_batch(200)
        self.clock.advance(0)
        self.assertEqual(self.begun, 200)
        self.assertGreater(len(begun_at), 10)
        self.assertLess(max(b - a for a, b in pairwise(begun_at)), 1000 * TURN + PORTION)
        self.assertIn(b"HTTP/1.1 200", self.wire.transport.value())

    def test_the_rest_is_not_sent_when_the_client_hangs_up(self) -> None:
        self.begin_batch(200)
        begun = self.begun
        self.wire.hang_up()
        for _ in range(20):
            self.clock.advance(0)
        self.assertEqual(self.begun, begun)


class WaitingTests(BatchCase):
    """Sends that wait, as those of a storage elsewhere."""

    def setUp(self) -> None:
        super().setUp()
        self.waiting: list[Deferred[Sent]] = []
        self.patch(Administration, "send", lambda *_: self.wait())
        self.wire = Wire(self.api, self.clock, IPv4Address("TCP", "127.0.0.1", 5))
        body = json.dumps({"items": [send("ann", str(n)) for n in range(20)]}).encode()
        head = f"POST /v1/admin/batch HTTP/1.1\r\nX-API-Key: {KEY}\r\nHost: localhost\r\n"
        self.wire.feed([f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body])

    def wait(self) -> Deferred[Sent]:
        self.waiting.append(Deferred())
        return self.waiting[-1]

    def test_all_are_begun_before_one_is_done_and_each_gets_its_own_reply(self) -> None:
        self.assertEqual((len(self.waiting), self.wire.transport.value()), (20, b""))
        numbers = list(enumerate(self.waiting))
        random.Random(1).shuffle(numbers)
        for number, each in numbers:
            if number == 7:
                each.errback(Unavailable("not now"))
            else:
                each.callback(Sent(str(number), "", number, 0))
        body = json.loads(self.wire.transport.value().partition(b"\r\n\r\n")[2])
        replies = body["data"]["items"]
        self.assertEqual(replies.pop(7), {"code": 503, "msg": "not now", "data": None})
        self.assertEqual(
            [int(reply["data"]["id"]) for reply in replies], [n for n in range(20) if n != 7]
        )

    def test_one_that_is_never_done_is_a_503(self) -> None:
        for each in self.waiting[1:]:
            each.callback(Sent("", "", 0, 0))
        for _ in range(4):
            self.clock.advance(1)
        self.assertIn(b"HTTP/1.1 503", self.wire.transport.value())


class QueueTests(SynchronousTestCase):
    """For a storage that does not keep the order of what was begun."""

    def setUp(self) -> None:
        self.queues = _Queues()
        self.begun: list[Deferred[Sent]] = []

    def add(self, session: str) -> Deferred[Sent]:
        return Deferred.fromCoroutine(self.queues.in_order(session, self.begin))

    def begin(self) -> Deferred[Sent]:
        self.begun.append(Deferred())
        return self.begun[-1]

    def test_the_sends_of_a_session_begin_one_after_the_other_those_of_others_at_once(self) -> None:
        first, second, third, other = map(self.add, ("a", "a", "a", "b"))
        self.assertEqual(len(self.begun), 2)
        self.begun[0].errback(Unavailable())
        self.failureResultOf(first, Unavailable)
        self.assertEqual(len(self.begun), 3)
        second.cancel()
        self.failureResultOf(second)
        self.assertEqual(len(self.begun), 4)
        for each in self.begun[1], self.begun[3]:
            each.callback(Sent("x", "", 0, 0))
        self.assertEqual([self.successResultOf(each).id for each in (third, other)], ["x", "x"])

    def test_one_that_is_cancelled_while_it_waits_does_not_begin(self) -> None:
        self.add("a")
        second, third = self.add("a"), self.add("a")
        second.cancel()
        self.failureResultOf(second)
        self.begun[0].callback(Sent("", "", 0, 0))
        self.assertEqual(len(self.begun), 2)
        self.begun[1].callback(Sent("", "", 0, 0))
        self.successResultOf(third)
