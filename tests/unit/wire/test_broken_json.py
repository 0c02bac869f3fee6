"""Broken JSON: the reply still has the op and seq of the packet, and says what is wrong and where."""

from __future__ import annotations

import json
from time import process_time

from hypothesis import given
from hypothesis import strategies as st

from gim.wire.broken_json import explain_broken, fields_of
from gim.wire.packets import BadPacket
from tests.support.wire.decoding import DecodeCase, raw

DEPTH = 50_000  # more than any version of Python reads: 3.13 reads some 10,000
# Fragments of a value that break the JSON around them, each with what is said of it.
BROKEN = {
    r'"\ud83d"': r"half of a surrogate pair, \ud83d",
    r'"\ud83d\u0041"': r"half of a surrogate pair, \ud83d",
    r'"\uD83D\ud83d\ude00"': r"half of a surrogate pair, \uD83D",
    r'"\\\ud83d\ude00\udc00"': r"half of a surrogate pair, \udc00",
    r'"\q"': "invalid escape",
    '"\x01"': "invalid character",
    "NaN": "invalid character",
    "-Infinity": "invalid character",
    "tru": "invalid character",
    "01": "invalid number",
    "[" * DEPTH + "]" * DEPTH: "nested too deeply",
    '{"a":' * 2000 + "[" * DEPTH + "]" * DEPTH + "}" * 2000: "nested too deeply",
    "[1,]": "trailing comma in array",
}


class BrokenPacketTests(DecodeCase):
    def refusal_of(self, text: str) -> BadPacket:
        return self.assertRaises(BadPacket, self.codec.decode, text.encode(), False)

    def assertRefusedWith(self, text: str, op: int, seq: int, *words: str) -> None:
        refused = self.refusal_of(text)
        self.assertEqual((refused.op, refused.seq), (op, seq), text[:80])
        for word in words:
            self.assertIn(word, str(refused))

    def test_in_an_object_body_it_keeps_op_and_seq_and_is_explained(self) -> None:
        for value, reason in BROKEN.items():
            body = raw(x=value, type=2, target_id='"b"', content='"hi"')
            for text in (raw(op=201, seq=77, body=body), raw(body=body, seq=" 77 ", op=" 201")):
                self.assertRefusedWith(text, 202, 77, "body: ", reason)

    def test_in_a_known_field_of_a_body_it_is_explained(self) -> None:
        text = r'{"op":201,"seq":77,"body":{"type":2,"target_id":"b","content":"\ud83d"}}'
        self.assertRefusedWith(text, 202, 77, r"body: not valid JSON: half of a surrogate pair, \ud83d")

    def test_in_a_string_body_it_is_explained_in_the_same_words(self) -> None:
        for value, reason in BROKEN.items():
            body = json.dumps(raw(x=value, type=2, target_id='"b"', content='"hi"'))
            self.assertRefusedWith(raw(op=201, seq=77, body=body), 202, 77, "body: ", reason)

    def test_a_number_that_is_too_large_is_explained(self) -> None:
        text = '{"op":201,"seq":77,"body":{"type":1e999,"target_id":"b","content":"hi"}}'
        self.assertRefusedWith(text, 202, 77, "type: number out of range")
        self.assertRefusedWith('{"op":201,"seq":77,"body":1e999}', 202, 77, "body: number out of range")

    def test_in_an_unknown_field_it_keeps_op_and_seq_and_is_explained(self) -> None:
        for value, reason in BROKEN.items():
            text = raw(op=303, x=raw(y=f"[{value}]"), body='{"id":"r"}', seq=77)
            self.assertRefusedWith(text, 304, 77, reason)

    def test_the_byte_is_counted_from_the_start_of_the_body(self) -> None:
        self.assertRefusedWith('{"op":105,"body":{"é":NaN}}', 106, 0, "near byte 6")
        self.assertRefusedWith('{"op":105,"body":"{\\"é\\":NaN}"}', 106, 0, "near byte 6")

    def test_outside_of_a_body_the_byte_is_counted_from_the_start_of_the_packet(self) -> None:
        self.assertRefusedWith('{"op":105,"x":NaN}', 106, 0, "not a packet", "near byte 14")
        self.assertRefusedWith("{'op':105}", 0, 0, "object keys must be strings near byte 1")

    def test_a_packet_that_is_cut_short_keeps_the_seq_that_it_has_but_no_op(self) -> None:
        self.assertRefusedWith('{"op":201,"seq":77,"body":{"type":2', 0, 77, "ends too early, at byte 35")

    def test_text_behind_the_packet_is_named(self) -> None:
        self.assertRefusedWith('{"op":105,"seq":7}x', 0, 7, "trailing characters near byte 19")

    def test_op_and_seq_in_other_places_do_not_count(self) -> None:
        text = '{"op":303,"seq":7,"body":{"op":105,"seq":8,"x":NaN},"x":"\\"seq\\":9}"}'
        self.assertRefusedWith(text, 304, 7)

    def test_the_last_of_several_fields_of_one_name_counts(self) -> None:
        self.assertRefusedWith('{"op":303,"op":105,"seq":7,"s\\u0065q":8,"x":NaN}', 106, 8)

    def test_an_op_or_seq_that_is_not_valid_itself_is_0(self) -> None:
        self.assertRefusedWith('{"op":"105","seq":7,"x":NaN}', 0, 7, "op: ")
        self.assertRefusedWith('{"x":NaN,"op":"105","seq":-7}', 0, 0)
        self.assertRefusedWith('{"op":104,"seq":7,"x":NaN}', 0, 7)


class FieldsTests(DecodeCase):
    values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    )

    @given(st.dictionaries(st.text(), values, max_size=5), st.booleans(), st.sampled_from([None, 1]))
    def test_the_fields_of_valid_json_are_found(
        self, value: dict[str, object], is_ascii: bool, indent: int | None
    ) -> None:
        fields = fields_of(json.dumps(value, ensure_ascii=is_ascii, indent=indent).encode())
        if value:
            self.assertTrue(fields.is_whole)
        self.assertEqual({name: json.loads(text) for name, text in fields.values.items()}, value)

    @given(st.binary())
    def test_any_bytes_have_fields_and_an_explanation(self, text: bytes) -> None:
        fields_of(text)
        self.assertTrue(explain_broken(text, ValueError("Input data was truncated")))

    def test_64_kib_take_no_longer_than_they_must(self) -> None:
        for text in (
            b'{"op":201,"body":' + b'{"a":' * 13000,
            b'{"a":"' + b'\\"' * 32000,
            b'{"a":["' + b'\\"' * 32000,
            b'{"a":[' + b'"\\u0041' * 9000,
            b"{" + b'"a":1,' * 10000,
            b'{"a":' + b'[""]' * 16000,
            b'{"a":' + b" " * 64000,
            b" " * 64000,
            b'{"a":"' + b"\\ud83d\\ude00" * 5000,
        ):
            began = process_time()
            fields_of(text)
            explain_broken(text, ValueError("Input data was truncated"))
            self.assertLess(process_time() - began, 0.2, text[:20])
