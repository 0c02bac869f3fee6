"""Sequences by their seeds, and what is said of a difference."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from time import monotonic

from msgspec import json

from tests.integration.differential.comparison import Comparison, Difference
from tests.integration.differential.dice import Dice
from tests.integration.differential.setups import EXPIRING
from tests.integration.differential.shrinking import shrink


async def search(
    comparison: Comparison, seeds: Iterable[int], steps: int, profile: str, seconds: float = inf
) -> str | None:
    """Compare a sequence of each seed; return a report on the first difference, None if there is none.

    After *seconds* no sequence begins any more.
    """
    setup, until = comparison.sides[1].name, monotonic() + seconds
    for seed in seeds:
        if monotonic() > until:
            break
        repeat = f"--seed {seed} --seeds 1 --steps {steps} --setups {setup} --profiles {profile}"
        found = await comparison.run(Dice(seed).steps(steps, profile == EXPIRING))
        if found is not None:
            return report(await shrink(comparison, found), len(found.steps), repeat)
        if (found := await comparison.statistics()) is not None:
            return report(found, steps, repeat)
    return None


def report(found: Difference, step: int, repeat: str) -> str:
    """Say what differs, after which steps, and how to see it again."""
    first, second = (json.encode(value, order="deterministic").decode() for value in found.values)
    return "\n".join(
        [
            f"{found.what} differs after step {step}; these steps suffice:",
            *(f"  {step}" for step in found.steps),
            f"memory: {first}",
            f"other:  {second}",
            f'to repeat: make differential DIFFERENTIAL="{repeat}"',
        ]
    )
