"""``gim log``: checks the files of a data directory, and says what they hold."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from gim.cli.arguments import add_action, add_output
from gim.cli.data_directories import DAMAGED, MISSING, TORN, explained, verdicts
from gim.cli.failures import Failure
from gim.cli.output import Column, Output, as_json, count, date

_FILES = [
    Column("FILE", lambda row: row["file"]),
    Column("RECORDS", lambda row: count(row["records"]), is_number=True),
    Column("BYTES", lambda row: count(row["bytes"]), is_number=True),
    Column("VERDICT", lambda row: _verdict(row)),
]
_CONTENTS = [
    Column("FILE", lambda row: row["file"]),
    Column("BYTES", lambda row: count(row["bytes"]), is_number=True),
    Column("RECORDS", lambda row: count(row["records"]), is_number=True),
    Column("MESSAGES", lambda row: count(row["messages"]), is_number=True),
    Column("LIVE", lambda row: count(row["live_messages"]), is_number=True),
    Column("OLDEST", lambda row: _date(row["oldest"])),
    Column("NEWEST", lambda row: _date(row["newest"])),
]
_KINDS = [
    Column("KIND", lambda row: row["kind"]),
    Column("RECORDS", lambda row: count(row["records"]), is_number=True),
    Column("BYTES", lambda row: count(row["bytes"]), is_number=True),
]


def add(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, metavar="verify | stats")
    verify = add_action(actions, "verify", "check every record of a data directory", _verify)
    verify.description = (
        "Reads every record of a data directory, and changes nothing. A server may run meanwhile. A file"
        " is clean, or torn at its end by a crash, which the next start cuts off, or damaged. The exit"
        " status is 1 if a file is damaged or missing."
    )
    stats = add_action(actions, "stats", "count what a data directory holds", _stats)
    stats.description = (
        "Counts what a data directory holds: bytes, messages, live messages, records of each kind, by"
        " file and in all. A server may run meanwhile. It needs as much memory as a server with this"
        " directory."
    )
    for action in verify, stats:
        action.add_argument("directory", metavar="DIR", help="the data directory")
        add_output(action)


def run(args: Namespace) -> int:
    args.act(args)
    return 0


def _verify(args: Namespace) -> None:
    from gim.journal.backup import meta_of, snapshot, survey_now

    output = Output(args)
    with explained():
        meta_of(args.directory)
        with snapshot(args.directory, cuts=False) as copy:
            found = survey_now(copy)
    rows = list(verdicts(found))
    output.table(rows, _FILES)
    if any(row["verdict"] == TORN for row in rows):
        output.note("a torn end is what a crash leaves, or what a server is writing in the last file")
    bad = sum(row["verdict"] in (DAMAGED, MISSING) for row in rows)
    if bad:
        raise Failure(f"damaged or missing files: {bad} of {len(rows)}")


def _stats(args: Namespace) -> None:
    from gim.cli.storages import without_limits
    from gim.concurrency.clocks import WallClock
    from gim.storage.transfer.directories import opened
    from gim.storage.transfer.statistics import statistics_of

    output = Output(args)
    with explained(), opened(args.directory, without_limits(), WallClock()) as directory:
        found = statistics_of(directory)
    if output.is_json:
        print(as_json(found))
        return
    print(f"format {found['format']}, epoch {found['epoch']}, made {date(found['created_at'])}")
    output.table([*found["files"], found | {"file": "total"}], _CONTENTS)
    output.table(found["kinds"], _KINDS)


def _date(unix_ms: int | None) -> str:
    return date(unix_ms) if unix_ms is not None else ""


def _verdict(row: dict[str, Any]) -> str:
    valid, left = row["valid"], row["bytes"] - row["valid"]
    match row["verdict"]:
        case "torn":
            return f"torn: {count(left)} bytes behind offset {valid} are not a record"
        case "damaged":
            following = row["next_valid"]
            where = f", the next valid record is at {following}" if following is not None else ""
            return f"damaged at offset {valid}{where}"
        case verdict:
            return str(verdict)
