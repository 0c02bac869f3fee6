"""The Protobuf codec: what is a packet, and what is said of anything else."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gim.model import NOTHING, Joined, Message, Push, SessionHead, User
from gim.wire import gim_pb2 as pb
from gim.wire.packets import MAX_SEQ, BadPacket, Packet
from gim.wire.proto import ProtoCodec
from gim.wire.requests import OPERATIONS, HeartbeatRequest, LeaveRequest
from tests.support.wire.proto_values import packet, request
from tests.support.wire.request_table import FIELDS, bodies

bodies_of_any = st.sampled_from(list(OPERATIONS)).flatmap(lambda op: st.tuples(st.just(op), bodies(op)))
NO_UTF_8 = (b"\xff", b"\xc3", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82")


class ProtoCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.codec = ProtoCodec()

    def decode(self, payload: bytes) -> Packet:
        return self.codec.decode(payload, True)

    def assertRefused(self, payload: bytes, op: int, seq: int, field: str | None = None) -> None:
        refused = self.assertRaises(BadPacket, self.decode, payload)
        self.assertEqual((refused.code, refused.op, refused.seq), (400, op, seq), payload[:100])
        if field is not None:
            self.assertEqual(str(refused).partition(": ")[0], field, payload[:100])


class AnyInputTests(ProtoCase):
    """Whatever comes is a packet or a `BadPacket`."""

    def assertAnswered(self, payload: bytes, is_binary: bool = True) -> None:
        try:
            found = self.codec.decode(payload, is_binary)
        except BadPacket as refused:
            reply = pb.Packet.FromString(self.codec.encode_error(refused.op, refused.seq, refused))
            self.assertNotEqual(pb.Reply.FromString(reply.body).msg, "")
            self.assertTrue(0 <= refused.seq <= MAX_SEQ)
        else:
            self.assertIs(type(found.body), OPERATIONS[found.op].request)
            self.assertTrue(0 <= found.seq <= MAX_SEQ)

    @given(st.binary(), st.booleans())
    @example(b"", True)
    def test_any_bytes(self, payload: bytes, is_binary: bool) -> None:
        self.assertAnswered(payload, is_binary)

    @given(st.sampled_from(list(OPERATIONS)), st.binary())
    def test_any_body_of_a_known_operation(self, op: int, body: bytes) -> None:
        self.assertAnswered(packet(op, body, 5))

    @given(bodies_of_any, st.data())
    def test_any_packet_cut_short_or_with_bytes_changed(self, asked: object, data: st.DataObject) -> None:
        op, body = asked  # type: ignore[misc]
        payload = bytearray(request(op, 7, **body))  # type: ignore[has-type]
        at = data.draw(st.integers(0, len(payload) - 1))
        self.assertAnswered(bytes(payload[:at]))
        payload[at : at + 1] = data.draw(st.binary(max_size=2))
        self.assertAnswered(bytes(payload))

    def test_groups_without_end_and_nested_deeply(self) -> None:
        for group in (b"\x7b" * 60_000, b"\x7b" * 30_000 + b"\x7c" * 30_000):
            self.assertRefused(group, 0, 0)
            self.assertRefused(packet(105, group, 4), 106, 4, "body")

    def test_lengths_that_are_not_there(self) -> None:
        for length in (b"\x01", b"\xff\xff\xff\xff\x07", b"\xff" * 10, b"\x80" * 20):
            self.assertRefused(b"\x08\x69\x12" + length, 0, 0)


class PacketTests(ProtoCase):
    """op, body and seq."""

    def test_nothing_at_all_is_a_packet_without_op(self) -> None:
        self.assertRefused(b"", 0, 0, "op")
        self.assertRefused(packet(0, b"", 7), 0, 7, "op")

    def test_what_is_no_packet(self) -> None:
        for payload in (b"hello", b'{"op":105}', b"\x00", b"\x08", b"\x0f"):
            self.assertRefused(payload, 0, 0, "not a packet")

    def test_an_empty_body_is_an_empty_message(self) -> None:
        self.assertEqual(self.decode(b"\x08\x69"), Packet(105, 0, HeartbeatRequest()))
        self.assertRefused(packet(303, b"", 4), 304, 4, "id")

    def test_the_greatest_seq_is_echoed_and_a_greater_one_is_not(self) -> None:
        self.assertEqual(self.decode(packet(105, b"", MAX_SEQ)).seq, MAX_SEQ)
        self.assertRefused(packet(303, b"", MAX_SEQ), 304, MAX_SEQ)
        for seq in (MAX_SEQ + 1, 2**64 - 1):
            self.assertRefused(packet(105, b"", seq), 0, 0, "seq")

    def test_a_packet_in_a_text_message_is_refused_with_its_seq(self) -> None:
        for payload, seq in (packet(105, b"", 7), 7), (packet(105, b"", 2**60), 0), (b'{"op":105}', 0):
            refused = self.assertRaises(BadPacket, self.codec.decode, payload, False)
            self.assertEqual((refused.code, refused.op, refused.seq), (400, 0, seq))
            self.assertIn("gim.json", str(refused))

    def test_unknown_fields_are_ignored(self) -> None:
        unknown = b"\xa0\x06\x05\xaa\x06\x02hi"  # 100: the number 5, 101: a string
        body = LeaveRequest("r")
        for payload in (
            packet(303, b"\x0a\x01r" + unknown, 2),
            packet(303, unknown + b"\x0a\x01r", 2) + unknown,
        ):
            self.assertEqual(self.decode(payload), Packet(303, 2, body))

    def test_a_field_of_another_wire_type_is_an_unknown_one(self) -> None:
        self.assertRefused(packet(303, b"\x08\x05"), 304, 0, "id")  # id as a number
        self.assertRefused(
            packet(201, b"\x0a\x012\x12\x011\x1a\x01x"), 202, 0, "type"
        )  # type as a string
        self.assertEqual(self.decode(packet(205, b"\x0a\x012")).body.count, 50)
        self.assertRefused(b"\x0a\x01i", 0, 0, "op")  # op as a string

    def test_of_a_field_that_comes_twice_the_last_is_taken(self) -> None:
        self.assertEqual(self.decode(packet(303, b"\x0a\x01a\x0a\x01b")).body.id, "b")

    def test_negative_numbers_are_out_of_range(self) -> None:
        minus_1 = b"\xff" * 9 + b"\x01"
        self.assertRefused(packet(205, b"\x08" + minus_1), 206, 0, "count")
        self.assertRefused(b"\x08" + minus_1, 0, 0, "op")
        self.assertRefused(b"\x08\x69\x18" + minus_1, 0, 0, "seq")

    def test_text_that_is_not_utf_8_is_refused(self) -> None:
        for broken in NO_UTF_8:
            body = b"\x0a" + bytes([len(broken)]) + broken
            self.assertRefused(packet(303, body, 4), 304, 4, "body")

    def test_zero_characters_are_characters(self) -> None:
        self.assertEqual(self.decode(request(301, id="a\0b", name="\0")).body.name, "\0")

    def test_an_optional_field_that_is_given_empty_is_given(self) -> None:
        bare = self.decode(request(203, session_id="1:r")).body
        whole = self.decode(request(203, session_id="1:r", message_id="")).body
        self.assertNotEqual(bare, whole)
        self.assertEqual(whole.message_id, "")
        self.assertRefused(request(205, count=0), 206, 0, "count")
        self.assertRefused(
            request(201, type=2, target_id="a", content="x", category=""), 202, 0, "category"
        )

    def test_every_operation_has_its_message(self) -> None:
        for op in FIELDS:
            refused = self.assertRaises(BadPacket, self.decode, packet(op, b"\x0a"))
            name = OPERATIONS[op].request.__name__
            self.assertEqual(str(refused), f"body: send a gim.v1.{name} with strings in UTF-8")


class OutgoingTests(ProtoCase):
    """What is put together field by field is what Protobuf itself would write."""

    def test_a_reply(self) -> None:
        for seq in (0, 1, 127, 128, 2047, 2048, 2**32, MAX_SEQ):
            data = pb.JoinData(session_id="1:r", total=3).SerializeToString()
            body = pb.Reply(data=data).SerializeToString()
            written = self.codec.encode_reply(302, seq, Joined("1:r", 3))
            self.assertEqual(written, packet(302, body, seq))

    def test_a_reply_with_nothing_to_say(self) -> None:
        found = pb.Packet.FromString(self.codec.encode_reply(104, 3, NOTHING))
        self.assertEqual((found.op, found.seq), (104, 3))
        self.assertEqual(pb.Reply.FromString(found.body), pb.Reply())

    def test_a_push(self) -> None:
        push = Push(
            SessionHead("1:r", 1, "R"), [Message("i", "1:r", User("u", "U"), "text", "x", 0, 1, 5)], 4
        )
        expected = pb.Push(
            session=pb.Session(id="1:r", type=1, title="R"),
            items=[
                pb.Message(
                    id="i",
                    session_id="1:r",
                    sender=pb.User(id="u", name="U"),
                    category="text",
                    content="x",
                    status=1,
                    created_at=5,
                )
            ],
            skipped=4,
        )
        self.assertEqual(self.codec.encode_push(push), packet(207, expected.SerializeToString()))

    def test_a_frame_kept_with_a_push_is_not_part_of_it(self) -> None:
        push = Push(SessionHead("1:r", 1, "R"), [])
        before = self.codec.encode_push(push)
        push.__dict__["gim.proto"] = before
        self.assertEqual(self.codec.encode_push(push), before)

    def test_codec_says_that_it_is_binary(self) -> None:
        self.assertEqual((self.codec.name, self.codec.is_binary), ("gim.proto", True))
