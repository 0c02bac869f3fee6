"""The shortest steps that still show a difference."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic

from tests.integration.differential.comparison import Comparison, Difference
from tests.integration.differential.steps import Step

PATIENCE = 1.5  # seconds for what comes late; a full run has waited longer
MAX_SECONDS = 120.0


async def shrink(comparison: Comparison, found: Difference, seconds: float = MAX_SECONDS) -> Difference:
    """Leave out steps, half of them first, then ever fewer, as long as a difference remains. No attempt
    begins after *seconds*.

    This is the first half of the algorithm ddmin (Zeller and Hildebrandt, "Simplifying and Isolating
    Failure-Inducing Input", 2002): it removes what it can, but does not try subsets.
    """
    size, until = len(found.steps) // 2, monotonic() + seconds
    while size:
        begin = 0
        while begin < len(found.steps) and monotonic() < until:
            shorter = await comparison.run(_without(found.steps, begin, size), PATIENCE)
            if shorter is None:
                begin += size
            else:
                found = shorter
        size //= 2
    return found


def _without(steps: Sequence[Step], begin: int, size: int) -> Sequence[Step]:
    return [*steps[:begin], *steps[begin + size :]]
