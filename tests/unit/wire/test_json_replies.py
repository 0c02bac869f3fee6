"""The JSON codec: replies, refusals and pushes as clients read them."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from twisted.trial.unittest import SynchronousTestCase

from gim import errors
from gim.model import (
    NOTHING,
    History,
    Joined,
    LoggedIn,
    Member,
    MemberPage,
    Message,
    Push,
    Sent,
    ServerTime,
    SessionHead,
    SessionItem,
    SessionPage,
    Unread,
    Until,
    User,
)
from gim.wire.json import JsonCodec
from gim.wire.packets import BadPacket

everything = st.text(st.characters(exclude_categories=["Cs"]))

ID = "0123456789abcdef0123456789abcdef"
MESSAGE = Message(ID, "2:1001:1002", User("1001", "Ann"), "text", "hi", 3, 1, 1_800_000_000_000)
MESSAGE_TEXT = (
    f'{{"id":"{ID}","session_id":"2:1001:1002","sender":{{"id":"1001","name":"Ann"}},"category":"text",'
    '"content":"hi","sequence":3,"status":1,"created_at":1800000000000}'
)
LINE = SessionItem("2:1001:1002", 2, "Bob", MESSAGE, 5)
ROOM_LINE = SessionItem("1:9999", 1, "chatroom:9999", None, 0)

REPLIES: list[tuple[int, Struct, str]] = [  # the reply's op, its data, and what is to be read of it
    (
        102,
        LoggedIn(User("1001", "Ann"), "token", 1_800_000_000_000, "epoch", 7, True),
        '{"user":{"id":"1001","name":"Ann"},"token":"token","server_time":1800000000000,'
        '"epoch":"epoch","missed":7,"recovered":true}',
    ),
    (104, NOTHING, "{}"),
    (106, ServerTime(1_800_000_000_000), '{"server_time":1800000000000}'),
    (
        202,
        Sent(ID, "1:9999", 0, 1_800_000_000_000),
        f'{{"id":"{ID}","session_id":"1:9999","sequence":0,"created_at":1800000000000}}',
    ),
    (204, History([MESSAGE], True), f'{{"items":[{MESSAGE_TEXT}],"has_more":true}}'),
    (204, History([], False), '{"items":[],"has_more":false}'),
    (
        206,
        SessionPage([LINE, ROOM_LINE], "next"),
        f'{{"items":[{{"id":"2:1001:1002","type":2,"title":"Bob","last":{MESSAGE_TEXT},"unread":5}},'
        '{"id":"1:9999","type":1,"title":"chatroom:9999","last":null,"unread":0}],"cursor":"next"}',
    ),
    (210, Unread(4), '{"unread":4}'),
    (212, NOTHING, "{}"),
    (302, Joined("1:9999", 12), '{"session_id":"1:9999","total":12}'),
    (
        306,
        MemberPage([Member("1001", "Ann", False, "owner")], 1, ""),
        '{"items":[{"id":"1001","name":"Ann","online":false,"role":"owner"}],"total":1,"cursor":""}',
    ),
    (308, NOTHING, "{}"),
    (310, NOTHING, "{}"),
    (312, NOTHING, "{}"),
    (314, Until(1_800_000_000_000), '{"until":1800000000000}'),
    (316, NOTHING, "{}"),
]

ERRORS = [
    (400, errors.BadRequest("why")),
    (400, BadPacket(0, 0, "why")),
    (401, errors.Unauthorized("why")),
    (403, errors.Forbidden("why")),
    (404, errors.NotFound("why")),
    (405, errors.MethodNotAllowed("GET")),
    (409, errors.Conflict("why")),
    (413, errors.PayloadTooLarge("why")),
    (500, errors.InternalError("trace")),
    (503, errors.Unavailable("why")),
]


class OutgoingTests(SynchronousTestCase):
    """A packet whose body is always a string that holds JSON."""

    def setUp(self) -> None:
        self.codec = JsonCodec()

    def read(self, payload: bytes) -> tuple[int, str, int]:
        """Return op, body and seq of a packet that holds just these, in this order."""
        fields = json.loads(payload.decode(), object_pairs_hook=list)
        self.assertEqual([name for name, _ in fields], ["op", "body", "seq"])
        op, body, seq = (value for _, value in fields)
        self.assertIsInstance(body, str)
        return op, body, seq

    def test_a_reply_holds_exactly_the_documented_fields_in_their_order(self) -> None:
        for op, data, text in REPLIES:
            packet = self.read(self.codec.encode_reply(op, 7, data))
            self.assertEqual(packet, (op, f'{{"code":0,"msg":"","data":{text}}}', 7))

    def test_an_error_holds_its_code_and_a_sentence_and_no_data(self) -> None:
        for code, error in ERRORS:
            op, body, seq = self.read(self.codec.encode_error(202, 7, error))
            self.assertEqual((op, seq), (202, 7))
            self.assertEqual(
                body, json.dumps({"code": code, "msg": str(error), "data": None}, separators=(",", ":"))
            )

    def test_the_fault_of_the_server_bears_the_trace_id(self) -> None:
        _, body, _ = self.read(self.codec.encode_error(202, 7, errors.InternalError("0123abcd")))
        self.assertIn("0123abcd", json.loads(body)["msg"])

    def test_a_push_holds_exactly_the_documented_fields_in_their_order(self) -> None:
        push = Push(SessionHead("1:9999", 1, "chatroom:9999"), [MESSAGE, MESSAGE], 4)
        head = '"session":{"id":"1:9999","type":1,"title":"chatroom:9999"}'
        body = f'{{{head},"items":[{MESSAGE_TEXT},{MESSAGE_TEXT}],"skipped":4}}'
        self.assertEqual(self.read(self.codec.encode_push(push)), (207, body, 0))

    def test_a_frame_kept_with_a_push_is_not_part_of_it(self) -> None:
        push = Push(SessionHead("1:9999", 1, "chatroom:9999"), [])
        before = self.codec.encode_push(push)
        push.__dict__["gim.json"] = before
        self.assertEqual(self.codec.encode_push(push), before)

    def test_the_greatest_seq_comes_back_exactly(self) -> None:
        self.assertEqual(self.read(self.codec.encode_reply(106, 2**53 - 1, NOTHING))[2], 2**53 - 1)

    @given(everything, everything)
    def test_any_characters_come_back_exactly(self, content: str, name: str) -> None:
        message = Message(ID, "1:r", User("u", name), "text", content, 0, 1, 0)
        for payload in (
            self.codec.encode_push(Push(SessionHead("1:r", 1, name), [message])),
            self.codec.encode_reply(204, 0, History([message], False)),
        ):
            body = json.loads(self.read(payload)[1])
            (found,) = body["items"] if "items" in body else body["data"]["items"]
            self.assertEqual((found["content"], found["sender"]["name"]), (content, name))

    @given(everything)
    def test_any_characters_of_an_error_come_back_exactly(self, text: str) -> None:
        body: Any = json.loads(self.read(self.codec.encode_error(0, 0, errors.NotFound(text)))[1])
        self.assertEqual(body["msg"], text)

    def test_codec_says_that_it_is_text(self) -> None:
        self.assertEqual((self.codec.name, self.codec.is_binary), ("gim.json", False))
