"""Chaos: random traffic and random faults, then an account of every message.

    python -m tests.integration.chaos [--seconds 500] [--seed N] [--setups memory,cluster]
        [--faults "node killed,clock set"] [--pause 0.01]

Starts gim on each setup in turn: one node on memory, one with three workers, one with a data directory,
two or three on one Redis, on one with AOF, on Sentinels, and on a Cluster. While clients talk, faults
come that the seed chooses: ``plan`` has their kinds. Then all is healed, and `checks` compares what
clients were told with what is stored, and with what each device got. The seconds are those of the faults,
for all setups together; each needs some 20 more. Exit status 1 if anything is wrong; what servers wrote
is in build/chaos then.
"""

from __future__ import annotations

import argparse
import random
import sys
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from tests.integration.chaos.plan import KINDS, SETUPS
from tests.integration.chaos.report import Result, figures, story, total
from tests.integration.chaos.run import fresh_directory, raise_file_limit, run_setup
from tests.integration.chaos.traffic import ACTION_PAUSE


def main() -> None:
    words = argparse.ArgumentParser(description="Harm gim, and see that it loses nothing.")
    words.add_argument("--seconds", type=float, default=500, help="under faults, in all")
    words.add_argument("--seed", type=int, default=random.randrange(2**31))
    words.add_argument("--setups", default=",".join(SETUPS), help="some of them, with commas in between")
    words.add_argument("--faults", help="kinds of faults, with commas in between, or none; else all")
    words.add_argument("--pause", type=float, default=ACTION_PAUSE, help="of a device after each action")
    given = words.parse_args()
    setups = given.setups.split(",")
    if unknown := set(setups) - set(SETUPS):
        words.error(f"not a setup: {', '.join(sorted(unknown))}")
    kinds = {kind.name for kind in KINDS} if given.faults is None else set(given.faults.split(","))
    if unknown := kinds - {kind.name for kind in KINDS} - {"none"}:
        words.error(f"not a kind of fault: {', '.join(sorted(unknown))}")
    raise_file_limit()
    react(lambda reactor: Deferred.fromCoroutine(_run(given, setups, kinds)))


async def _run(given: Any, setups: list[str], kinds: set[str]) -> None:
    print(f"seed {given.seed}: add --seed {given.seed} to try the same again", flush=True)
    directory = fresh_directory(given.seed)
    results = []
    for name in setups:
        share = given.seconds / len(setups)
        results.append(
            await run_setup(name, given.seed, share, kinds, given.pause, directory.child(name))
        )
        print(figures(results[-1]), *story(results[-1]), sep="\n", flush=True)
    if _conclude(given, results):
        directory.remove()
    else:
        sys.exit(1)


def _conclude(given: Any, results: list[Result]) -> bool:
    """Print the sum of all setups; say whether all is well."""
    print(total(results))
    broken = [one.setup for one in results if one.violations]
    if broken:
        seconds = given.seconds * len(broken) / len(results)
        words = f"--seconds {seconds:g} --seed {given.seed} --setups {','.join(broken)}"
        words += f" --faults '{given.faults}'" if given.faults else ""
        words += f" --pause {given.pause:g}" if given.pause != ACTION_PAUSE else ""
        print(f'again: make chaos CHAOS="{words}"')
    return not broken


if __name__ == "__main__":
    main()
