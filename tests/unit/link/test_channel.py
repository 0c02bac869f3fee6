"""Messages, questions and answers between two processes, and how a channel ends."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from gim.concurrency.deadline import ANSWER_TIMEOUT
from gim.errors import (
    Banned,
    Forbidden,
    GimError,
    MethodNotAllowed,
    NotReady,
    TooManyConnections,
    Unavailable,
)
from gim.link import frames
from gim.link.channel import Channel
from gim.link.flushes import Flushes
from gim.link.frames import FrameCutter, encode, frames_of
from gim.link.messages import Ping, Pong, Question, Reply
from tests.support.channels import connect


class Note(Struct, array_like=True, gc=False, tag=10):
    text: str


class Sum(Question, tag=11, kw_only=True):
    numbers: list[int]


class Twice(Question, tag=12, kw_only=True):
    number: int


class Doubled(Reply, tag=13):
    number: int


class ChannelCase(SynchronousTestCase):
    """A worker's channel and the parent's, connected in memory."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.ends: list[str] = []
        self.worker = self.channel()
        self.parent = self.channel()
        self.worker_end, self.parent_end = connect(self.worker, self.parent)
        self.notes: list[str] = []
        self.parent.handle(Note, lambda note: self.notes.append(note.text))

    def channel(self, **limits: Any) -> Channel:
        return Channel((Note, Sum, Twice, Doubled), self.clock, on_end=self.ends.append, **limits)

    def turn(self, count: int = 1) -> None:
        """Let iterations of the reactor pass."""
        self.clock.pump([0] * count)

    async def add_up(self, question: Sum) -> int:
        return sum(question.numbers)

    def asked(self, *numbers: int, **how: Any) -> Deferred[int]:
        return self.worker.ask(Sum(numbers=list(numbers)), int, **how)


