"""``gim recall``: empties a message, which stays in its place."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from gim.cli import access
from gim.cli.arguments import add_for_admin
from gim.cli.http import route
from gim.cli.output import Output


def add(parser: ArgumentParser) -> None:
    parser.add_argument("session", metavar="SESSION", help="1:ROOM or 2:USER:USER")
    parser.add_argument("message_id", metavar="MESSAGE", help="the id of the message")
    add_for_admin(parser)


def run(args: Namespace) -> int:
    path = route("v1", "admin", "sessions", args.session, "messages", args.message_id)
    Output(args).done(access.administrator(args).ask("DELETE", path), "recalled")
    return 0
