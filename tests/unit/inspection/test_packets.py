"""Packets as a trace shows them: equal in both codecs, and without what has to be hidden."""

from __future__ import annotations

import json

from msgspec import Struct
from twisted.trial.unittest import SynchronousTestCase

from gim import model
from gim.errors import NotFound
from gim.inspection.hiding import MAX_CHARACTERS, MAX_ITEMS, shown
from gim.inspection.packets import incoming, outgoing
from gim.model import Event, Message, Push, SessionHead, User
from gim.wire.json import JsonCodec
from gim.wire.packets import reply_op
from gim.wire.proto import ProtoCodec
from gim.wire.requests import OPERATIONS, Op

ID = "0" * 32
MESSAGE = Message(ID, "2:ann:bob", User("ann", "SECRET"), "text", "SECRET", 3, 1, 1_800_000_000_000)
MEMBER = model.Member("ann", "SECRET", False, "owner")
REPLIES: dict[type[Struct], Struct] = {
    model.LoggedIn: model.LoggedIn(User("ann", "SECRET"), "TOKEN", 7, "e", 0, False),
    model.Nothing: model.NOTHING,
    model.ServerTime: model.ServerTime(7),
    model.Sent: model.Sent(ID, "2:ann:bob", 0, 7),
    model.History: model.History([MESSAGE, MESSAGE], False),
    model.SessionPage: model.SessionPage(
        [
            model.SessionItem("1:den", 1, "SECRET", None, 0),
            model.SessionItem("2:ann:bob", 2, "SECRET", MESSAGE, 5),
        ],
        "",
    ),
    model.Unread: model.Unread(0),
    model.Joined: model.Joined("1:den", 2),
    model.MemberPage: model.MemberPage([MEMBER], 1, ""),
    model.Until: model.Until(0),
}
PUSHES = (
    Push(SessionHead("2:ann:bob", 2, "SECRET"), [MESSAGE]),
    Event("renamed", "ann", "1:den", name="SECRET"),
    Event("read", "ann", "1:den", message_id=ID, unread=0),
    Event("broadcast", ".", content="SECRET", category="text", created_at=7),
)


class OutgoingTests(SynchronousTestCase):
    def test_replies_are_read_alike_in_both_codecs(self) -> None:
        for op, operation in OPERATIONS.items():
            data = REPLIES[operation.reply]
            reply = reply_op(op)
            text, binary = (
                outgoing(codec.is_binary, codec.encode_reply(reply, 5, data))
                for codec in (JsonCodec(), ProtoCodec())
            )
            self.assertEqual(text, binary)
            self.assertEqual((text.op, text.seq, text.code, text.name), (reply, 5, 0, operation.name))

    def test_pushes_and_events_are_read_alike_in_both_codecs(self) -> None:
        for push in PUSHES:
            text, binary = (
                outgoing(codec.is_binary, codec.encode_push(push))
                for codec in (JsonCodec(), ProtoCodec())
            )
            self.assertEqual(text, binary)
            self.assertEqual(
                (text.code, text.name), (None, "push" if isinstance(push, Push) else "event")
            )

    def test_a_refusal_shows_its_code_and_why(self) -> None:
        for codec in JsonCodec(), ProtoCodec():
            for op, name in ((202, "send"), (0, "")):
                packet = outgoing(codec.is_binary, codec.encode_error(op, 5, NotFound("not here")))
                self.assertEqual((packet.op, packet.name, packet.code), (op, name, 404))
                self.assertEqual(packet.body, {"msg": "not here"})

    def test_what_can_not_be_read_is_an_error(self) -> None:
        for is_binary, payload in (
            (False, b"{"),
            (False, b'{"op":202,"body":"[]","seq":1}'),
            (True, b"\xff"),
        ):
            self.assertEqual(list(outgoing(is_binary, payload).body), ["error"])


class HidingTests(SynchronousTestCase):
    def test_no_content_name_or_token_is_left_in_any_packet(self) -> None:
        json_codec = JsonCodec()
        encoded = [json_codec.encode_push(push) for push in PUSHES]
        encoded += [json_codec.encode_reply(102, 1, data) for data in REPLIES.values()]
        for payload in encoded:
            hidden = json.dumps(shown(outgoing(False, payload).body, False))
            self.assertNotIn("SECRET", hidden)
            self.assertNotIn("TOKEN", json.dumps(shown(outgoing(False, payload).body, True)))

    def test_requests_hide_the_same(self) -> None:
        for op, body in (
            (Op.LOGIN, {"id": "ann", "name": "SECRET", "token": "TOKEN"}),
            (Op.SEND, {"type": 1, "target_id": "den", "content": "SECRET"}),
            (Op.JOIN, {"id": "den", "name": "SECRET"}),
            (Op.RENAME, {"id": "den", "name": "SECRET"}),
        ):
            payload = json.dumps({"op": op, "body": json.dumps(body), "seq": 4}).encode()
            packet = incoming(JsonCodec(), payload, False)
            self.assertEqual((packet.op, packet.seq, packet.code), (op, 4, None))
            hidden = json.dumps(shown(packet.body, False))
            self.assertNotIn("SECRET", hidden)
            self.assertIn("(6 characters)", hidden)
            self.assertNotIn("TOKEN", json.dumps(shown(packet.body, True)))

    def test_an_empty_text_is_empty_and_other_values_stay(self) -> None:
        value = {"content": "", "seq": 5, "is": True, "last": None, "ids": ["a", "b"]}
        self.assertEqual(shown(value, False), value)

    def test_what_is_long_is_cut(self) -> None:
        value = {"content": "x" * (MAX_CHARACTERS + 1), "items": [{"id": "a"}] * (MAX_ITEMS + 2)}
        cut = shown(value, True)
        self.assertEqual(cut["content"], "x" * MAX_CHARACTERS + f"…({MAX_CHARACTERS + 1} characters)")
        self.assertEqual(cut["items"][MAX_ITEMS:], ["…(2 more)"])
