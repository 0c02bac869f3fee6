"""A figure that gim has to reach, or aims at."""

from __future__ import annotations

from msgspec import Struct


class Bar(Struct, frozen=True):
    """A bar with what was measured; ``limit`` is the least or the most, as ``at_least`` says."""

    job: str
    what: str
    measured: float | None
    limit: float
    at_least: bool
    required: bool = True

    @property
    def verdict(self) -> str:
        if self.measured is None:
            return "not measured"
        reached = self.measured >= self.limit if self.at_least else self.measured <= self.limit
        return (
            ("pass" if reached else "FAIL")
            if self.required
            else ("reached" if reached else "not reached")
        )

    def cells(self) -> list[str]:
        """Return the line of its table."""
        measured = f"{self.measured:,.2f}" if self.measured is not None else ""
        return [
            self.job,
            self.what,
            measured,
            f"{'≥' if self.at_least else '≤'} {self.limit:g}",
            self.verdict,
        ]


HEAD = ["job", "bar", "measured", "want", "verdict"]
