"""Fuzzing for longer.

    python -m tests.integration.hostile.fuzz [--seconds 30] [--runs 100000] [--seed N] [WORD …]

Every property of the tests beside this file is tried with examples drawn anew, each in a process of its
own: half of the time by hypothesis, half of it by atheris (libFuzzer) if that is there, which looks at
what code an example reaches. Examples worth keeping gather in build/fuzz/, in one directory for each
property, and are used again. WORDs choose properties by their names. Exit status 1 if one does not
hold; what it says, which is in the directory as well, tells how to see it again.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import unittest
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from time import monotonic
from typing import Any

from hypothesis import seed, settings
from hypothesis.database import DirectoryBasedExampleDatabase
from twisted.logger import globalLogBeginner

from tests.support.hostile.properties import SETTINGS

MODULES = (
    "tests.integration.hostile.test_sockets",
    "tests.integration.hostile.test_requests",
    "tests.integration.hostile.test_inputs",
)
BUILD = Path("build/fuzz")
ROUND = 200  # examples between two looks at the clock
SLACK = 120  # seconds that a process has to start and to end


def main() -> int:
    """Fuzz all properties, or the one of ``--only``."""
    words = argparse.ArgumentParser(description="Fuzz gim.")
    words.add_argument("--seconds", type=int, default=30, help="for each property, at most")
    words.add_argument("--runs", type=int, default=100_000, help="for each property and engine, at most")
    words.add_argument("--seed", type=int, default=random.randrange(2**31))
    words.add_argument("--only", help=argparse.SUPPRESS)  # the property of this process
    words.add_argument("--engine", choices=("hypothesis", "atheris"), default="hypothesis")
    words.add_argument("word", nargs="*", help="part of the names of properties")
    given = words.parse_args()
    if given.only:
        return _fuzz(given)
    print(f"seed {given.seed}: add --seed {given.seed} to try the same again", flush=True)
    engines = ["hypothesis", *(["atheris"] if find_spec("atheris") else [])]
    chosen = [name for name in _properties() if all(word in name for word in given.word)]
    broken = [
        name for name in chosen for engine in engines if not _run(name, engine, given, len(engines))
    ]
    print(
        f"{len(chosen)} properties with {' and '.join(engines)}: {len(broken)} broken", *broken, sep="\n"
    )
    return 1 if broken or not chosen else 0


def _properties() -> Iterator[str]:
    """Return the names of all test methods that are `fuzzed`."""
    suites = unittest.defaultTestLoader.loadTestsFromNames(MODULES)
    for case in _cases(suites):
        if hasattr(getattr(case, case._testMethodName), "prepare"):
            yield case.id()


def _cases(suite: Any) -> Iterator[Any]:
    for each in suite:
        if isinstance(each, unittest.TestSuite):
            yield from _cases(each)
        else:
            yield each


def _run(name: str, engine: str, given: Any, engines: int) -> bool:
    """Fuzz one property in a process of its own; say if it holds."""
    seconds = max(1, given.seconds // engines)
    directory = BUILD / name.removeprefix("tests.integration.hostile.")
    (directory / "corpus").mkdir(parents=True, exist_ok=True)
    log = directory / f"{engine}.log"
    command = [sys.executable, "-m", "tests.integration.hostile.fuzz", "--only", name, "--engine", engine]
    numbers = {"--seconds": seconds, "--runs": given.runs, "--seed": given.seed}
    command += [str(word) for pair in numbers.items() for word in pair]
    began = monotonic()
    with open(log, "wb") as output:
        status = _status(command, output, seconds + SLACK)
    print(f"{'ok' if status == 0 else 'BROKEN'} {name} {engine} {monotonic() - began:.0f} s", flush=True)
    if status:
        print(log.read_text("utf-8", "replace")[-3000:])
    return status == 0


def _status(command: list[str], output: Any, seconds: int) -> int:
    try:
        return subprocess.run(command, stdout=output, stderr=output, timeout=seconds).returncode
    except subprocess.TimeoutExpired:  # an example that takes for ever is a finding as well
        return 1


def _fuzz(given: Any) -> int:
    # until it begins, events are kept, and what they tell of
    globalLogBeginner.beginLoggingTo([lambda event: None], redirectStandardIO=False, discardBuffer=True)  # type: ignore[list-item]
    directory = BUILD / given.only.removeprefix("tests.integration.hostile.")
    with _instrumented() if given.engine == "atheris" else nullcontext():
        case = _case(given.only)
    case.mktemp = lambda: str(directory / f"files-{os.getpid()}")
    case.flushLoggedErrors = list  # trial keeps none here
    case.setUp()
    prepare = partial(getattr(case, case._testMethodName).prepare, case)
    (_with_atheris if given.engine == "atheris" else _with_hypothesis)(prepare, directory, given)
    return 0


def _case(name: str) -> Any:
    module, kind, method = name.rsplit(".", 2)
    return getattr(__import__(module, fromlist=[kind]), kind)(method)


def _instrumented() -> Any:
    import atheris  # type: ignore[import-not-found,unused-ignore]

    return atheris.instrument_imports(include=["gim", "autobahn.websocket", "twisted.web", "jwt"])


def _with_hypothesis(prepare: Callable[[], Any], directory: Path, given: Any) -> None:
    database = DirectoryBasedExampleDatabase(directory / "hypothesis")
    until, count = monotonic() + given.seconds, 0
    while monotonic() < until and count < given.runs:
        limits = settings(SETTINGS, max_examples=min(ROUND, given.runs - count), database=database)
        seed(given.seed + count)(limits(prepare()))()
        count += ROUND
    print(f"{count} examples at most")


def _with_atheris(prepare: Callable[[], Any], directory: Path, given: Any) -> None:
    import atheris

    words = [
        f"-max_total_time={given.seconds}",
        f"-runs={given.runs}",
        f"-seed={given.seed}",
        "-max_len=4096",
        "-len_control=0",
        "-rss_limit_mb=1024",
        f"-artifact_prefix={directory}/",
        str(directory / "corpus"),
    ]
    atheris.Setup([sys.argv[0], *words], prepare().hypothesis.fuzz_one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
