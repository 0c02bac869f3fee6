"""Clients that send too fast."""

from __future__ import annotations

import json
import sys
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gim.gateway.packet_rate import MAX_OVERLOAD, MAX_REJECTED_IN_A_ROW, TokenBucket
from gim.limits.limits import LimitHits
from tests.support.pipe import Client, GatewayTestCase, ProtoClient
from tests.support.settings import no_limits

START = 1_800_000_000.0
MANY = 200 + 2 * MAX_REJECTED_IN_A_ROW  # more than one connection gets away with


class BucketTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.limits = no_limits(max_packet_rate=100, max_packet_burst=200)
        self.hits = LimitHits(is_enforced=True)
        self.bucket = TokenBucket(self.limits, self.hits, START)

    def test_it_begins_full_and_never_holds_more(self) -> None:
        self.assertEqual(self.bucket.available, 200)
        self.bucket.refill(START + 3600)
        self.assertEqual(self.bucket.available, 200)

    def test_it_fills_by_the_rate_to_the_last_packet(self) -> None:
        self.bucket.available = 0
        for n in range(1, 1001):
            self.bucket.refill(START + n * 0.0013)
        self.assertEqual(self.bucket.available, 130)

    def test_without_a_limit_it_is_never_empty(self) -> None:
        bucket = TokenBucket(no_limits(max_packet_burst=5), self.hits, START)
        bucket.refill(START + 1)
        self.assertEqual(bucket.available, sys.maxsize)

    def test_so_many_in_a_row_are_abuse(self) -> None:
        for _ in range(MAX_REJECTED_IN_A_ROW - 1):
            self.assertTrue(self.bucket.reject(START))
        self.assertFalse(self.bucket.is_abused())
        self.bucket.reject(START)
        self.assertTrue(self.bucket.is_abused())

    def test_what_was_allowed_in_between_ends_the_row(self) -> None:
        for n in range(9):
            for _ in range(MAX_REJECTED_IN_A_ROW - 1):
                self.bucket.reject(START + n)
            self.bucket.refill(START + n + 0.5)
        self.assertFalse(self.bucket.is_abused())

    def test_to_go_on_for_so_long_is_abuse(self) -> None:
        seconds = 0.0
        while not self.bucket.is_abused():
            self.assertLessEqual(seconds, MAX_OVERLOAD)
            self.bucket.reject(START + seconds)
            self.bucket.refill(START + seconds)
            seconds += 0.5
        self.assertGreater(seconds, MAX_OVERLOAD)

    def test_a_second_without_one_begins_anew(self) -> None:
        for n in range(100):
            self.bucket.reject(START + 9 * n // 8 * 1.01)
        self.assertFalse(self.bucket.is_abused())

    def test_a_dry_run_refuses_none(self) -> None:
        bucket = TokenBucket(
            no_limits(max_packet_rate=1, max_packet_burst=1), LimitHits(is_enforced=False), START
        )
        self.assertFalse(any(bucket.reject(START) for _ in range(1000)))
        self.assertFalse(bucket.is_abused())


class PacketRateTestCase(GatewayTestCase):
    options: tuple[str, ...] = ("--max-packet-rate", "100", "--max-packet-burst", "200")

    def flood(self, client: Client, count: int) -> list[int]:
        """Send so many heartbeats; return the codes of their replies, in order."""
        before = len(client.packets)
        for seq in range(count):
            client.say(105, {}, seq)
        self.pump()
        replies = client.packets[before:]
        self.assertEqual([reply["seq"] for reply in replies], list(range(len(replies))))
        self.assertEqual({reply["op"] for reply in replies}, {106})
        return [reply["body"]["code"] for reply in replies]

    def hits(self) -> int:
        return self.gateway.hits.counts["max-packet-rate"]


class RateTests(PacketRateTestCase):
    def test_each_packet_above_it_is_a_429_until_there_was_time(self) -> None:
        ann = self.user("ann")  # which is a packet, too
        self.assertEqual(self.flood(ann, 299), [0] * 199 + [429] * 100)
        self.advance(0.5)
        codes = self.flood(ann, 80)
        self.assertIn(codes.count(0), (49, 50, 51))
        self.assertEqual(codes, sorted(codes))
        self.assertEqual(self.hits(), 100 + codes.count(429))
        self.advance(3)
        self.assertEqual(self.flood(ann, 200), [0] * 200)
        self.assertIsNone(ann.closed)

    def test_it_says_what_to_do(self) -> None:
        ann = self.user("ann")
        self.flood(ann, 200)
        self.assertEqual(self.refusal(ann, 105), (429, "more than 100 packets a second: wait a second"))

    def test_others_are_not_held_up(self) -> None:
        ann, bob = self.user("ann"), self.user("bob")
        self.flood(ann, 300)
        self.assertEqual(self.flood(bob, 100), [0] * 100)

    def test_so_many_in_a_row_close_it(self) -> None:
        ann = self.user("ann")
        codes = self.flood(ann, MANY)
        self.assertEqual(codes, [0] * 199 + [429] * MAX_REJECTED_IN_A_ROW)
        self.assertEqual(ann.closed, (3013, "too many requests"))
        self.assertEqual(self.gateway.closes[3013], 1)

    def test_a_little_too_much_for_too_long_closes_it(self) -> None:
        ann, seconds = self.user("ann"), 0.0
        while ann.closed is None:
            self.flood(ann, 30)
            self.advance(0.2)
            seconds += 0.2
            self.assertLess(seconds, 20)
        self.assertEqual(ann.closed[0], 3013)
        self.assertGreater(seconds, MAX_OVERLOAD)

    def test_what_is_no_packet_counts_as_well(self) -> None:
        ann = self.connect()
        for payload in [b"x", b'{"op":999,"seq":7}', b'{"op":2}'] * 70:
            ann.sendMessage(payload)
        self.pump()
        self.assertEqual([packet["body"]["code"] for packet in ann.packets], [400] * 200 + [429] * 10)
        self.assertEqual([packet["op"] for packet in ann.packets[-3:]], [0, 1000, 0])
        self.assertEqual([packet["seq"] for packet in ann.packets[-3:]], [0, 7, 0])

    def test_pings_count_as_well_and_are_not_answered_above_it(self) -> None:
        ann, answered = self.connect(), list[bytes]()
        ann.onPong = answered.append  # type: ignore[assignment]
        for _ in range(200 + MAX_REJECTED_IN_A_ROW - 1):
            ann.sendPing(b"")
        self.pump()
        self.assertEqual((len(answered), ann.closed), (200, None))
        ann.sendPing(b"")
        self.pump()
        self.assertEqual(ann.closed, (3013, "too many requests"))

    def test_fragments_are_no_way_around_it(self) -> None:
        ann = self.connect()
        for seq in range(250):
            payload = json.dumps({"op": 105, "seq": seq}).encode()
            ann.sendMessage(payload, fragmentSize=10)
        self.pump()
        self.assertEqual([packet["body"]["code"] for packet in ann.packets], [401] * 200 + [429] * 50)

    def test_protobuf_likewise(self) -> None:
        ann: Any = self.connect(["gim.proto"], kind=ProtoClient)
        self.data(ann, 101, id="ann")
        self.assertEqual(self.flood(ann, 299), [0] * 199 + [429] * 100)

    def test_pongs_are_no_packets(self) -> None:
        ann = self.user("ann")
        for _ in range(1000):
            ann.sendPong()
        self.pump()
        self.assertEqual(self.flood(ann, 10), [0] * 10)


class DryRunTests(PacketRateTestCase):
    options = (*PacketRateTestCase.options, "--limits", "dry-run")

    def test_all_are_served_and_counted(self) -> None:
        ann = self.user("ann")
        self.assertEqual(self.flood(ann, MANY), [0] * MANY)
        self.assertEqual((ann.closed, self.hits()), (None, MANY - 199))


class NoLimitTests(PacketRateTestCase):
    options = ("--max-packet-rate", "0")

    def test_all_are_served(self) -> None:
        ann = self.user("ann")
        self.assertEqual(self.flood(ann, MANY), [0] * MANY)
        self.assertEqual(self.hits(), 0)
