"""``gim post``: sends a message as the system or as any user."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from gim.cli import access
from gim.cli.arguments import add_for_admin
from gim.cli.content import add_content, content_of, given
from gim.cli.http import route
from gim.cli.output import Output
from gim.ids import CHATROOM, PRIVATE


def add(parser: ArgumentParser) -> None:
    parser.add_argument("target", metavar="TO", help="the user, or with --room the chatroom")
    add_content(parser)
    parser.add_argument("--room", action="store_true", help="TO is a chatroom")
    parser.add_argument(
        "--from", dest="sender", metavar="USER", help="the sender; the system if left out"
    )
    parser.add_argument(
        "--request-id", metavar="ID", help="a repeated request with the same id sends nothing new"
    )
    add_for_admin(parser)


def run(args: Namespace) -> int:
    body = {
        "type": CHATROOM if args.room else PRIVATE,
        "target_id": args.target,
        **content_of(args),
        **given(sender_id=args.sender, request_id=args.request_id),
    }
    sent = access.administrator(args).ask("POST", route("v1", "admin", "messages"), body)
    Output(args).record(sent, sent["id"])
    return 0
