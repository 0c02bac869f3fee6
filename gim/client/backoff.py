"""When to come back after the end of a connection: clients/BEHAVIOUR.md, section D."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from gim.client.events import Code
from gim.client.settings import Draw

LONGEST_DELAY = 30.0  # seconds
RESTART_DELAY = 15.0  # seconds; many clients wait for a server that is away longer than it had said
STABLE_AFTER = 30.0  # seconds online after which the delays begin anew
GOING_AWAY, TOKEN_EXPIRED, TOO_SLOW, DATA_LOST = 3001, 3005, 3008, 3009
TOO_SILENT, FLOODING, BAD_TOKENS = 3012, 3013, 3500
FINAL: Final = frozenset((400, 403, 404, 409, 413))  # refusals of a login that stay
FINAL_HANDSHAKE: Final = frozenset((400, 403, 421, 426))
_SLOT = re.compile(r"reconnect in (\d+(?:\.\d+)?) s")


def doubling(count: int) -> float:
    """Return 0.5, 1, 2, 4 … 30 seconds."""
    return min(LONGEST_DELAY, 0.5 * 2.0 ** min(count, 10))


@dataclass(frozen=True, slots=True)
class Delay:
    """Seconds to wait; ``ordered`` when the server's load demands it, so that nothing shortens it."""

    seconds: float
    ordered: bool = False


AT_ONCE = Delay(0.0)


class Backoff:
    """Counts ends in a row and says how long to wait, or None for never again."""

    def __init__(self, draw: Draw, can_renew: bool) -> None:
        self._draw = draw
        self._can_renew = can_renew  # whether there is a token function
        self._count = 0
        self._renewed: set[int] = set()  # refusals of tokens since the last login
        self._restarting = False  # the server went away in order, and there was no login since
        self._last: Code | None = None

    def logged_in(self) -> None:
        self._renewed.clear()
        self._restarting = False

    def stable(self) -> None:
        """A connection was online for `STABLE_AFTER`."""
        self._count, self._last = 0, None

    def formula(self) -> Delay:
        """Return a random part of what doubles with each end."""
        longest = doubling(self._count)
        if self._restarting:
            longest = max(longest, RESTART_DELAY)
        self._count += 1
        return Delay(self._draw("backoff") * longest)

    def after_end(self, code: int, reason: str) -> Delay | None:
        """Return the delay after a socket ended."""
        last, self._last = self._last, code
        if code == TOKEN_EXPIRED:
            if not self._can_renew:
                return None
            return self.formula() if last == code else AT_ONCE
        if 3500 <= code <= 3999:
            return self._renew_once(code) if code == BAD_TOKENS and self._can_renew else None
        if code == GOING_AWAY and (slot := _SLOT.search(reason)):
            self._restarting = True
            return Delay(float(slot[1]), ordered=True)
        if code in (TOO_SLOW, TOO_SILENT):
            return self._counted(self._draw("slow") * 2.0)
        if code == FLOODING:
            return self._counted(30.0 + self._draw("flood") * 30.0, ordered=True)
        return self.formula()

    def after_refused_login(self, code: int) -> Delay | None:
        """Return the delay after a login or a request that was refused."""
        self._last = code
        if code == 401:
            if not self._can_renew:
                return None
            return AT_ONCE if self._first(code) else self.formula()
        return None if code in FINAL else self.formula()

    def after_refused_handshake(self, status: int, retry_after: float | None) -> Delay | None:
        """Return the delay after a handshake that was refused."""
        self._last = status
        if status in FINAL_HANDSHAKE:
            return None
        return Delay(self.formula().seconds + (retry_after or 0.0))

    def after_failed_token(self) -> Delay:
        self._last = "token"
        return self.formula()

    def _renew_once(self, code: int) -> Delay | None:
        return AT_ONCE if self._first(code) else None

    def _first(self, code: int) -> bool:
        first = code not in self._renewed
        self._renewed.add(code)
        return first

    def _counted(self, delay: float, *, ordered: bool = False) -> Delay:
        self._count += 1
        return Delay(delay, ordered)
