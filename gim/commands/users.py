"""``gim users``: lists the users of a server."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from itertools import islice

from gim import units
from gim.cli import access
from gim.cli.arguments import add_for_admin, argument
from gim.cli.http import route
from gim.cli.output import Column, Output, safe
from gim.cli.progress import Progress

_PAGE = 1000  # users, as many as the server gives at a time
_COLUMNS = [
    Column("USER", lambda row: row["id"]),
    Column("NAME", lambda row: safe(row["name"])),
    Column("ONLINE", lambda row: "yes" if row["online"] else "no"),
]


def add(parser: ArgumentParser) -> None:
    parser.add_argument("prefix", metavar="PREFIX", nargs="?", help="what their ids begin with")
    parser.add_argument("--online", action="store_true", help="only users who are online")
    parser.add_argument("--count", metavar="N", type=argument(units.count), help="N at most; or all")
    add_for_admin(parser)


def run(args: Namespace) -> int:
    output = Output(args)
    query = {
        "prefix": args.prefix,
        "online": "true" if args.online else None,
        "count": min(args.count or _PAGE, _PAGE),
    }
    users = access.administrator(args).pages(route("v1", "admin", "users"), query)
    output.table(Progress(output).each(islice(users, args.count), "users"), _COLUMNS)
    return 0