class MessageTests(ChannelCase):
    def test_a_message_reaches_its_handler(self) -> None:
        self.worker.send(Note("hello"))
        self.turn()
        self.assertEqual(self.notes, ["hello"])

    def test_messages_of_an_iteration_are_one_write_in_their_order(self) -> None:
        for text in "abc":
            self.worker.send(Note(text))
        self.assertEqual(self.notes, [])
        self.turn()
        self.assertEqual((self.notes, len(self.worker_end.writes)), (["a", "b", "c"], 1))

    def test_a_frame_may_be_made_once_for_several_channels(self) -> None:
        frame, heard = encode(Note("news")), list[str]()
        self.worker.handle(Note, lambda note: heard.append(note.text))
        for channel in (self.worker, self.parent):
            channel.send_encoded(frame)
        self.turn()
        self.assertEqual(heard + self.notes, ["news", "news"])

    def test_frames_may_be_cut_anywhere(self) -> None:
        notes = [encode(Note(text)) for text in ("a" * 300, "", "b")]
        data = frames_of(notes[:1]) + frames_of(notes[1:])
        for size in (1, 2, 3, 5, 150, len(data)):
            self.notes.clear()
            for at in range(0, len(data), size):
                self.parent.dataReceived(data[at : at + size])
            self.assertEqual(self.notes, ["a" * 300, "", "b"], size)

    def test_messages_that_are_too_many_for_a_frame_come_in_several(self) -> None:
        self.patch(frames, "MAX_SHARED", 100)
        texts = [str(number) * 40 for number in range(9)] + ["x" * 200]
        for text in texts:
            self.worker.send(Note(text))
        self.turn()
        self.assertEqual((self.notes, len(self.worker_end.writes)), (texts, 1))
        lengths = list(map(len, FrameCutter().cut(self.worker_end.writes[0])))
        self.assertEqual([length > 105 for length in lengths], [False] * (len(lengths) - 1) + [True])

    def test_a_handler_that_fails_is_logged_and_the_next_message_comes(self) -> None:
        self.worker.handle(Note, lambda note: 1 / 0)
        self.parent.send(Note("one"))
        self.parent.send(Note("two"))
        self.turn()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)
        self.assertEqual(self.ends, [])

    def test_a_ping_is_answered_with_its_number(self) -> None:
        pongs = list[int]()
        self.parent.handle(Pong, lambda pong: pongs.append(pong.number))
        self.parent.send(Ping(7))
        self.turn(2)
        self.assertEqual(pongs, [7])

    def test_channels_of_a_process_are_flushed_by_one_timer(self) -> None:
        flushes = Flushes(self.clock)
        workers = [self.channel(flushes=flushes) for _ in range(3)]
        for worker in workers:
            parent = self.channel()
            parent.handle(Note, lambda note: self.notes.append(note.text))
            connect(worker, parent)
            worker.send(Note("a"))
            worker.send(Note("b"))
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.turn()
        self.assertEqual(self.notes, ["a", "b"] * 3)

    def test_a_channel_that_fails_does_not_keep_the_others(self) -> None:
        flushes = Flushes(self.clock)
        flushes.add(lambda: 1 / 0)
        self.worker = self.channel(flushes=flushes)
        connect(self.worker, self.parent)
        self.worker.send(Note("hello"))
        self.turn()
        self.assertEqual(self.notes, ["hello"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_what_is_sent_before_the_connection_is_made_goes_out_with_it(self) -> None:
        self.worker, self.parent = self.channel(), self.channel()
        self.parent.handle(Note, lambda note: self.notes.append(note.text))
        self.worker.send(Note("early"))
        self.turn()
        connect(self.parent, self.worker)
        self.assertEqual(self.notes, ["early"])


class QuestionTests(ChannelCase):
    def setUp(self) -> None:
        super().setUp()
        self.parent.serve(Sum, self.add_up)

    def test_a_question_gets_its_answer(self) -> None:
        answers = [self.asked(1, 2), self.asked(3, 4)]
        self.turn(2)
        self.assertEqual([self.successResultOf(answer) for answer in answers], [3, 7])
        self.assertEqual(len(self.parent_end.writes), 1)

    def test_an_answer_may_have_a_type_of_its_own(self) -> None:
        async def double(question: Twice) -> int:
            return 2 * question.number

        self.parent.serve(Twice, double, Doubled)
        answer = self.worker.ask(Twice(number=4), Doubled)
        self.turn(2)
        self.assertEqual(self.successResultOf(answer).number, 8)

    def test_a_handler_may_wait(self) -> None:
        waits: Deferred[int] = Deferred()

        async def wait(question: Sum) -> int:
            return await waits + sum(question.numbers)

        self.parent.serve(Sum, wait)
        answer = self.asked(1, 2)
        self.turn(2)
        self.assertNoResult(answer)
        waits.callback(10)
        self.turn()
        self.assertEqual(self.successResultOf(answer), 13)

    def record_events(self) -> None:
        self.events: list[dict[str, Any]] = []
        keep: Any = self.events.append
        globalLogPublisher.addObserver(keep)
        self.addCleanup(globalLogPublisher.removeObserver, keep)

    def refusal_of(self, error: Exception, wait: bool = False) -> GimError:
        waits: Deferred[None] = Deferred()

        async def refuse(question: Sum) -> int:
            if wait:
                await waits
            raise error

        self.parent.serve(Sum, refuse)
        answer = self.asked(1)
        self.turn()
        waits.callback(None)
        self.turn()
        refusal = self.failureResultOf(answer).value
        assert isinstance(refusal, GimError)
        return refusal

    def test_a_refusal_comes_with_its_class_text_and_attributes(self) -> None:
        refusals = (
            Forbidden("you are muted"),
            Banned(90_000),
            TooManyConnections("too many connections"),
            NotReady("overloaded", "try later"),
            MethodNotAllowed("GET, PUT"),
        )
        for error in refusals:
            for wait in (False, True):
                found = self.refusal_of(error, wait)
                self.assertEqual(
                    (type(found), str(found), vars(found)), (type(error), str(error), vars(error))
                )

    def test_another_exception_is_logged_there_with_the_trace_id_that_the_refusal_tells(self) -> None:
        self.record_events()
        for wait in (False, True):
            refusal = self.refusal_of(ZeroDivisionError("oops"), wait)
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
            self.assertIs(type(refusal), Unavailable)
            trace = str(refusal).removeprefix("a fault of the server: tell its operator the trace id ")
            self.assertIn(trace, {event.get("trace") for event in self.events})

    def test_a_result_that_is_no_message_is_a_fault(self) -> None:
        async def answer_nonsense(question: Sum) -> object:
            return object()

        self.parent.serve(Sum, answer_nonsense)
        answer = self.asked(1)
        self.turn(2)
        self.failureResultOf(answer, Unavailable)
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)

    def test_a_result_of_another_type_is_a_fault(self) -> None:
        answer = self.worker.ask(Sum(numbers=[1]), str)
        self.turn(2)
        self.failureResultOf(answer)
        self.assertEqual(self.ends, [])

    def test_too_many_questions_are_refused_at_once(self) -> None:
        self.worker = self.channel(max_waiting=2)
        connect(self.worker, self.parent)
        answers = [self.asked(n) for n in range(3)]
        self.failureResultOf(answers[2], Unavailable)
        self.turn(2)
        self.assertEqual([self.successResultOf(answer) for answer in answers[:2]], [0, 1])
        self.assertNoResult(self.asked(4))

    def test_a_question_that_was_cancelled_is_forgotten(self) -> None:
        answer = self.asked(1)
        answer.addErrback(lambda _: "cancelled")
        answer.cancel()
        self.turn(2)
        self.assertEqual(self.successResultOf(answer), "cancelled")
        self.assertEqual(self.flushLoggedErrors(), [])


class TimeoutTests(ChannelCase):
    def setUp(self) -> None:
        super().setUp()
        self.parent_end.is_stuck = True
        self.parent.serve(Sum, self.add_up)

    def test_a_question_without_an_answer_fails(self) -> None:
        first = self.asked(1)
        self.clock.advance(1)
        second = self.asked(2)
        self.clock.advance(ANSWER_TIMEOUT - 1.01)
        self.assertNoResult(first)
        self.clock.advance(0.01)
        self.failureResultOf(first, Unavailable)
        self.assertNoResult(second)
        self.clock.advance(1)
        self.failureResultOf(second, Unavailable)

    def test_all_questions_share_one_timer_that_ends_with_them(self) -> None:
        self.parent_end.is_stuck = False
        answers = [self.asked(n) for n in range(5)]
        self.turn(2)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.clock.advance(ANSWER_TIMEOUT)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual([self.successResultOf(answer) for answer in answers], [0, 1, 2, 3, 4])

    def test_an_answer_that_was_read_after_a_pause_counts(self) -> None:
        answer = self.asked(1)
        self.turn(2)
        self.clock.callLater(ANSWER_TIMEOUT, self.parent_end.unstick)  # behind the timer
        self.clock.advance(ANSWER_TIMEOUT)
        self.assertEqual(self.successResultOf(answer), 1)

    def test_an_answer_that_comes_too_late_is_dropped(self) -> None:
        answer = self.asked(1)
        self.clock.pump([ANSWER_TIMEOUT, 0])
        self.failureResultOf(answer, Unavailable)
        self.parent_end.unstick()
        self.assertEqual(self.ends, [])

    def test_a_question_may_wait_longer(self) -> None:
        patient = self.asked(1, seconds=10)
        self.clock.pump([0, 9.9])
        self.assertNoResult(patient)
        self.clock.advance(0.1)
        self.failureResultOf(patient, Unavailable)

    def test_an_answer_in_time_ends_the_timer_of_a_patient_question(self) -> None:
        patient = self.asked(1, seconds=10)
        self.turn(2)
        self.parent_end.unstick()
        self.assertEqual(self.successResultOf(patient), 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class EndTests(ChannelCase):
    def test_questions_that_wait_fail_with_the_channel(self) -> None:
        answers = [self.asked(1), self.asked(2, seconds=10)]
        self.parent_end.abortConnection()
        for answer in answers:
            self.failureResultOf(answer, Unavailable)
        self.failureResultOf(self.asked(3), Unavailable)
        self.worker.send(Note("to none"))
        self.turn()
        self.assertEqual((len(self.ends), self.notes), (2, []))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_channel_that_is_closed_sends_what_was_sent(self) -> None:
        self.worker_end.is_stuck = True
        self.worker.send(Note("stuck"))
        self.turn()
        self.worker.send(Note("held"))
        self.turn()
        self.worker_end.is_stuck = False
        self.worker_end.unstick()
        self.worker.send(Note("last"))
        self.worker.close()
        self.assertEqual(self.notes, ["stuck", "held", "last"])
        self.assertEqual((self.ends[0], len(self.ends)), ("closed", 2))

    def test_bytes_that_are_not_a_message_end_the_channel(self) -> None:
        nonsense = (
            b"\0\0\0\0",
            b"\0\0\0\1\xc1",
            frames_of([b"\x91\x63"]),  # a tag that no message has
            frames_of([encode(Sum(numbers=[1])).replace(b"\x01", b"\xc3")]),  # true in place of a number
            frames_of([b"\x92\x0a\xa1\xff"]),  # text that is not UTF-8
            b"\4\0\1\0",  # longer than any frame
        )
        for data in nonsense:
            self.setUp()
            self.parent.dataReceived(frames_of([encode(Note("good"))]) + data)
            self.assertEqual((self.notes, len(self.ends)), (["good"], 2), data)
            self.assertIn("can't be read", self.ends[0])

    def test_a_message_that_is_too_long_is_not_sent(self) -> None:
        self.patch(frames, "MAX_MESSAGE", 100)
        self.assertRaises(frames.BadFrame, self.worker.send, Note("x" * 200))

    def test_an_answer_that_is_too_long_is_a_fault(self) -> None:
        async def answer_all(question: Sum) -> list[int]:
            return list(range(100))

        self.parent.serve(Sum, answer_all)
        self.patch(frames, "MAX_MESSAGE", 100)
        answer = self.asked(1)
        self.turn(2)
        self.failureResultOf(answer, Unavailable)
        self.assertEqual(len(self.flushLoggedErrors(frames.BadFrame)), 1)


class BackpressureTests(ChannelCase):
    def setUp(self) -> None:
        super().setUp()
        self.worker = self.channel(max_queued=1000)
        self.worker_end, _ = connect(self.worker, self.parent)
        self.worker_end.is_stuck = True

    def send(self, *texts: str) -> None:
        for text in texts:
            self.worker.send(Note(text))
            self.turn()

    def test_what_waits_is_counted_and_goes_out_in_order(self) -> None:
        self.send("a" * 90, "b" * 90, "c" * 90)
        self.assertEqual(self.worker.queued, 3 * len(frames_of([encode(Note("a" * 90))])))
        self.assertEqual(len(self.worker_end.stuck), 1)
        self.worker_end.unstick()
        self.assertEqual([text[0] for text in self.notes], ["a", "b", "c"])
        self.assertEqual(self.worker.queued, 0)
        self.send("d")
        self.assertEqual(self.notes[3:], ["d"])

    def test_the_transport_may_be_full_again(self) -> None:
        self.send("a", "b")
        self.worker.resumeProducing()  # it is stuck still
        self.send("c")
        self.worker_end.unstick()
        self.assertEqual(self.notes, ["a", "b", "c"])

    def test_more_than_the_limit_ends_the_channel(self) -> None:
        self.send("a" * 500, "b" * 400)
        self.assertEqual(self.ends, [])
        answer = self.asked(1)
        self.send("c" * 100)
        self.failureResultOf(answer, Unavailable)
        self.assertRegex(self.ends[0], "^10[0-9]{2} bytes wait to be read by the other side$")
        self.assertFalse(self.worker_end.is_open)
