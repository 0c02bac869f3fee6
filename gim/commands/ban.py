"""``gim ban``: bans a user for a time."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from gim.cli import access
from gim.cli.arguments import add_for_admin
from gim.cli.durations import add_duration
from gim.cli.http import route
from gim.cli.output import Output, date


def add(parser: ArgumentParser) -> None:
    parser.add_argument("user_id", metavar="USER")
    add_duration(parser, "how long the ban lasts")
    add_for_admin(parser)


def run(args: Namespace) -> int:
    path = route("v1", "admin", "users", args.user_id, "ban")
    data = access.administrator(args).ask("PUT", path, {"seconds": args.seconds})
    Output(args).record(data, f"until {date(data['until'])}")
    return 0
