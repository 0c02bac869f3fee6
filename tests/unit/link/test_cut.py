"""A link that ends within a message, as when a process is killed while it sends."""

from __future__ import annotations

from gim.errors import Unavailable
from gim.link.frames import encode, frames_of
from tests.support.channels import MemoryEnd, connect
from tests.unit.link.test_channel import ChannelCase, Note, Sum

PLENTY = 10_000  # bytes


class CutEnd(MemoryEnd):
    """A transport that ends after so many bytes."""

    bytes_left = PLENTY

    def write(self, data: bytes) -> None:
        part = data[: self.bytes_left]
        self.bytes_left -= len(part)
        super().write(part)
        if len(part) < len(data):
            self.abortConnection()


class CutTests(ChannelCase):
    def setUp(self) -> None:
        super().setUp()
        self.added: list[list[int]] = []  # by questions that were read

    async def add_up(self, question: Sum) -> int:
        self.added.append(question.numbers)
        return await super().add_up(question)

    def connect(self, worker_bytes: int = PLENTY, parent_bytes: int = PLENTY) -> None:
        """Have two channels whose sides send so many bytes at most."""
        self.notes.clear()
        self.added.clear()
        self.ends.clear()
        self.worker, self.parent = self.channel(), self.channel()
        self.parent.handle(Note, lambda note: self.notes.append(note.text))
        self.parent.serve(Sum, self.add_up)
        ends = connect(self.worker, self.parent, CutEnd)
        ends[0].bytes_left, ends[1].bytes_left = worker_bytes, parent_bytes

    def test_what_was_sent_before_is_read_and_of_the_rest_nothing(self) -> None:
        texts = ["a" * 300, "b", "c" * 20]
        notes = [Note(text) for text in texts]
        frames = [frames_of([encode(note)]) for note in notes]
        whole = [sum(map(len, frames[:count])) for count in range(len(notes) + 1)]
        for size in range(whole[-1]):
            self.connect(worker_bytes=size)
            for note in notes:
                self.worker.send(note)
                self.turn()
            count = sum(end <= size for end in whole[1:])
            self.assertEqual(self.notes, texts[:count], size)
            self.assertEqual(len(self.ends), 2, size)

    def test_a_question_that_was_cut_is_not_served_and_fails_where_it_was_asked(self) -> None:
        for size in range(len(frames_of([encode(Sum(ask=1, numbers=[2, 3]))]))):
            self.connect(worker_bytes=size)
            answer = self.asked(2, 3)
            self.turn(2)
            self.failureResultOf(answer, Unavailable)
            self.assertEqual(self.added, [], size)

    def test_an_answer_that_was_cut_is_a_failure_though_the_question_was_served(self) -> None:
        self.connect()
        self.assertEqual(self.answered(), 5)
        length = PLENTY - self.parent.transport.bytes_left
        for size in range(length):
            self.connect(parent_bytes=size)
            answer = self.asked(2, 3)
            self.turn(2)
            self.failureResultOf(answer, Unavailable)
            self.assertEqual(self.added, [[2, 3]], size)

    def answered(self) -> int:
        answer = self.asked(2, 3)
        self.turn(2)
        return self.successResultOf(answer)
