"""``gim close``: closes a connection with 3503, logged in or not."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from gim.cli import access
from gim.cli.arguments import add_for_admin
from gim.cli.http import route
from gim.cli.output import Output


def add(parser: ArgumentParser) -> None:
    parser.add_argument("key", metavar="KEY", help="gim connections lists the keys")
    add_for_admin(parser)


def run(args: Namespace) -> int:
    data = access.administrator(args).ask("DELETE", route("v1", "admin", "connections", args.key))
    Output(args).done(data, "closed")
    return 0
