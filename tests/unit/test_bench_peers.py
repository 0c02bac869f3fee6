"""How the benchmark shows and judges gim beside other servers."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from bench import centrifugo, summary
from bench.__main__ import FULL
from bench.bars import judge
from bench.results import Column, Table, new_table


def table(job: str, key: str, **rounds: list[float]) -> Table:
    """Return the table of a job with the figures of each row's rounds; a row's - is written as _."""
    made = new_table(job, job, [Column(key, key)], {})
    for row, figures in rounds.items():
        for figure in figures:
            made.add(row.replace("_", "-"), **{key: figure})
    return made


class SideBySideTests(SynchronousTestCase):
    def text(self, *tables: Table) -> list[list[str]]:
        """Return the cells of the lines, without the rule below the head and the note."""
        lines = summary.as_text(FULL, {each.job: each for each in tables}).splitlines()
        cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "|" in line]
        return [cells[0], *cells[2:]] if cells else []

    def test_other_servers_are_ratios_of_the_same_round(self) -> None:
        rounds = {"gim_1": [30.0, 60.0, 20.0], "centrifugo_1": [45.0, 60.0, 40.0]}
        self.assertEqual(
            self.text(table("private", "cpu_us", **rounds)),
            [
                ["", "private, 1 in flight", "private, 8 in flight"],
                ["gim", "1 (30.0)", ""],
                ["Centrifugo, one core", "1.50", ""],
            ],
        )

    def test_memory_is_no_ratio(self) -> None:
        idle = table("idle", "bytes", gim_10000=[8704.0], uws_10000=[2560.0])
        self.assertEqual(self.text(idle)[1:], [["gim", "8.5"], ["uWebSockets.js", "2.5"]])

    def test_without_such_a_job_there_is_no_table(self) -> None:
        self.assertEqual(self.text(table("store", "append", a=[1.0])), [])


class BarTests(SynchronousTestCase):
    def verdicts(self, made: Table) -> dict[str, str]:
        return {
            bar.what: bar.verdict for bar in judge(FULL, {made.job: made}) if bar.measured is not None
        }

    def test_a_bar_that_is_missed_fails(self) -> None:
        found = self.verdicts(table("logins", "cpu_us", gim=[150.0], stock=[400.0], centrifugo=[200.0]))
        self.assertEqual(
            found,
            {
                "CPU per login by that of Centrifugo": "pass",
                "CPU per login by that of stock Autobahn": "FAIL",
            },
        )

    def test_a_server_that_is_absent_has_no_bar(self) -> None:
        logins = table("logins", "cpu_us", gim=[150.0])
        self.assertEqual(judge(FULL, {"logins": logins}), [])


class CentrifugoTests(SynchronousTestCase):
    def program(self, text: str) -> None:
        """Put a program centrifugo on the PATH, which has no other."""
        directory = Path(self.mktemp())
        directory.mkdir()
        program = directory / "centrifugo"
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
        self.patch(os, "environ", {**os.environ, "PATH": str(directory.absolute())})

    def test_a_release_says_its_version(self) -> None:
        self.program("echo 'Centrifugo v6.9.1 (Go version: go1.26.8)'")
        self.assertEqual(centrifugo.version(), "6.9.1")

    def test_the_version_of_a_build_is_that_of_its_module(self) -> None:
        module = "mod\tgithub.com/centrifugal/centrifugo/v6\tv6.9.2\th1:abc="
        self.program(f"echo 'Centrifugo v0.0.0 (Go version: go1.26.8)'\n# {module}")
        self.assertEqual(centrifugo.version(), "6.9.2")

    def test_one_core_is_what_its_runtime_is_told(self) -> None:
        self.assertEqual(centrifugo.command("centrifugo", 8000)[1]["GOMAXPROCS"], "1")
        self.assertNotIn("GOMAXPROCS", centrifugo.command("centrifugo-cores", 8000)[1])
