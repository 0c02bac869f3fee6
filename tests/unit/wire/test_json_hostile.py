"""The JSON codec: input that is meant to hurt."""

from __future__ import annotations

import json

from gim.wire.requests import LoginRequest
from tests.support.wire.decoding import DecodeCase, raw

DEEP = 100_000


class HostileTests(DecodeCase):
    """Nesting, and text that is none."""

    def test_deep_nesting_is_refused_wherever_it_is(self) -> None:
        array, tree = "[" * DEEP + "]" * DEEP, '{"a":' * DEEP + "1" + "}" * DEEP
        for deep in (array, tree, "[" * DEEP, '{"a":' * DEEP):
            reply = 106 if deep is array else 0  # nothing tells where the others end
            for payload in (raw(op=105, x=deep), raw(op=105, body=deep)):
                self.assertRefused(payload, reply, 0)
            for payload in (deep, raw(op=deep), raw(op=105, seq=deep)):
                self.assertRefused(payload, 0, 0)

    def test_deep_nesting_within_a_body_is_refused_for_fields_known_and_ignored(self) -> None:
        deep = "[" * DEEP + "]" * DEEP
        for field in ("id", "ignored"):
            body = raw(**{field: deep})
            self.assertRefused(raw(op=303, seq=4, body=body), 304, 4)
            self.assertRefused(json.dumps({"op": 303, "seq": 4, "body": body}), 304, 4)

    def test_a_lone_surrogate_is_refused(self) -> None:
        for lone in (r"\ud800", r"\udc00", r"\ud800x", r"\ud800\ud800", r"\udc00\ud800"):
            body = raw(id=f'"{lone}"')
            for written in (body, json.dumps(body), f'"{lone}"'):
                self.refusal(raw(op=303, body=written))

    def test_a_pair_of_surrogates_is_one_character(self) -> None:
        for body in (r'{"id":"\ud83d\ude00"}', r'"{\"id\":\"😀\"}"', r'"{\"id\":\"\\ud83d\\ude00\"}"'):
            self.assertEqual(self.decode(raw(op=303, body=body)).body.id, "😀")

    def test_invalid_utf_8_is_refused(self) -> None:
        for broken in (b"\xff", b"\xc3", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82"):
            for body in (b'{"id":"%s"}' % broken, b'"{\\"id\\":\\"%s\\"}"' % broken):
                self.assertRefused(b'{"op":303,"seq":4,"body":%s}' % body, 304, 4, "body")
            self.refusal(broken)

    def test_a_byte_order_mark_is_refused(self) -> None:
        self.refusal(b'\xef\xbb\xbf{"op":105}')

    def test_what_python_takes_for_numbers_is_refused(self) -> None:
        numbers = "NaN Infinity -Infinity 0x69 1_0 +105 0105 105. .5 e"
        for number in numbers.split():
            self.refusal(raw(op=number))
            self.refusal(raw(op=105, seq=number))

    def test_zero_characters_are_characters(self) -> None:
        packet = self.decode(r'{"op":101,"body":{"id":"a\u0000b","name":"\u0000"}}')
        self.assertEqual(packet.body, LoginRequest("a\0b", "\0"))
