"""JSON and Protobuf say the same: requests, replies, refusals and pushes."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from twisted.trial.unittest import SynchronousTestCase

from gim import model
from gim.errors import GimError
from gim.wire.json import JsonCodec
from gim.wire.packets import MAX_SEQ, BadPacket, Packet
from gim.wire.proto import ProtoCodec
from tests.support.wire import proto_values
from tests.support.wire.request_table import EXAMPLES, FIELDS, bodies, with_string
from tests.unit.wire.test_json_replies import ERRORS, REPLIES

texts = st.text(st.characters(exclude_categories=["Cs"]))
numbers = st.integers(0, 2**32 - 1)
big_numbers = st.integers(0, 2**53 - 1)
users = st.builds(model.User, texts, texts)
messages = st.builds(model.Message, texts, texts, users, texts, texts, big_numbers, numbers, big_numbers)
lists = st.lists(messages, max_size=3)
lines = st.builds(model.SessionItem, texts, numbers, texts, st.none() | messages, numbers)
members = st.builds(model.Member, texts, texts, st.booleans(), texts)
heads = st.builds(model.SessionHead, texts, numbers, texts)
events = st.builds(
    model.Event, *([texts] * 7), until=big_numbers, category=texts, content=texts, created_at=big_numbers
)
reads = st.builds(model.Event, st.just("read"), *([texts] * 4), unread=numbers)
pushes = st.builds(model.Push, heads, lists, numbers)

ANSWERS: dict[int, st.SearchStrategy[Struct]] = {  # by the reply's op
    102: st.builds(model.LoggedIn, users, texts, big_numbers, texts, numbers, st.booleans()),
    104: st.just(model.NOTHING),
    106: st.builds(model.ServerTime, big_numbers),
    202: st.builds(model.Sent, texts, texts, big_numbers, big_numbers),
    204: st.builds(model.History, lists, st.booleans()),
    206: st.builds(model.SessionPage, st.lists(lines, max_size=3), texts),
    210: st.builds(model.Unread, numbers),
    212: st.just(model.NOTHING),
    302: st.builds(model.Joined, texts, numbers),
    304: st.just(model.NOTHING),
    306: st.builds(model.MemberPage, st.lists(members, max_size=3), numbers, texts),
    308: st.just(model.NOTHING),
    310: st.just(model.NOTHING),
    312: st.just(model.NOTHING),
    314: st.builds(model.Until, big_numbers),
    316: st.just(model.NOTHING),
}


def without_nothing(op: int, body: dict[str, Any]) -> dict[str, Any]:
    """Leave out the required fields that are "" or 0, which Protobuf can't tell from missing ones."""
    fields = proto_values.REQUESTS[op].DESCRIPTOR.fields_by_name
    return {name: value for name, value in body.items() if value or fields[name].has_presence}


def read_json(payload: bytes) -> dict[str, Any]:
    packet = json.loads(payload)
    return {**packet, "body": json.loads(packet["body"])}


class BothCodecsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.json, self.proto = JsonCodec(), ProtoCodec()

    def decoded(self, op: int, seq: int, body: dict[str, Any]) -> Packet | tuple[int, int, str]:
        """Return what both codecs make of a request, or say about it."""
        found = [
            self.outcome(self.json, with_string(op, body, seq)),
            self.outcome(self.proto, proto_values.request(op, seq, **body)),
        ]
        self.assertEqual(found[0], found[1], (op, body))
        return found[0]

    def outcome(self, codec: JsonCodec | ProtoCodec, payload: bytes) -> Packet | tuple[int, int, str]:
        try:
            return codec.decode(payload, codec.is_binary)
        except BadPacket as refused:
            return refused.op, refused.seq, str(refused)

    @given(st.data(), st.integers(0, MAX_SEQ))
    def test_requests(self, data: st.DataObject, seq: int) -> None:
        op = data.draw(st.sampled_from(list(FIELDS)))
        self.decoded(op, seq, without_nothing(op, data.draw(bodies(op))))

    def test_requests_with_the_outermost_values(self) -> None:
        for op, fields in FIELDS.items():
            for name, field in fields.items():
                for value in field.border:
                    body = without_nothing(op, EXAMPLES[op] | {name: value})
                    outcome = self.decoded(op, MAX_SEQ, body)
                    if name in body:
                        self.assertIsInstance(outcome, Packet)

    def test_refusals_of_values_out_of_range(self) -> None:
        for op, fields in FIELDS.items():
            for name, field in fields.items():
                for value in field.outside:
                    if isinstance(value, int) and not 0 <= value < 2**32:
                        continue  # that is more than gim.proto can say
                    body = without_nothing(op, EXAMPLES[op] | {name: value})
                    refused_op, seq, text = self.decoded(op, 9, body)  # type: ignore[misc]
                    self.assertEqual((refused_op, seq, text.partition(": ")[0]), (op + 1, 9, name))

    def test_refusals_of_missing_fields(self) -> None:
        for op, body in EXAMPLES.items():
            for name in body:
                rest = {other: value for other, value in body.items() if other != name}
                expected = (op + 1, 9, f"{name}: missing, but required")
                self.assertEqual(self.decoded(op, 9, rest), expected)

    def test_refusals_of_operations(self) -> None:
        for op in (*range(1, 320), 2**31 - 2, 2**31 - 1, 2**31, 2**32 - 1):
            if op not in FIELDS:
                asked = with_string(op, {}, 9), proto_values.packet(op, b"", 9)
                outcomes = map(self.outcome, (self.json, self.proto), asked)  # type: ignore[arg-type]
                self.assertEqual(len(set(outcomes)), 1, op)

    def test_refusals_of_seqs(self) -> None:
        for op in (0, 105, 106, 107):
            for seq in (MAX_SEQ + 1, 2**64 - 1):
                asked = with_string(op, {}, seq), proto_values.packet(op, b"", seq)
                outcomes = list(map(self.outcome, (self.json, self.proto), asked))  # type: ignore[arg-type]
                self.assertEqual([outcome[:2] for outcome in outcomes], [(0, 0)] * 2)  # type: ignore[index]
                if op:
                    self.assertEqual(*outcomes)

    def assertSame(self, of_json: bytes, of_proto: bytes) -> None:
        one, other = read_json(of_json), proto_values.read(of_proto)
        self.assertEqual(one, other)
        self.assertEqual(json.dumps(one), json.dumps(other))  # in the same order as well

    @given(st.data(), st.integers(0, MAX_SEQ))
    def test_replies(self, data: st.DataObject, seq: int) -> None:
        op = data.draw(st.sampled_from(list(ANSWERS)))
        answer = data.draw(ANSWERS[op])
        self.assertSame(*(c.encode_reply(op, seq, answer) for c in (self.json, self.proto)))

    def test_replies_as_documented(self) -> None:
        for op, answer, _ in REPLIES:
            self.assertSame(*(c.encode_reply(op, 7, answer) for c in (self.json, self.proto)))

    @given(pushes)
    def test_pushes(self, push: model.Push) -> None:
        self.assertSame(self.json.encode_push(push), self.proto.encode_push(push))

    @given(events | reads)
    def test_events(self, event: model.Event) -> None:
        self.assertSame(self.json.encode_push(event), self.proto.encode_push(event))

    def test_pushes_of_any_length(self) -> None:
        user = model.User("u", "u")
        for length in (0, 100, 127, 128, 2047, 2048, 16_383, 16_384, 70_000, 2_100_000):
            message = model.Message("i", "1:r", user, "text", "x" * length, 0, 1, 0)
            push = model.Push(model.SessionHead("1:r", 1, "r"), [message])
            self.assertSame(self.json.encode_push(push), self.proto.encode_push(push))

    @given(
        st.sampled_from([error for _, error in ERRORS]), st.integers(0, 2**31), st.integers(0, MAX_SEQ)
    )
    def test_errors(self, error: GimError, op: int, seq: int) -> None:
        op += op in (207, 213)  # which are pushes
        self.assertSame(*(c.encode_error(op, seq, error) for c in (self.json, self.proto)))
