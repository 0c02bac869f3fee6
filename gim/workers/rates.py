"""Rates that hold for all workers together."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping

from msgspec import Struct
from twisted.internet.interfaces import IReactorTime

from gim.limits.limits import LimitHits, Limits
from gim.limits.rate_per_second import RatePerSecond
from gim.limits.read_rate import BURST, ReadRate
from gim.link.channel import Channel
from gim.link.frames import encode
from gim.link.messages import Question

# A worker reports what a user has read there once it is this part of the limit, divided by the number of
# workers: so all of them together keep back a quarter of the limit at most.
UNREPORTED = 1 / 4


class LoginQuestion(Question, kw_only=True, tag=150):
    """A login over HTTP from an address; it is refused, or the answer is None."""

    address: str


class HasRead(Struct, array_like=True, gc=False, tag=151):
    """A user has read so many rows and KiB at a worker since its last report."""

    user_id: str
    amount: int


class HasReadTooMuch(Struct, array_like=True, gc=False, tag=152):
    """What counts against a user at all workers together is above the limit."""

    user_id: str
    read: int


class LinkedLoginRate:
    """The worker's side: implements `gim.limits.rate_per_second.Rate`; the parent counts exactly."""

    def __init__(self, limits: Limits, channel: Channel) -> None:
        self._is_limited = limits.max_login_rate > 0
        self._channel = channel

    def take(self, who: str) -> Awaitable[object] | None:
        if not self._is_limited or not who:
            return None
        return self._channel.ask(LoginQuestion(address=who), type(None))


class SharedReadRate(ReadRate):
    """The worker's side: counts what was read here, and knows of users who read too much elsewhere.

    It reports what a user read in portions, so that most logins and reads cost no message. What is not
    reported yet is forgotten with the user.
    """

    def __init__(
        self, limits: Limits, hits: LimitHits, clock: IReactorTime, channel: Channel, workers: int
    ) -> None:
        """*workers* is their number."""
        super().__init__(limits, hits, clock)
        self._portion = max(1, int(UNREPORTED * limits.max_read_rate / workers))
        self._unreported: dict[str, int] = {}
        self._channel = channel
        channel.handle(HasReadTooMuch, self._take_over)

    def charge(self, user_id: str, amount: int) -> None:
        super().charge(user_id, amount)
        if not self._limit:
            return
        unreported = self._unreported.pop(user_id, 0) + amount
        if unreported >= self._portion:
            self._channel.send(HasRead(user_id, unreported))
        else:
            self._unreported[user_id] = unreported

    def _take_over(self, told: HasReadTooMuch) -> None:
        read = told.read + self._unreported.get(told.user_id, 0)
        self._read[told.user_id] = max(read, self._read.get(told.user_id, 0))

    def _forgive(self) -> None:
        super()._forgive()
        self._unreported = {
            user_id: amount for user_id, amount in self._unreported.items() if user_id in self._read
        }


class NodeReadRate(ReadRate):
    """The parent's side: adds up the reports, and tells all workers who has read too much."""

    def __init__(
        self, limits: Limits, hits: LimitHits, clock: IReactorTime, channels: Mapping[int, Channel]
    ) -> None:
        """*channels* are those of the workers that run, by number."""
        super().__init__(limits, hits, clock)
        self._channels = channels
        self._told: set[str] = set()  # users that were told about in this second

    def spawned(self, channel: Channel) -> None:
        """Take the reports of a worker."""
        channel.handle(HasRead, self._add)

    def _add(self, report: HasRead) -> None:
        user_id = report.user_id
        self.charge(user_id, report.amount)
        read = self._read[user_id]
        if read >= BURST * self._limit and user_id not in self._told:
            self._told.add(user_id)
            frame = encode(HasReadTooMuch(user_id, read))
            for channel in self._channels.values():
                channel.send_encoded(frame)

    def _forgive(self) -> None:
        super()._forgive()
        self._told.clear()


def serve_logins(channel: Channel, rate: RatePerSecond) -> None:
    """Count the logins of a worker by their address."""

    async def count(question: LoginQuestion) -> None:
        rate.take(question.address)

    channel.serve(LoginQuestion, count)
