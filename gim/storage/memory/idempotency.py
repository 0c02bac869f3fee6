"""The answers given to a sender's ``request_id``, so that a repeated send stores nothing."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator

from twisted.internet.interfaces import IReactorTime

from gim.model import Sent
from gim.storage.rules import REQUEST_ID_WINDOW, REQUEST_IDS_PER_SENDER

_Answers = OrderedDict[tuple[str, str], tuple[float, int, Sent]]  # when, the digest, the answer


# Of the category and the content: a number, another one in each process, that tells what a request sent
# from anything else
digest_of: Callable[[tuple[str, str]], int] = hash


class IdempotencyCache:
    """Remembers answers by sender, session and ``request_id`` for `REQUEST_ID_WINDOW` seconds.

    Costs about 450 bytes an answer. `sweep` forgets senders who have been silent for the window;
    the others are trimmed whenever they send.
    """

    def __init__(self, clock: IReactorTime, per_sender: int = REQUEST_IDS_PER_SENDER) -> None:
        """*per_sender* is how many answers are remembered of one sender, the newest."""
        self._clock = clock
        self._per_sender = per_sender
        self._senders: OrderedDict[str, _Answers] = OrderedDict()  # the longest silent first

    def __len__(self) -> int:
        return sum(map(len, self._senders.values()))

    def find(self, sender: str, session_id: str, request_id: str) -> tuple[int, Sent] | None:
        """Return the digest and the answer to this request, if it is still remembered."""
        answers = self._senders.get(sender)
        found = answers.get((session_id, request_id)) if answers is not None else None
        if found is None or found[0] <= self._clock.seconds() - REQUEST_ID_WINDOW:
            return None
        return found[1:]

    def remember(
        self,
        sender: str,
        session_id: str,
        request_id: str,
        digest: int,
        sent: Sent,
        age: float = 0.0,
    ) -> None:
        """Keep the answer to this request; *digest* is that of what it sent.

        The answer was given *age* seconds ago, and not before others that are kept.
        """
        now = self._clock.seconds() - age
        answers = self._senders.setdefault(sender, OrderedDict())
        self._senders.move_to_end(sender)
        answers.pop((session_id, request_id), None)  # one that has expired would keep its old place
        answers[session_id, request_id] = now, digest, sent
        if len(answers) > self._per_sender:
            answers.popitem(last=False)
        _drop_older(answers, now - REQUEST_ID_WINDOW)

    def kept(self) -> Iterator[tuple[str, str]]:
        """Yield the id of each message that an answer names, with the ``request_id``."""
        for answers in self._senders.values():
            for (_, request_id), (_, _, sent) in answers.items():
                yield sent.id, request_id

    def sweep(self, limit: int) -> bool:
        """Forget up to *limit* senders who have been silent for the window; say if more may wait."""
        horizon = self._clock.seconds() - REQUEST_ID_WINDOW
        for _ in range(limit):
            if not self._senders:
                return False
            answers = next(iter(self._senders.values()))
            newest, *_answer = next(reversed(answers.values()))
            if newest > horizon:
                return False
            self._senders.popitem(last=False)
        return True


def _drop_older(answers: _Answers, horizon: float) -> None:
    while next(iter(answers.values()))[0] <= horizon:
        answers.popitem(last=False)
