"""One end of the connection between two processes of a server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from operator import or_
from typing import Any, TypeVar

from msgspec import Struct
from msgspec.msgpack import Decoder
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from gim.concurrency.deadline import ANSWER_TIMEOUT
from gim.errors import Unavailable
from gim.link.answering import Answering
from gim.link.flushes import Flushes
from gim.link.frames import FrameCutter, encode, frames_of
from gim.link.messages import Answer, Ping, Pong, Question, Refused, Reply
from gim.link.refusals import error_of
from gim.link.waiting import WaitingQuestions
from gim.log.logger import Logger

MAX_QUEUED = 64 * 2**20  # bytes that the other side has not read
MAX_WAITING = 20_000  # questions without an answer

T = TypeVar("T")
M = TypeVar("M", bound=Struct)


class Channel(Answering, Protocol):
    """Sends and receives messages (`gim.link.messages`), and asks and answers questions.

    Both directions keep the order of messages. What is sent within an iteration of the reactor goes out
    in one write. ``queued`` bytes wait for the other side. More than *max_queued* end the channel, and
    so do bytes that are not a known message. All questions without an answer fail then.
    """

    _log = Logger()
    transport: Any

    def __init__(
        self,
        kinds: Sequence[type[Struct]],
        clock: IReactorTime,
        *,
        on_end: Callable[[str], None],
        max_queued: int = MAX_QUEUED,
        max_waiting: int = MAX_WAITING,
        flushes: Flushes | None = None,
    ) -> None:
        """*kinds* are all messages that may come in. *on_end* is called once, with a reason for people,
        when the channel has ended for any reason. Several channels of a process share their *flushes*."""
        replies = {kind for kind in kinds if issubclass(kind, Reply)}
        known = reduce(or_, (*kinds, Ping, Pong, Answer, Refused))
        self._decode = Decoder(list[known]).decode  # type: ignore[valid-type]
        self._handlers: dict[type[Struct], Callable[[Any], object]] = {
            Ping: self._on_ping,
            Answer: self._on_answer,
            Refused: self._on_refused,
            **dict.fromkeys(replies, self._on_reply),
        }
        self._decoders: dict[Any, Decoder[Any] | None] = dict.fromkeys(replies)  # by type of the result
        self._flush_later = (flushes or Flushes(clock)).add
        self._on_end = on_end
        self._max_queued = max_queued
        self._max_waiting = max_waiting
        self._cutter = FrameCutter()
        self._unsent: list[bytes] = []  # messages of this iteration
        self._held: list[bytes] = []  # frames of earlier iterations that the transport does not take yet
        self._held_bytes = 0
        self._in_transport = 0  # bytes of the last write, while the transport has not sent them
        self._takes_frames = False  # the transport has sent nearly all that was written
        self._asked = 0  # questions so far
        self._waiting = WaitingQuestions(clock, ANSWER_TIMEOUT)
        self.has_ended = False

    # what comes in

    def handle(self, kind: type[M], handler: Callable[[M], object]) -> None:
        """Call *handler* with each message of a kind. What it raises is logged."""
        self._handlers[kind] = handler

    # what goes out

    def send_encoded(self, message: bytes) -> None:
        """Send a message that was encoded by `gim.link.frames.encode`, for several channels at once."""
        unsent = self._unsent
        unsent.append(message)
        if len(unsent) == 1:
            self._flush_later(self._flush)

    def ask(self, question: Question, result: type[T], seconds: float | None = None) -> Deferred[T]:
        """Ask; the Deferred fires with a *result*, or fails with the `GimError` of the other side.

        It fails with `Unavailable` after *seconds*, by default `ANSWER_TIMEOUT`, and when the channel
        ends. With infinite *seconds* only the end of the channel ends the waiting. The Deferred may be
        cancelled; the question is answered nevertheless.
        """
        waiting = self._waiting
        if self.has_ended or len(waiting) >= self._max_waiting:
            return fail(Unavailable("a part of the server does not answer: try again in a moment"))
        self._asked = question.ask = ask = self._asked + 1
        encoded = encode(question)
        answer: Deferred[T] = Deferred()
        if seconds is None:
            waiting.add(ask, answer, self._decoder_of(result))
        else:
            waiting.add_patient(ask, answer, self._decoder_of(result), seconds)
        self.send_encoded(encoded)
        return answer

    def _decoder_of(self, result: type[T]) -> Decoder[T] | None:
        """Return what decodes the result of an answer, None for an answer with a type of its own."""
        try:
            return self._decoders[result]
        except KeyError:
            decoder = self._decoders[result] = Decoder(result)
            return decoder

    def close(self) -> None:
        """End the channel; the transport sends what was sent before, and closes."""
        self._flush()
        if self.has_ended:
            return
        left = b"".join(self._held)
        self._end("closed")
        if self.transport is not None:
            self.transport.unregisterProducer()  # while one waits, Twisted does not close
            self.transport.write(left)
            self.transport.loseConnection()

    @property
    def queued(self) -> int:
        """The number of bytes that the other side has not read, apart from some that the kernel holds."""
        return self._held_bytes + self._in_transport

    # writing

    def _flush(self) -> None:
        """Write what was sent in this iteration, or hold it while the transport has too much already."""
        if self.has_ended or not self._unsent:
            self._unsent.clear()
            return
        data = frames_of(self._unsent)
        self._unsent.clear()
        if self._takes_frames:
            self._write(data)
        else:
            self._held.append(data)
            self._held_bytes += len(data)
        if self.queued > self._max_queued:
            self._abort(f"{self.queued} bytes wait to be read by the other side")

    def _write(self, data: bytes) -> None:
        self.transport.write(data)  # pauses this channel if it can't send that much now
        if not self._takes_frames:
            self._in_transport = len(data)

    def pauseProducing(self) -> None:
        """The transport has more than it can send now."""
        self._takes_frames = False

    def resumeProducing(self) -> None:
        """The transport has sent everything."""
        self._takes_frames = True
        self._in_transport = 0
        if self._held:
            data = b"".join(self._held)
            self._held.clear()
            self._held_bytes = 0
            self._write(data)

    def stopProducing(self) -> None:
        """The transport has ended: `connectionLost` follows."""

    # reading

    def connectionMade(self) -> None:
        self.transport.registerProducer(self, True)
        self.resumeProducing()

    def dataReceived(self, data: bytes) -> None:
        decode, handlers = self._decode, self._handlers
        try:
            for frame in self._cutter.cut(data):
                for message in decode(frame):
                    if self.has_ended:
                        return
                    try:
                        handlers[type(message)](message)
                    except Exception:  # a fault of one handler must not affect the others
                        self._log.failure("a message of another process failed")
        except Exception as error:  # of msgspec, of Unicode or a `BadFrame`
            self._abort(f"it can't be read: {type(error).__name__}: {error}")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._end(reason.getErrorMessage())

    def _abort(self, why: str) -> None:
        self._end(why)
        self.transport.abortConnection()

    def _end(self, why: str) -> None:
        if self.has_ended:
            return
        self.has_ended = True
        self._held.clear()
        self._on_end(why)
        self._waiting.fail_all()

    # messages of the channel itself

    def _on_ping(self, ping: Ping) -> None:
        self.send(Pong(ping.number))

    def _on_answer(self, message: Answer) -> None:
        taken = self._waiting.take(message.ask)
        if taken is None or taken[1] is None:
            return
        try:
            result = taken[1].decode(message.result)
        except Exception:  # the two sides do not agree on the type
            taken[0].errback()
        else:
            taken[0].callback(result)

    def _on_reply(self, reply: Reply) -> None:
        if (taken := self._waiting.take(reply.ask)) is not None:
            taken[0].callback(reply)

    def _on_refused(self, message: Refused) -> None:
        if (taken := self._waiting.take(message.ask)) is not None:
            taken[0].errback(error_of(message))
