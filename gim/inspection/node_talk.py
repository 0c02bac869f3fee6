"""Questions to all nodes, and notices to one of them or all: what the nodes say to each other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from inspect import isawaitable
from itertools import count
from secrets import randbits
from typing import Any, Generic, TypeVar

from msgspec import Struct
from msgspec.msgpack import Decoder, encode
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from gim.concurrency.deadline import within
from gim.errors import Unavailable
from gim.log.logger import Logger
from gim.storage.interface import MAX_NODE_MESSAGE, Nodes

ANSWER_TIMEOUT = 1.0  # seconds that other nodes have to answer

A = TypeVar("A")
M = TypeVar("M", bound=Struct)


class _Asked(Struct, array_like=True, tag=1):
    number: int
    name: str
    question: bytes


class _Answered(Struct, array_like=True, tag=2):
    number: int
    answer: bytes | None  # None if the node can't answer


class _Told(Struct, array_like=True, tag=3):
    name: str
    notice: bytes


_messages = Decoder(_Asked | _Answered | _Told)


class Answers(list[tuple[str, A]]):
    """Answers with the names of their listeners, in the order in which they came.

    ``missing`` has the names of the listeners that are known to run and did not answer in time.
    """

    missing: list[str]


class _UnderWay(Generic[A]):
    """A question under way: who has answered it, and the answers."""

    def __init__(self, decoder: Decoder[A]) -> None:
        self.decoder = decoder
        self.answers: Answers[A] = Answers()
        self._came: set[str] = set()
        self._expected: set[str] | None = None  # None until the listeners are known
        self._is_done: Deferred[None] = Deferred()

    async def end(self) -> None:
        """Return when all who are expected have answered."""
        await self._is_done

    def expect(self, listeners: list[str]) -> None:
        """Wait for the answers of these."""
        self._expected = set(listeners)
        self._end_if_whole()

    def none_from(self, listener: str) -> None:
        """Wait for this listener no longer."""
        self._came.add(listener)
        self._end_if_whole()

    def take(self, listener: str, answer: A) -> None:
        """Take an answer, one of each listener, until the end."""
        if listener not in self._came and not self._is_done.called:
            self.answers.append((listener, answer))
            self.none_from(listener)

    def _end_if_whole(self) -> None:
        is_whole = self._expected is not None and self._expected <= self._came
        if is_whole and not self._is_done.called:
            self._is_done.callback(None)

    def result(self) -> Answers[A]:
        """Return the answers that have come."""
        self.answers.missing = sorted((self._expected or set()) - self._came)
        return self.answers


class NodeTalk:
    """Asks all nodes, and tells them. A worker counts as a node here: each has a listener of its own.

    Questions and notices are msgspec structs with a text for a ``tag``, which names them to the other
    nodes. What a node of another version does not know or can't read, it does not answer, and ignores.
    Messages may be lost, and one above `MAX_NODE_MESSAGE` bytes is not sent.
    """

    _log = Logger()

    def __init__(self, nodes: Nodes, listener: str, clock: IReactorTime) -> None:
        """*listener* is the name of this process, `gim.storage.interface.Storage.listener`."""
        self.listener = listener
        self._nodes = nodes
        self._clock = clock
        self._servers: dict[str, tuple[Decoder[Any], Callable[[Any], object]]] = {}
        self._handlers: dict[str, tuple[Decoder[Any], Callable[[str, Any], object]]] = {}
        self._decoders: dict[Any, Decoder[Any]] = {}  # by type of the answers
        # another process may have had this name before: its answers are not ours
        self._numbers = count(randbits(48))
        self._under_way: dict[int, _UnderWay[Any]] = {}

    def serve(self, kind: type[M], answer: Callable[[M], Awaitable[object] | object]) -> None:
        """Answer the questions of a kind with what *answer* returns. What it raises is logged."""
        self._servers[_name_of(kind)] = Decoder(kind), answer

    def handle(self, kind: type[M], handler: Callable[[str, M], object]) -> None:
        """Call *handler* with the sender's name and each notice of a kind. What it raises is logged."""
        self._handlers[_name_of(kind)] = Decoder(kind), handler

    async def ask(self, question: Struct, result: type[A], timeout: float = ANSWER_TIMEOUT) -> Answers[A]:
        """Ask all nodes, this one included; return the answers, each a *result*.

        Returns as soon as all known nodes have answered, after *timeout* seconds at the latest. This node
        answers itself without encoding anything. Never raises.
        """
        number, under_way = next(self._numbers), _UnderWay(self._decoder_of(result))
        self._under_way[number] = under_way
        try:
            self._send("", _Asked(number, _name_of(type(question)), encode(question)))
            self._begin(self._expect(under_way))
            self._begin(self._answer_here(under_way, question))
            await within(timeout, self._clock, under_way.end())
        except Unavailable:  # what there is has to do
            pass
        finally:
            del self._under_way[number]
        return under_way.result()

    def tell(self, listener: str, notice: Struct) -> None:
        """Send a notice to one listener, "" for all. Its handler here is called before this returns."""
        name = _name_of(type(notice))
        if listener in ("", self.listener):
            self._take_notice(self.listener, name, notice)
        if listener != self.listener:
            self._send(listener, _Told(name, encode(notice)))

    def receive(self, sender: str, body: bytes) -> None:
        """Take a message of another listener: see `gim.storage.announcements.NodeMessage`."""
        if sender == self.listener:
            return
        message = _messages.decode(body)
        if isinstance(message, _Asked):
            self._begin(self._answer(sender, message))
        elif isinstance(message, _Told):
            self._take_notice(sender, message.name, message.notice)
        elif (under_way := self._under_way.get(message.number)) is not None:
            self._take_answer(sender, under_way, message.answer)

    def _take_answer(self, sender: str, under_way: _UnderWay[Any], answer: bytes | None) -> None:
        try:
            if answer is not None:
                under_way.take(sender, under_way.decoder.decode(answer))
        finally:
            under_way.none_from(sender)

    # sending

    def _decoder_of(self, result: type[A]) -> Decoder[A]:
        if result not in self._decoders:
            self._decoders[result] = Decoder(result)
        return self._decoders[result]

    def _send(self, listener: str, message: Struct) -> bool:
        """Send a message; say whether it is short enough to be sent."""
        body = encode(message)
        if len(body) > MAX_NODE_MESSAGE:
            self._log.error("a message of {size} bytes to other nodes is too long", size=len(body))
            return False
        self._nodes.tell(listener, body)
        return True

    def _begin(self, work: Coroutine[Deferred[Any], Any, None]) -> None:
        Deferred.fromCoroutine(work).addErrback(self._failed)

    def _failed(self, failure: Failure) -> None:
        self._log.failure("a message of another node failed", failure)

    async def _expect(self, under_way: _UnderWay[Any]) -> None:
        try:
            listeners = await self._nodes.listeners()
        except Unavailable:
            return
        under_way.expect(listeners)

    # answering

    async def _answer_here(self, under_way: _UnderWay[Any], question: Struct) -> None:
        try:
            under_way.take(self.listener, await self._answer_of(question))
        finally:
            under_way.none_from(self.listener)

    async def _answer_of(self, question: Struct) -> Any:
        _, answer = self._servers[_name_of(type(question))]
        found = answer(question)
        return await found if isawaitable(found) else found

    async def _answer(self, sender: str, asked: _Asked) -> None:
        """Answer another node; one that this node can't answer need not wait for it."""
        answer = None
        try:
            if asked.name in self._servers:
                question = self._servers[asked.name][0].decode(asked.question)
                answer = encode(await self._answer_of(question))
        finally:
            if not self._send(sender, _Answered(asked.number, answer)):
                self._send(sender, _Answered(asked.number, None))

    def _take_notice(self, sender: str, name: str, notice: Any) -> None:
        """Hand a notice over, as it is or encoded."""
        if name not in self._handlers:
            return
        decoder, handler = self._handlers[name]
        try:
            handler(sender, decoder.decode(notice) if isinstance(notice, bytes) else notice)
        except Exception:
            self._log.failure("a notice of {node} failed", node=sender)


def _name_of(kind: type[Struct]) -> str:
    tag = kind.__struct_config__.tag
    if not isinstance(tag, str):
        raise TypeError(f"{kind.__name__} does not have a text for a tag")
    return tag
