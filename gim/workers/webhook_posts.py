"""Attempts to deliver webhook events: the parent queues the events, a worker makes each attempt."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred

from gim.errors import GimError
from gim.link.channel import Channel
from gim.link.messages import Question
from gim.webhooks.attempt import AttemptResult
from gim.webhooks.events import NumberedEvent

POST_TIMEOUT = 12.0  # seconds; a worker ends an attempt before: `gim.webhooks.receiver.ATTEMPT_TIMEOUT`


class PostQuestion(Question, kw_only=True, tag=131):
    """The parent asks a worker to make one attempt to deliver an event. The answer is an
    `AttemptResult`."""

    event: NumberedEvent


class WorkerPosts:
    """The parent's side: has the workers make attempts in turn, so that mostly another one makes the next
    attempt for an event."""

    def __init__(self) -> None:
        self._channels: deque[Channel] = deque()

    def joined(self, channel: Channel) -> None:
        """Give attempts to a worker."""
        self._channels.append(channel)

    def gone(self, channel: Channel) -> None:
        """Give no attempt more to a worker that has ended."""
        if channel in self._channels:
            self._channels.remove(channel)

    async def post(self, event: NumberedEvent) -> AttemptResult:
        """Have a worker make one attempt. Raises nothing but `CancelledError`, when it is cancelled."""
        if not self._channels:
            return AttemptResult(0, "no worker is there to make the attempt")
        channel = self._channels[0]
        self._channels.rotate(-1)
        try:
            return await channel.ask(PostQuestion(event=event), AttemptResult, POST_TIMEOUT)
        except GimError as error:
            return AttemptResult(0, f"the worker that made the attempt: {error}")


class PostServer(Service):
    """The worker's side: makes the attempts that the parent asks for."""

    def __init__(
        self,
        post: Callable[[NumberedEvent], Coroutine[Any, Any, AttemptResult]],
        close: Callable[[], Deferred[Any]],
        channel: Channel,
    ) -> None:
        """*post* makes one attempt, *close* closes the connections to the receiver."""
        self._close = close
        channel.serve(PostQuestion, lambda question: post(question.event))

    def stopService(self) -> Deferred[Any]:
        super().stopService()
        return self._close()
