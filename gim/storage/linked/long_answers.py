"""Questions whose answers may be long: a history, a list of sessions, what a login has missed."""

from __future__ import annotations

from math import inf
from typing import TypeVar

from twisted.internet.defer import Deferred

from gim.concurrency.deadline import shielded
from gim.concurrency.gate import Gate
from gim.link.channel import Channel
from gim.link.messages import Question

# Questions under way. An answer has up to 4 MB, that to a login that has missed 1,000 long messages. As
# many as the clients of a worker may ask at once would be more than its link holds.
MAX_UNDER_WAY = 8

T = TypeVar("T")


class LongAnswers:
    """Lets `MAX_UNDER_WAY` questions be under way at a time, each until its answer is there.

    So a question that nothing waits for any more counts as well. The caller sees to it that waiting has
    an end.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._gate = gate = Gate(MAX_UNDER_WAY)
        self.begin = gate.enter
        self.end = gate.leave

    async def ask(self, question: Question, result: type[T]) -> T:
        """Ask as `Channel.ask` does, when it is the turn of the question."""
        await self.begin()
        return await self.ask_now(question, result)

    def ask_now(self, question: Question, result: type[T]) -> Deferred[T]:
        """Ask after `begin`."""
        return shielded(self._answer(question, result))

    async def _answer(self, question: Question, result: type[T]) -> T:
        try:
            return await self._channel.ask(question, result, inf)
        finally:
            self.end()
