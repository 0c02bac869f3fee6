"""The delivery marks of a worker on their way to the store."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime

from gim.link.channel import Channel
from gim.storage.linked.calls import Delivered


class DeliveryMarks:
    """Sends the newest mark of each user, those of an iteration of the reactor together.

    They go out with the next iteration, after the pushes that they are for. A worker that dies before
    lets its users get these messages again.
    """

    __slots__ = ("_channel", "_clock", "_marks")

    def __init__(self, channel: Channel, clock: IReactorTime) -> None:
        self._channel = channel
        self._clock = clock
        self._marks: dict[str, str] = {}  # message ids by user

    def put(self, user_id: str, message_id: str) -> None:
        """Move the mark of a user forwards."""
        marks = self._marks
        is_first = not marks
        if message_id > marks.get(user_id, ""):
            marks[user_id] = message_id
        if is_first:
            self._clock.callLater(0, self.flush)

    def flush(self) -> None:
        """Send the marks that wait."""
        if self._marks:
            self._channel.send(Delivered(self._marks))
            self._marks = {}
