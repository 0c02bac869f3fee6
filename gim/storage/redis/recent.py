"""What was announced lately, so that it is announced once."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime

from gim.storage.seam import News, Stored

GENERATION = 20.0  # seconds: twice what `gim.storage.redis.pulse.SLACK` looks back


class Recent:
    """Remembers announced messages for one to two generations, about 150 bytes each.

    Only for a cluster, where an announcement may come late, or again with the repetition of a request
    whose first attempt ended half-way.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._since = clock.seconds()
        self._new: set[tuple[str, str]] = set()
        self._old: set[tuple[str, str]] = set()

    def knows(self, news: News) -> bool:
        """Say whether the message was announced to this reader before; from now on it was."""
        if not isinstance(news, Stored):
            return False
        if self._clock.seconds() - self._since > GENERATION:
            self._since, self._old, self._new = self._clock.seconds(), self._new, set()
        key = news.message.id, news.reader
        if key in self._new or key in self._old:
            return True
        self._new.add(key)
        return False
