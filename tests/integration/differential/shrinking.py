"""The shortest steps that still show a difference."""

from __future__ import annotations

from collections.abc import Sequence

from tests.integration.differential.comparison import Comparison, Difference
from tests.integration.differential.steps import Step

PATIENCE = 1.5  # seconds for what comes late; a full run has waited longer
MAX_RUNS = 60


async def shrink(comparison: Comparison, found: Difference, max_runs: int = MAX_RUNS) -> Difference:
    """Leave out steps, half of them first, then ever fewer, as long as a difference remains.

    This is the first half of the algorithm ddmin (Zeller and Hildebrandt, "Simplifying and Isolating
    Failure-Inducing Input", 2002): it removes what it can, but does not try subsets.
    """
    size, runs = len(found.steps) // 2, 0
    while size:
        begin = 0
        while begin < len(found.steps) and runs < max_runs:
            runs += 1
            shorter = await comparison.run(_without(found.steps, begin, size), PATIENCE)
            if shorter is None:
                begin += size
            else:
                found = shorter
        size //= 2
    return found


def _without(steps: Sequence[Step], begin: int, size: int) -> Sequence[Step]:
    return [*steps[:begin], *steps[begin + size :]]
