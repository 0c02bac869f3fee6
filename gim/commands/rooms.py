"""``gim rooms``: lists the chatrooms of a server."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from itertools import islice

from gim import units
from gim.cli import access
from gim.cli.arguments import add_for_admin, argument
from gim.cli.http import route
from gim.cli.output import Column, Output, count, safe
from gim.cli.progress import Progress

_PAGE = 200  # chatrooms, as many as the server gives at a time
COLUMNS = [
    Column("ROOM", lambda row: row["id"]),
    Column("NAME", lambda row: safe(row["name"])),
    Column("OWNER", lambda row: row["owner_id"]),
    Column("MEMBERS", lambda row: count(row["members"]), is_number=True),
    Column("CONNECTIONS", lambda row: count(row["connections"]), is_number=True),
    Column("MESSAGES/S", lambda row: f"{row['messages']:,.1f}", is_number=True),
]


def add(parser: ArgumentParser) -> None:
    parser.add_argument("prefix", metavar="PREFIX", nargs="?", help="what their ids begin with")
    parser.add_argument(
        "--sort",
        choices=["connections", "messages"],
        help=f"the {_PAGE} busiest, those with most connections or messages first; all if left out",
    )
    parser.add_argument("--count", metavar="N", type=argument(units.count), help="N at most; or all")
    add_for_admin(parser)


def run(args: Namespace) -> int:
    output = Output(args)
    query = {"prefix": args.prefix, "sort": args.sort, "count": min(args.count or _PAGE, _PAGE)}
    rooms = access.administrator(args).pages(route("v1", "admin", "chatrooms"), query)
    output.table(Progress(output).each(islice(rooms, args.count), "chatrooms"), COLUMNS)
    return 0
