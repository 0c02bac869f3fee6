"""Packets of a benchmark, against the codec of the server."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gim.benchmark.frames import TEXT, frame
from gim.benchmark.packets import (
    FIRST_NUMBER,
    MIN_SIZE,
    PERSON,
    PUSH,
    SEND_REPLY,
    Template,
    number_of_reply,
    numbers_in,
    push_in,
    refusal_in,
)
from gim.errors import TooManyRequests
from gim.model import Message, Push, Sent, SessionHead, User
from gim.wire.json import JsonCodec


class TemplateTests(SynchronousTestCase):
    def test_the_server_reads_what_it_makes(self) -> None:
        for size in (MIN_SIZE, MIN_SIZE + 1, 64, 4096):
            made = Template(PERSON, 'bench-"é-1', size).frame(FIRST_NUMBER + 7, 12.5)
            begin = made.index(b"{")
            text = made[begin:]
            self.assertEqual(made, frame(TEXT, text))
            packet = JsonCodec().decode(text, is_binary=False)
            self.assertEqual((packet.op, packet.seq), (201, FIRST_NUMBER + 7))
            self.assertEqual((packet.body.type, packet.body.target_id), (PERSON, 'bench-"é-1'))
            self.assertEqual(len(packet.body.content), size)
            self.assertTrue(packet.body.content.startswith("no=1000000007 at=0000000012500000"))


class ReplyTests(SynchronousTestCase):
    def test_a_reply_names_its_message_by_its_seq(self) -> None:
        reply = JsonCodec().encode_reply(202, FIRST_NUMBER, Sent("0" * 32, "2:a:b", 9, 1_800_000_000_000))
        self.assertTrue(reply.startswith(SEND_REPLY))
        self.assertEqual(number_of_reply(reply), FIRST_NUMBER)
        self.assertIsNone(refusal_in(reply))

    def test_an_error_has_its_code_and_sentence(self) -> None:
        error = JsonCodec().encode_error(202, FIRST_NUMBER, TooManyRequests('too "many"'))
        self.assertEqual(number_of_reply(error), FIRST_NUMBER)
        refusal = refusal_in(error)
        assert refusal is not None
        self.assertEqual((refusal.code, refusal.msg), (429, 'too "many": wait a second'))


class PushTests(SynchronousTestCase):
    def push(self, *contents: str, skipped: int = 0) -> bytes:
        user = User("bench-1", "bench-1")
        items = [
            Message(f"{number:032x}", "1:bench", user, "text", content, 0, 1, 1_800_000_000_000)
            for number, content in enumerate(contents)
        ]
        return JsonCodec().encode_push(Push(SessionHead("1:bench", 1, "chatroom:bench"), items, skipped))

    def test_all_messages_of_a_push_are_found(self) -> None:
        payload = self.push(
            "no=1000000001 at=0000000000000500", "no=1000000002 at=0000000001000000 ...", skipped=12
        )
        self.assertTrue(payload.startswith(PUSH))
        self.assertEqual(numbers_in(payload), [FIRST_NUMBER + 1, FIRST_NUMBER + 2])
        self.assertEqual(push_in(payload), ([(FIRST_NUMBER + 1, 0.0005), (FIRST_NUMBER + 2, 1.0)], 12))

    def test_a_push_without_messages_has_what_was_skipped(self) -> None:
        self.assertEqual(push_in(self.push(skipped=3)), ([], 3))
