"""``gim kick``: closes connections of a user with 3503, and lists them."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from gim.cli import access
from gim.cli.arguments import add_for_admin
from gim.cli.connections import COLUMNS
from gim.cli.http import route
from gim.cli.output import Output


def add(parser: ArgumentParser) -> None:
    parser.add_argument("user_id", metavar="USER")
    parser.add_argument(
        "key", metavar="KEY", nargs="?", help="only this connection; gim user connections lists the keys"
    )
    add_for_admin(parser)


def run(args: Namespace) -> int:
    one = () if args.key is None else (args.key,)
    path = route("v1", "admin", "users", args.user_id, "connections", *one)
    data = access.administrator(args).ask("DELETE", path)
    Output(args).table(data["items"], COLUMNS)
    return 0
