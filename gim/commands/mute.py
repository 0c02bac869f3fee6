"""``gim mute``: mutes a member of a chatroom for a time."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from gim.cli import access
from gim.cli.arguments import add_for_admin
from gim.cli.durations import add_duration
from gim.cli.http import route
from gim.cli.output import Output, date


def add(parser: ArgumentParser) -> None:
    parser.add_argument("room", metavar="ROOM")
    parser.add_argument("user_id", metavar="USER")
    add_duration(parser, "how long the mute lasts")
    add_for_admin(parser)


def run(args: Namespace) -> int:
    path = route("v1", "admin", "chatrooms", args.room, "members", args.user_id, "mute")
    data = access.administrator(args).ask("PUT", path, {"seconds": args.seconds})
    Output(args).record(data, f"until {date(data['until'])}")
    return 0
