"""What makes a worker subscribe to users and chatrooms, and what ends that."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import TypeVar

from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from gim.concurrency.deadline import ANSWER_TIMEOUT, outlasted
from gim.link.channel import Channel
from gim.storage.linked.calls import Enter, Entered, Granted, Join, MemberJoinedNews, Subscribe

G = TypeVar("G", Entered, Granted)


class Grants:
    """The number of the last grant that came: see `gim.storage.linked.calls`.

    An answer that comes too late is a grant all the same, so these questions wait for it for ever.
    """

    def __init__(self, channel: Channel, clock: IReactorTime) -> None:
        self._channel = channel
        self._clock = clock
        self.seen = 0

    def note(self, grant: Entered | Granted | MemberJoinedNews) -> None:
        """Note a grant that has come, before anything follows from it."""
        self.seen = grant.grant

    async def ask(
        self,
        question: Enter | Join | Subscribe,
        kind: type[G],
        too_late: Callable[[], object] = lambda: None,
        answered: Callable[[], object] = lambda: None,
    ) -> G:
        """Ask as `Channel.ask` does. *too_late* is called for a grant that nothing waits for any more,
        *answered* when the answer is there, whatever it is."""

        def came(answer: G | Failure) -> G | Failure:
            answered()
            if not isinstance(answer, Failure):
                self.note(answer)
            return answer

        answer = maybeDeferred(self._channel.ask, question, kind, inf).addBoth(came)
        return await outlasted(ANSWER_TIMEOUT, self._clock, answer, lambda grant: too_late())
