"""The same random steps on memory, on workers and on Redis, for longer.

    python -m tests.integration.differential [--seed N] [--seeds 5] [--steps 400] [--seconds 400]
        [--setups workers,redis,nodes,redis-workers,cluster]
        [--profiles sequences,trimming,webhooks,expiring,limits]

Each setup runs with each profile (options of the daemons), with sequences of so many seeds, or of fewer
when its share of the seconds is over. Exit status 1 if the answers or pushes differ: the report shows
the shortest steps that were found, and how to repeat them.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
from collections.abc import Iterable
from itertools import product
from time import monotonic

from twisted.trial.reporter import TreeReporter
from twisted.trial.runner import TrialRunner
from twisted.trial.unittest import TestSuite

from tests.integration.differential.search import search
from tests.integration.differential.setups import PROFILES, SETUPS, ComparisonCase


class Search(ComparisonCase):
    """One setup with one profile."""

    timeout = 3600

    def __init__(
        self, setup: str, profile: str, seeds: Iterable[int], steps: int, seconds: float
    ) -> None:
        super().__init__("test_alike")
        self._setup, self._profile = setup, profile
        self._seeds, self._steps, self._seconds = seeds, steps, seconds

    def id(self) -> str:
        return f"{super().id()}.{self._setup}-{self._profile}"

    def shortDescription(self) -> str:
        return f"{self._setup}, {self._profile}"

    async def test_alike(self) -> None:
        comparison = await self.comparison(self._setup, self._profile)
        found = await search(comparison, self._seeds, self._steps, self._profile, self._seconds)
        if found is not None:
            print(f"\n{found}", flush=True)
            self.fail("see above")


def main() -> int:
    words = argparse.ArgumentParser(description="Compare set-ups with one process on memory.")
    words.add_argument("--seed", type=int, default=random.randrange(2**31))
    words.add_argument("--seeds", type=int, default=5, help="how many sequences of each")
    words.add_argument("--steps", type=int, default=400, help="of each sequence")
    words.add_argument("--seconds", type=float, default=400, help="after which no sequence begins")
    words.add_argument("--setups", default=",".join(SETUPS))
    words.add_argument("--profiles", default=",".join(PROFILES))
    given = words.parse_args()
    print(f"seed {given.seed}: add --seed {given.seed} to try the same again", flush=True)
    seeds = range(given.seed, given.seed + given.seeds)
    pairs = list(product(given.setups.split(","), given.profiles.split(",")))
    share = given.seconds / len(pairs)
    suite = TestSuite(Search(*pair, seeds, given.steps, share) for pair in pairs)
    began = monotonic()
    directory = f"build/trial/differential-{os.getpid()}"
    result = TrialRunner(TreeReporter, workingDirectory=directory).run(suite)
    print(f"{given.seeds} sequences of {given.steps} steps each at most, {monotonic() - began:.0f} s")
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
