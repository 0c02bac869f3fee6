"""``gim members``: lists the members of a chatroom."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from gim.cli import access
from gim.cli.arguments import add_for_user
from gim.cli.http import Server, route
from gim.cli.output import Column, Output, safe
from gim.cli.progress import Progress

_PAGE = 1000  # members, as many as the server gives at a time
_COLUMNS = [
    Column("USER", lambda row: row["id"]),
    Column("NAME", lambda row: safe(row["name"])),
    Column("ROLE", lambda row: row["role"]),
    Column("ONLINE", lambda row: "yes" if row["online"] else "no"),
]


def add(parser: ArgumentParser) -> None:
    parser.add_argument("room", metavar="ROOM", help="a chatroom that the user is a member of")
    add_for_user(parser)


def run(args: Namespace) -> int:
    show(args, access.user(args), route("v1", "chatrooms", args.room, "members"))
    return 0


def show(args: Namespace, server: Server, path: str) -> None:
    """Print the members that a route lists."""
    output = Output(args)
    rows = server.pages(path, {"count": _PAGE})
    output.table(Progress(output).each(rows, "members"), _COLUMNS)
