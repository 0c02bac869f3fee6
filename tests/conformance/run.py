"""Run the cases of the Autobahn test suite against the gateway's protocol and transport.

    python -m tests.conformance.run [--quick] [--stock] [--http] [--workers N]

`kosoku` has the cases; it needs an environment without Autobahn, which is made in build/kosoku. A case
must end in OK, INFORMATIONAL or NON-STRICT, and no worse than on Autobahn alone: what is not plainly OK
is run there too, or all that was run with --stock. A case that did not finish in the time that it has,
60 s for most, is tried once more without others beside it. The reports are in build/conformance.
--quick takes some seconds: all but the groups of compression, and one case of each of those. With
--workers the connections are served by so many processes, as with ``--gateway-worker``; with --http they
begin as connections of the HTTP API, at /ws.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import subprocess
import sys
import time
import venv
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build"
KOSOKU = "kosoku==0.1.0"

LIMIT = 3600  # seconds for one run of the cases
TIMED_OUT = "Case did not finish"


class Selection(NamedTuple):
    """Cases, as ids or globs; how many they are, and how many to run at once."""

    cases: tuple[str, ...]
    count: int  # type: ignore[assignment]
    parallel: int


# cases of compression keep an echo busy for minutes, so many at once would not end in their time
ALL = Selection(("*",), 517, 2)
QUICK = Selection(
    (
        *(f"{group}.*" for group in (1, 2, 3, 4, 5, 6, 7, 9, 10)),
        *(f"12.{group}.1" for group in range(1, 6)),
        *(f"13.{group}.1" for group in range(1, 8)),
    ),
    313,
    8,
)


def only(cases: Collection[str]) -> Selection:
    return Selection(tuple(cases), len(cases), 1)


BEST_FIRST = ("OK", "INFORMATIONAL", "NON-STRICT")  # anything else has failed


class Verdict(NamedTuple):
    """How a case went, and how its connection was closed."""

    behavior: str
    behavior_close: str

    @property
    def rank(self) -> int:
        """The lower the better: an index of `BEST_FIRST`, or its length."""
        return max(BEST_FIRST.index(part) if part in BEST_FIRST else len(BEST_FIRST) for part in self)

    @property
    def is_passed(self) -> bool:
        return self.rank < len(BEST_FIRST)

    def __str__(self) -> str:
        return " / ".join(self)


def prepare(requirement: str, program_name: str = "") -> Path:
    """Return the program of a package, installed in an environment of its own.

    Its name is that of the package unless there is a *program_name*.
    """
    name = requirement.partition("==")[0]
    home = BUILD / name
    program, installed = home / "bin" / (program_name or name), home / f".installed-{requirement}"
    if not (program.exists() and installed.exists()):
        venv.create(home, clear=True, with_pip=True)
        subprocess.run([home / "bin" / "python", "-m", "pip", "install", "-q", requirement], check=True)
        installed.touch()
    return program


class Server(NamedTuple):
    """An echo server: its name in reports, and its options."""

    name: str
    options: tuple[str, ...] = ()

    @property
    def again(self) -> Server:
        return self._replace(name=f"{self.name}-again")


STOCK = Server("stock", ("--stock",))


@contextmanager
def echoing(server: Server) -> Iterator[int]:
    """Start an echo server, give its port, and stop it."""
    command = [sys.executable, "-m", "tests.conformance.echo", *server.options]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as echo:
        try:
            assert echo.stdout is not None
            line = echo.stdout.readline()
            if not line:
                sys.exit(f"the {server.name} echo did not start")
            yield int(line)
        finally:
            echo.kill()


def run(program: Path, server: Server, selection: Selection) -> dict[str, Verdict]:
    """Run cases against an echo server; return how each went."""
    name, began = server.name, time.monotonic()
    verdicts, timed_out = try_once(program, server, selection)
    if timed_out:
        print(f"{name}: tried again, alone: {', '.join(timed_out)}", flush=True)
        verdicts |= try_once(program, server.again, only(timed_out))[0]
    counts = Counter(str(verdict) for verdict in verdicts.values())
    figures = ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))
    passed = sum(verdict.is_passed for verdict in verdicts.values())
    seconds = time.monotonic() - began
    print(f"{name}: {passed} of {len(verdicts)} cases passed in {seconds:.1f} s ({figures})", flush=True)
    if len(verdicts) != selection.count:
        sys.exit(f"{selection.count} cases should have been run on {name}")
    return verdicts


def try_once(program: Path, server: Server, selection: Selection) -> tuple[dict[str, Verdict], list[str]]:
    """Run cases; return how each went, and those that were not done in time."""
    reports = BUILD / "conformance" / server.name
    shutil.rmtree(reports, ignore_errors=True)
    reports.mkdir(parents=True)
    with echoing(server) as port, open(reports / "output.txt", "wb") as output:
        options = ["-o", str(reports), "-p", str(selection.parallel)]
        for case in selection.cases:
            options += ["-i", case]
        # its exit status says less than its report; when this is interrupted, `run` kills it
        command = [str(program), f"ws://127.0.0.1:{port}/ws", *options]
        subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, timeout=LIMIT)
    index = reports / "index.json"
    if not index.exists():
        sys.exit(f"no report on {server.name}; see {reports / 'output.txt'}")
    # {agent: {case: {...}}}
    cases: dict[str, dict[str, Any]]
    (cases,) = json.loads(index.read_text()).values()
    verdicts = {case: Verdict(each["behavior"], each["behaviorClose"]) for case, each in cases.items()}
    timed_out = [
        case
        for case in sorted(cases, key=in_order)
        if not verdicts[case].is_passed
        and TIMED_OUT in json.loads((reports / cases[case]["reportfile"]).read_text())["result"]
    ]
    return verdicts, timed_out


def in_order(case: str) -> list[int]:
    return [int(part) for part in case.split(".")]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.run")
    parser.add_argument("--quick", action="store_true", help="some seconds instead of some minutes")
    parser.add_argument("--stock", action="store_true", help="run every case on Autobahn alone too")
    parser.add_argument("--http", action="store_true", help="at /ws of the HTTP address")
    parser.add_argument("--workers", type=int, default=1, help="processes that serve")
    options = parser.parse_args()
    selection = QUICK if options.quick else ALL
    program = prepare(KOSOKU)
    server = Server("gim")
    if options.http:
        server = Server("gim-http", ("--http",))
    elif options.workers > 1:
        server = Server(f"gim-{options.workers}-workers", ("--workers", str(options.workers)))
    ours = run(program, server, selection)
    not_ok = sorted((case for case, verdict in ours.items() if verdict.rank), key=in_order)
    stock: dict[str, Verdict] = {}
    if options.stock:
        stock = run(program, STOCK, selection)
    elif not_ok:
        stock = run(program, STOCK, only(not_ok))
    bad = 0
    for case in not_ok:
        is_worse = case in stock and stock[case].rank < ours[case].rank
        is_bad = is_worse or not ours[case].is_passed
        bad += is_bad
        print(f"{'BAD ' if is_bad else '    '}{case}: {ours[case]}; stock {stock.get(case, 'not run')}")
    return int(bad > 0)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that all that was started is stopped
    sys.exit(main())
