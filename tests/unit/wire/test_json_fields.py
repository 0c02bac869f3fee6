"""The JSON codec, field by field of every request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET
from twisted.trial.unittest import SynchronousTestCase

from gim.wire.fields import none_if_unset
from gim.wire.json import JsonCodec
from gim.wire.packets import BadPacket, Packet
from gim.wire.requests import OPERATIONS
from tests.support.wire.request_table import (
    EXAMPLES,
    FIELDS,
    FORMS,
    LEFT_OUT,
    REQUIRED,
    Field,
    bodies,
    with_object,
)


def every_field() -> Iterator[tuple[int, str, Field]]:
    return ((op, name, field) for op, fields in FIELDS.items() for name, field in fields.items())


def fields_of(body: msgspec.Struct) -> dict[str, Any]:
    """Return the fields of a struct without those that were left out and have no default."""
    fields = msgspec.structs.asdict(body)
    return {name: value for name, value in fields.items() if value is not UNSET}


class FieldTests(SynchronousTestCase):
    """Each rule, for every field that it is for."""

    def setUp(self) -> None:
        self.codec = JsonCodec()

    def decode(self, payload: bytes) -> Packet:
        return self.codec.decode(payload, False)

    def assertRefused(self, op: int, field: str, body: dict[str, Any]) -> None:
        for write in FORMS:
            refused = self.assertRaises(BadPacket, self.decode, write(op, body, 9))
            label = f"{op} {body} {refused}"
            self.assertEqual((refused.op, refused.seq, refused.code), (op + 1, 9, 400), label)
            self.assertEqual(str(refused).partition(": ")[0], field, label)

    def test_the_table_is_whole(self) -> None:
        structs = {op: list(each.request.__struct_fields__) for op, each in OPERATIONS.items()}
        self.assertEqual({op: list(fields) for op, fields in FIELDS.items()}, structs)

    @given(st.data())
    def test_a_body_reads_the_same_as_an_object_and_as_a_string(self, data: st.DataObject) -> None:
        op = data.draw(st.sampled_from(list(FIELDS)))
        seq, body = data.draw(st.integers(0, 2**53 - 1)), data.draw(bodies(op))
        packets = [self.decode(write(op, body, seq)) for write in FORMS]
        self.assertEqual(packets[0], packets[1])
        self.assertEqual((packets[0].op, packets[0].seq), (op, seq))
        self.assertIs(type(packets[0].body), OPERATIONS[op].request)
        defaults = {name: field.default for name, field in FIELDS[op].items()}
        expected = {name: value for name, value in (defaults | body).items() if value is not LEFT_OUT}
        self.assertEqual(fields_of(packets[0].body), expected)

    def test_optional_fields_have_the_documented_defaults(self) -> None:
        for op, body in EXAMPLES.items():
            fields = FIELDS[op].items()
            defaults = {name: f.default for name, f in fields if f.default not in (REQUIRED, LEFT_OUT)}
            self.assertEqual(fields_of(self.decode(with_object(op, body)).body), body | defaults)

    def test_the_outermost_values_are_taken(self) -> None:
        for op, name, field in every_field():
            for value in field.border:
                for write in FORMS:
                    packet = self.decode(write(op, EXAMPLES[op] | {name: value}))
                    self.assertEqual(getattr(packet.body, name), value)

    def test_a_missing_field_is_named(self) -> None:
        for op, name, field in every_field():
            if field.default is REQUIRED:
                body = {other: value for other, value in EXAMPLES[op].items() if other != name}
                self.assertRefused(op, name, body)

    def test_a_field_of_the_wrong_type_is_named(self) -> None:  # null and booleans are wrong types too
        for op, name, field in every_field():
            for value in field.wrong_type:
                self.assertRefused(op, name, EXAMPLES[op] | {name: value})

    def test_a_field_out_of_range_is_named(self) -> None:
        for op, name, field in every_field():
            for value in field.outside:
                self.assertRefused(op, name, EXAMPLES[op] | {name: value})

    def test_a_number_that_no_integer_holds_is_named(self) -> None:
        for op, name, field in every_field():
            if field.border and isinstance(field.border[0], int):
                for digits in ("1e400", "-1e400", "1" * 400, "1" * 5000, "1.0000000001"):
                    payload = with_object(op, EXAMPLES[op] | {name: "@"}).replace(b'"@"', digits.encode())
                    refused = self.assertRaises(BadPacket, self.decode, payload)
                    self.assertEqual((refused.op, str(refused).partition(": ")[0]), (op + 1, name))

    def test_unknown_fields_are_ignored(self) -> None:
        unknown = {"extra": None, "": [1], "ID": 5, "id ": {"id": {}}, "Op": "x", "body": 1.5, "op": 5}
        for op, body in EXAMPLES.items():
            for write in FORMS:
                packet = self.decode(write(op, unknown | body))
                self.assertEqual(packet, self.decode(write(op, body)))

    def test_of_a_field_that_comes_twice_one_is_taken(self) -> None:
        packet = self.decode(b'{"op":303,"body":{"id":"a","id":"b"}}')
        self.assertIn(packet.body.id, ("a", "b"))

    def test_an_optional_field_that_was_left_out_is_given_as_none(self) -> None:
        bare = self.decode(b'{"op":203,"body":{"session_id":"1:r"}}').body
        whole = self.decode(b'{"op":203,"body":{"session_id":"1:r","message_id":""}}').body
        self.assertIsNone(none_if_unset(bare.message_id))
        self.assertEqual(none_if_unset(whole.message_id), "")
