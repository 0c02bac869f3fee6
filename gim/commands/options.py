"""``gim options``: the options that a server runs with."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from gim.cli import access
from gim.cli.arguments import add_for_admin
from gim.cli.http import route
from gim.cli.output import Column, Output, safe

_COLUMNS = [
    Column("OPTION", lambda row: row["name"]),
    Column("VALUE", lambda row: safe(row["value"] or "")),
    Column("FROM", lambda row: safe(row["origin"])),
]


def add(parser: ArgumentParser) -> None:
    parser.description = "Prints the options of a running server and where each was set, without secrets."
    parser.add_argument("--changed", action="store_true", help="only the options that were set")
    add_for_admin(parser)


def run(args: Namespace) -> int:
    data = access.administrator(args).ask("GET", route("v1", "admin", "options"))
    rows = [row for row in data["items"] if not args.changed or row["origin"] != "default"]
    Output(args).table(rows, _COLUMNS)
    return 0
