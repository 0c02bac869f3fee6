"""Deadlines by name. The owner of the clock asks for the next one, and runs what is due."""

from __future__ import annotations

from collections.abc import Callable

Timer = Callable[[float], None]  # takes the time at which it runs


class Timers:
    """At most one deadline for each name. Times are seconds of the clock that the caller has."""

    def __init__(self) -> None:
        self._due: dict[str, tuple[float, Timer]] = {}

    def set(self, name: str, at: float, call: Timer) -> None:
        """Call *call* at a time, in place of what this name had."""
        self._due[name] = (at, call)

    def set_sooner(self, name: str, at: float, call: Timer) -> None:
        """Set it, unless the name has an earlier deadline."""
        if name not in self._due or at < self._due[name][0]:
            self._due[name] = (at, call)

    def cancel(self, *names: str) -> None:
        for name in names:
            self._due.pop(name, None)

    def clear(self) -> None:
        self._due.clear()

    def next(self) -> float | None:
        """Return the earliest deadline, None without any."""
        return min((at for at, _ in self._due.values()), default=None)

    def run(self, now: float) -> None:
        """Run what is due, the earliest first."""
        while due := [(at, name) for name, (at, _) in self._due.items() if at <= now]:
            _, call = self._due.pop(min(due)[1])
            call(now)
