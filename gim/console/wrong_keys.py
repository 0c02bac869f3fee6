"""How many wrong keys an address may try to log in with."""

from __future__ import annotations

from collections import OrderedDict, deque
from math import ceil

from msgspec import Struct
from twisted.internet.interfaces import IReactorTime

from gim.errors import TooManyRequests

MAX_WRONG_KEYS = 5  # of an address in `PERIOD`
PERIOD = 60.0  # seconds
_MAX_ADDRESSES = 10_000  # that are remembered, in some 5 MB


class WrongKey(Struct, tag="console.wrong_key"):
    """An address has tried a wrong key, told to all nodes."""

    address: str  # as `gim.net.client_address.group_of` writes it


class WrongKeys:
    """Counts the wrong keys of the last minute by address."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        # when, by address; the one that tried last is at the end
        self._tried: OrderedDict[str, deque[float]] = OrderedDict()

    def check(self, address: str) -> None:
        """Raise `TooManyRequests` if an address has tried too many."""
        tried = self._tried.get(address, deque())
        now = self._clock.seconds()
        if len(tried) == MAX_WRONG_KEYS and (wait := tried[0] + PERIOD - now) > 0:
            raise TooManyRequests(f"{MAX_WRONG_KEYS} wrong keys in a minute", ceil(wait))

    def add(self, wrong: WrongKey) -> None:
        """Count one."""
        now = self._clock.seconds()
        tried = self._tried.pop(wrong.address, deque[float](maxlen=MAX_WRONG_KEYS))
        tried.append(now)
        self._tried[wrong.address] = tried
        self._forget(now)

    def _forget(self, now: float) -> None:
        """Forget addresses that have tried nothing for `PERIOD`, and the oldest if there are too many."""
        while len(self._tried) > _MAX_ADDRESSES or self._oldest() + PERIOD <= now:
            self._tried.popitem(last=False)

    def _oldest(self) -> float:
        """Return when the address at the begin tried last."""
        return next(iter(self._tried.values()))[-1]
