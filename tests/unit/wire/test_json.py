"""The JSON codec: what is a packet, and what is said of anything else."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from gim.wire.packets import BadPacket, Packet
from gim.wire.requests import OPERATIONS, HeartbeatRequest, JoinRequest
from tests.support.wire.decoding import DecodeCase, raw
from tests.support.wire.request_table import EXAMPLES, FIELDS, FORMS

NO_INTEGERS = ("null", "true", '"105"', "1.5", "[105]", "{}", "1e400", "9" * 400)

strings = st.text(st.characters(exclude_categories=())) | st.sampled_from(["id", "op", "body", "seq"])
numbers = st.integers() | st.floats() | st.sampled_from([0, 1, 2**31, 2**53, 2**63, 2**64, 1e308])
values = st.recursive(
    st.none() | st.booleans() | numbers | strings,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(strings, inner, max_size=3),
    max_leaves=8,
)
ops = st.sampled_from([*OPERATIONS, *OPERATIONS, 0, 1, 2, 102, 207, 2**31 - 1, 2**31]) | values
contents = st.fixed_dictionaries(
    {}, optional={name: values for fields in FIELDS.values() for name in fields}
)
bodies = values | contents | contents.map(json.dumps) | values.map(json.dumps) | strings
packets = st.fixed_dictionaries({}, optional={"op": ops, "body": bodies, "seq": values, "x": values})


class AnyInputTests(DecodeCase):
    """Whatever comes is a packet or a `BadPacket`."""

    def assertAnswered(self, payload: bytes, is_binary: bool = False) -> None:
        try:
            packet = self.codec.decode(payload, is_binary)
        except BadPacket as refused:
            self.codec.encode_error(refused.op, refused.seq, refused).decode()
        else:
            self.assertIs(type(packet.body), OPERATIONS[packet.op].request)
            self.assertTrue(0 <= packet.seq < 2**53)

    @given(st.binary(), st.booleans())
    @example(b"", False)
    def test_any_bytes(self, payload: bytes, is_binary: bool) -> None:
        self.assertAnswered(payload, is_binary)

    @given(values | packets, st.booleans())
    def test_any_json_value(self, value: Any, ascii_only: bool) -> None:
        text = json.dumps(value, ensure_ascii=ascii_only)
        self.assertAnswered(text.encode("utf-8", "surrogatepass"))

    @given(st.sampled_from(list(OPERATIONS)), values | contents, st.sampled_from(FORMS))
    def test_any_body_of_a_known_operation(self, op: int, body: Any, write: Any) -> None:
        self.assertAnswered(write(op, body, 5))

    @given(packets.map(json.dumps), st.data())
    def test_any_packet_cut_short_or_with_a_byte_changed(self, text: str, data: st.DataObject) -> None:
        payload = bytearray(text.encode())
        at = data.draw(st.integers(0, len(payload) - 1))
        payload[at : at + 1] = data.draw(st.binary(max_size=2))
        self.assertAnswered(bytes(payload))
        self.assertAnswered(bytes(payload[:at]))


class PacketTests(DecodeCase):
    """op, body and seq."""

    def test_the_packet_of_the_protocol_reads_as_documented(self) -> None:
        packet = self.decode(
            r'{"op": 201, "body": "{\"content\":\"hi\",\"type\":2,\"target_id\":\"1002\"}", "seq": 7}'
        )
        self.assertEqual((packet.op, packet.seq, packet.body.content), (201, 7, "hi"))
        self.assertEqual((packet.body.type, packet.body.target_id), (2, "1002"))

    def test_a_missing_seq_is_0(self) -> None:
        self.assertEqual(self.decode('{"op":105}'), Packet(105, 0, HeartbeatRequest()))

    def test_a_missing_body_null_and_an_empty_string_mean_an_empty_object(self) -> None:
        for body in ({}, *({"body": text} for text in ("null", '""', "{}", '"{}"', '" {} "'))):
            self.assertEqual(self.decode(raw(op=105, **body)), Packet(105, 0, HeartbeatRequest()))
            self.assertRefused(raw(op=303, **body), 304, 0, "id")

    def test_white_space_and_order_of_fields_do_not_matter(self) -> None:
        packet = self.decode('\r\n{ "seq" :\t3 , "body" : "{ \\n \\"id\\" : \\"r\\" }" , "op" : 301 } \n')
        self.assertEqual(packet, Packet(301, 3, JoinRequest("r")))

    def test_a_body_that_is_no_object_is_refused_by_name(self) -> None:
        bodies = r"""5 true [] ["id"] "5" "[]" "null" "\n" "x" "\"{}\"" "{" """
        for body in bodies.split():
            self.assertRefused(raw(op=105, seq=4, body=body), 106, 4, "body")

    def test_what_is_no_object_is_no_packet(self) -> None:
        for payload in ("", " ", "hello", "{", "null", "5", '"{}"', "[]", '[{"op":105}]', '{"op":105}x'):
            self.assertRefused(payload, 0, 0)

    def test_a_missing_op_is_named_and_the_seq_is_echoed(self) -> None:
        self.assertRefused('{"seq":7,"body":{}}', 0, 7, "op")

    def test_an_op_of_the_wrong_type_or_out_of_range_is_named_and_the_seq_is_echoed(self) -> None:
        for op in (*NO_INTEGERS, "0", "-1", "2147483648"):
            self.assertRefused(raw(op=op, seq=7), 0, 7, "op")

    def test_an_unknown_odd_op_is_refused_in_the_reply_after_it(self) -> None:
        for op in (1, 207, 9001, 2**31 - 3):
            self.assertRefused(raw(op=op, seq=7), op + 1, 7, "op")

    def test_an_unknown_even_op_is_refused_with_op_0(self) -> None:
        for op in (2, 102, 202, 2**31 - 2):
            self.assertRefused(raw(op=op, seq=7), 0, 7, "op")

    def test_the_greatest_seq_is_echoed(self) -> None:
        self.assertEqual(self.decode('{"op":105,"seq":9007199254740991}').seq, 2**53 - 1)
        self.assertRefused('{"op":303,"seq":9007199254740991}', 304, 2**53 - 1)

    def test_a_seq_of_the_wrong_type_or_out_of_range_is_named_and_not_echoed(self) -> None:
        for seq in (*NO_INTEGERS, "-1", "9007199254740992"):
            self.assertRefused(raw(op=105, seq=seq), 0, 0, "seq")

    def test_unknown_fields_of_a_packet_are_ignored(self) -> None:
        packet = self.decode('{"x":[{}],"op":105,"Seq":"x","":null,"data":{"op":1},"seq":2}')
        self.assertEqual(packet, Packet(105, 2, HeartbeatRequest()))

    def test_a_packet_in_a_binary_message_is_refused_with_its_seq(self) -> None:
        refused = self.assertRaises(BadPacket, self.codec.decode, b'{"op":105,"seq":7}', True)
        self.assertEqual((refused.code, refused.op, refused.seq), (400, 0, 7))
        refused = self.assertRaises(BadPacket, self.codec.decode, b"\x08\x69\xff", True)
        self.assertEqual((refused.op, refused.seq), (0, 0))

    def test_every_example_is_a_packet(
        self,
    ) -> None:  # so that what is refused above is refused for its fault
        for op, body in EXAMPLES.items():
            for write in FORMS:
                self.assertEqual(self.decode(write(op, body)).op, op)
