"""``gim sessions``: lists the sessions of a user."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from itertools import islice
from typing import Any

from gim import units
from gim.cli import access
from gim.cli.arguments import add_for_user, argument
from gim.cli.http import Server, route
from gim.cli.output import Column, Output, count, date, safe
from gim.cli.progress import Progress
from gim.ids import CHATROOM, PRIVATE

_PAGE = 200  # sessions, as many as the server gives at a time
_TYPES = {"chatroom": CHATROOM, "private": PRIVATE}


def _last(row: dict[str, Any]) -> str:
    last = row["last"]
    return f"{date(last['created_at'])} {last['sender']['id']}: {safe(last['content'])}" if last else ""


_COLUMNS = [
    Column("SESSION", lambda row: row["id"]),
    Column("TITLE", lambda row: safe(row["title"])),
    Column("UNREAD", lambda row: count(row["unread"]), is_number=True),
    Column("LAST MESSAGE", _last),
]


def add(parser: ArgumentParser) -> None:
    add_which(parser)
    add_for_user(parser)


def add_which(parser: ArgumentParser) -> None:
    """Declare which sessions are listed."""
    parser.add_argument(
        "--count", metavar="N", type=argument(units.count), help="the newest N; all if left out"
    )
    parser.add_argument("--type", choices=list(_TYPES), help="only those of this type")


def run(args: Namespace) -> int:
    show(args, access.user(args), route("v1", "sessions"), "session_type")
    return 0


def show(args: Namespace, server: Server, path: str, of_type: str) -> None:
    """Print the sessions that a route lists; *of_type* is the name of their type in its query."""
    output = Output(args)
    query = {of_type: _TYPES.get(args.type), "count": min(args.count or _PAGE, _PAGE)}
    rows = islice(server.pages(path, query), args.count)
    output.table(Progress(output).each(rows, "sessions"), _COLUMNS)
