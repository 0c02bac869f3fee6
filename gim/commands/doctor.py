"""``gim doctor``: common problems of this machine and of the server."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from gim.cli import access, diagnosis
from gim.cli.arguments import add_output, add_server
from gim.cli.failures import REFUSED
from gim.cli.output import GREEN, RED, YELLOW, Output

_COLORS = {diagnosis.GOOD: GREEN, diagnosis.WARNING: YELLOW, diagnosis.BAD: RED}


def add(parser: ArgumentParser) -> None:
    parser.description = (
        "Checks open files, memory, disk and ports of this machine, and whether the server answers, is"
        " ready, has this version and the same time. The exit status is 1 if something is bad."
    )
    add_server(parser)
    add_output(parser)


def run(args: Namespace) -> int:
    output, status = Output(args), 0
    for finding in (*diagnosis.of_machine(), *diagnosis.of_server(access.anyone(args))):
        record = finding._asdict()
        verdict = output.colored(finding.verdict.ljust(7), _COLORS[finding.verdict])
        output.record(record, f"{verdict} {finding.subject}: {finding.text}")
        if finding.verdict == diagnosis.BAD:
            status = REFUSED
    return status
