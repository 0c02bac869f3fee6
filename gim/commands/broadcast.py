"""``gim broadcast``: pushes an event to all connected users, or sends to a chatroom as the system."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from gim.cli import access
from gim.cli.arguments import add_for_admin
from gim.cli.content import add_content, content_of, given
from gim.cli.failures import Misuse
from gim.cli.http import route
from gim.cli.output import Output


def add(parser: ArgumentParser) -> None:
    add_content(parser)
    parser.add_argument("--room", metavar="ROOM", help="send a message to this chatroom instead")
    parser.add_argument(
        "--request-id",
        metavar="ID",
        help="with --room: a repeated request with the same id sends nothing new",
    )
    add_for_admin(parser)


def run(args: Namespace) -> int:
    if args.room is None and args.request_id is not None:
        raise Misuse("--request-id: name a --room, too")
    of_room = () if args.room is None else ("chatrooms", args.room)
    body = {**content_of(args), **given(request_id=args.request_id)}
    data = access.administrator(args).ask("POST", route("v1", "admin", *of_room, "broadcasts"), body)
    output = Output(args)
    if args.room is None:
        output.done(data, "pushed to all connected users")
    else:
        output.record(data, data["id"])
    return 0
