"""Signs of life: clients/BEHAVIOUR.md, section H."""

from __future__ import annotations

from collections.abc import Callable

from gim.client.timers import Timers

SILENCE = 25.0  # seconds without a packet after which the server is asked for one
PATIENCE = 10.0  # seconds that it has to answer
PATIENCE_AWAKE = 5.0  # seconds, when the program has just woken up
FROZEN = 5.0  # seconds that a tick comes late when the program was frozen


class Heartbeat:
    """Asks for a sign of life during silence. All times are seconds of the caller's clock."""

    def __init__(
        self, timers: Timers, beat: Callable[[], None], lost: Callable[[float, bool], None]
    ) -> None:
        """*beat* writes a heartbeat. *lost* takes the time, and whether to come back at once."""
        self._timers = timers
        self._beat = beat
        self._lost = lost
        self._heard_at = 0.0
        self._deadline: float | None = None  # for the answer that is awaited
        self._woken = False  # whether it is awaited since the program woke up

    def start(self, now: float) -> None:
        """The connection is online."""
        self.heard(now)
        self._listen(now + SILENCE)

    def stop(self) -> None:
        """The connection has ended."""
        self._deadline, self._woken = None, False
        self._timers.cancel("heartbeat", "probe")

    def heard(self, now: float) -> None:
        """A packet has come."""
        self._heard_at = now
        if self._deadline is not None:
            self.stop()
            self._listen(now + SILENCE)

    def wake(self, now: float) -> None:
        """Ask at once, with less patience, unless that is under way."""
        if not self._woken:
            self._woken = True
            self._ask(now, PATIENCE_AWAKE)

    def _listen(self, until: float) -> None:
        self._timers.set("heartbeat", until, lambda now: self._silent(now, until))

    def _silent(self, now: float, due: float) -> None:
        if self._heard_at + SILENCE > now:
            self._listen(self._heard_at + SILENCE)
        elif now > due + FROZEN:
            self.wake(now)
        else:
            self._ask(now, PATIENCE)

    def _ask(self, now: float, patience: float) -> None:
        self._timers.cancel("heartbeat")
        self._deadline = deadline = now + patience
        self._timers.set("probe", deadline, lambda at: self._unanswered(at, deadline))
        self._beat()

    def _unanswered(self, now: float, due: float) -> None:
        if now > due + FROZEN:
            self._woken = False
            self.wake(now)
        else:
            self._lost(now, self._woken)
