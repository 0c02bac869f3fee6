"""``gim unmute``: ends a mute."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from gim.cli import access
from gim.cli.arguments import add_for_admin
from gim.cli.http import route
from gim.cli.output import Output, safe


def add(parser: ArgumentParser) -> None:
    parser.add_argument("room", metavar="ROOM")
    parser.add_argument("user_id", metavar="USER")
    add_for_admin(parser)


def run(args: Namespace) -> int:
    path = route("v1", "admin", "chatrooms", args.room, "members", args.user_id, "mute")
    data = access.administrator(args).ask("DELETE", path)
    Output(args).done(data, f"{safe(args.user_id)} is not muted")
    return 0
