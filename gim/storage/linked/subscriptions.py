"""What makes a worker subscribe to users and chatrooms, and what ends that."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from gim.concurrency.deadline import ANSWER_TIMEOUT
from gim.errors import Unavailable
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

    def ask(
        self,
        question: Enter | Join | Subscribe,
        kind: type[G],
        too_late: Callable[[], object] = lambda: None,
        answered: Callable[[], object] = lambda: None,
    ) -> Deferred[G]:
        """Ask as `Channel.ask` does. *too_late* is called for a grant that nothing waits for any more,
        *answered* when the answer is there, whatever it is."""
        waiting: Deferred[G] = Deferred()

        def granted(grant: G) -> None:
            self.note(grant)
            answered()
            if waiting.called:
                too_late()
            else:
                waiting.callback(grant)

        def refused(failure: Failure) -> None:
            answered()
            if not waiting.called:
                waiting.errback(failure)

        self._channel.ask(question, kind, inf).addCallbacks(granted, refused)
        if not waiting.called:
            waiting.addTimeout(ANSWER_TIMEOUT, self._clock, _given_up)
        return waiting


def _given_up(value: object, timeout: float | None) -> object:
    raise Unavailable("the server did not answer in time: it is not known whether this was done")
