"""How questions are answered, whatever way the answers go out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

from msgspec import Raw, Struct
from msgspec.msgpack import Encoder
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from gim.concurrency.steps import go_on
from gim.errors import GimError, Unavailable
from gim.link.frames import encode
from gim.link.messages import Answer, Question, Reply
from gim.link.refusals import refused
from gim.log.logger import Logger, new_trace, traced

Handler = Callable[[Any], Coroutine[Deferred[Any], Any, Any]]
ReplyOf = Callable[[int, Any], Reply]

M = TypeVar("M", bound=Struct)
Q = TypeVar("Q", bound=Question)

_encode_result = Encoder().encode


class Answering:
    """Answers the questions of the other side. A subclass takes them, and sends the answers."""

    _log = Logger()

    def handle(self, kind: type[M], handler: Callable[[M], object]) -> None:
        """Call *handler* with each message of a kind. What it raises is logged."""
        raise NotImplementedError

    def send_encoded(self, message: bytes) -> None:
        """Send a message that was encoded by `gim.link.frames.encode`, for several channels at once."""
        raise NotImplementedError

    def send(self, message: Struct) -> None:
        """Send a message. After the end of the channel nothing happens."""
        self.send_encoded(encode(message))

    def serve(
        self,
        kind: type[Q],
        handler: Callable[[Q], Coroutine[Deferred[Any], Any, Any]],
        reply: ReplyOf | None = None,
    ) -> None:
        """Answer the questions of a kind with what *handler* returns, or the `GimError` that it raises.

        Any other exception is logged, and `Unavailable` for the other side. A coroutine that does not
        wait is answered at once and needs no Deferred. *reply* makes the answer from its number and the
        result, for a kind whose answers have a type of their own.
        """
        self.handle(kind, partial(self._serve, handler, reply))

    def _serve(self, handler: Handler, reply: ReplyOf | None, question: Question) -> None:
        """Run a handler until it waits, which one of the memory store never does."""
        try:
            work = handler(question)
            pending = work.send(None)
        except StopIteration as end:
            self._answer(question.ask, reply, end.value)
        except Exception as error:
            self._refuse(question.ask, error)
        else:
            Deferred.fromCoroutine(self._finish(question.ask, reply, go_on(work, pending)))

    async def _finish(self, ask: int, reply: ReplyOf | None, work: Awaitable[Any]) -> None:
        try:
            result = await work
        except Exception as error:
            self._refuse(ask, error)
        else:
            self._answer(ask, reply, result)

    def _answer(self, ask: int, reply: ReplyOf | None, result: object) -> None:
        try:
            if reply is None:
                encoded = encode(Answer(ask, Raw(_encode_result(result))))
            else:
                encoded = encode(reply(ask, result))
        except Exception as error:
            self._refuse(ask, error)
        else:
            self.send_encoded(encoded)

    def _refuse(self, ask: int, error: Exception) -> None:
        if not isinstance(error, GimError):
            trace = new_trace()
            with traced(trace):
                self._log.failure("a question of another process failed", Failure(error))
            error = Unavailable(f"a fault of the server: tell its operator the trace id {trace}")
        self.send(refused(ask, error))


class Outlet(Answering):
    """Another way out of a channel: answers to what is served here, and what is sent here, take it."""

    def __init__(self, channel: Answering, send_encoded: Callable[[bytes], object]) -> None:
        """*send_encoded* takes messages as that of the channel does, and keeps their order."""
        self._channel = channel
        self._send_encoded = send_encoded

    def handle(self, kind: type[M], handler: Callable[[M], object]) -> None:
        self._channel.handle(kind, handler)

    def send_encoded(self, message: bytes) -> None:
        self._send_encoded(message)
