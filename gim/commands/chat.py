"""``gim chat``: a user's conversations on a terminal, or one of them as lines."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace

from gim.cli import extras, gateway
from gim.cli.arguments import add_for_connected
from gim.cli.failures import Misuse
from gim.cli.output import Output


def add(parser: ArgumentParser) -> None:
    parser.description = (
        "Talks with users and in chatrooms: messages above, the prompt below, and /help lists what may be"
        " typed. Where standard input or output is not a terminal, it sends each line that comes in, and"
        " prints what others write as lines, until its input ends."
    )
    parser.add_argument("who", metavar="WHO", nargs="?", help="the user to talk with")
    parser.add_argument("--room", metavar="ROOM", help="join this chatroom, and talk there")
    add_for_connected(parser)


def run(args: Namespace) -> int:
    login = gateway.login_of(args)
    if args.who is not None and args.room is not None:
        raise Misuse("WHO and --room do not go together")
    has_terminal = sys.stdin.isatty() and sys.stdout.isatty() and not args.json
    if not has_terminal and args.who is None and args.room is None:
        raise Misuse("without a terminal, name a user as WHO, or a chatroom with --room")
    if has_terminal:
        extras.need("prompt_toolkit", "chat")
    extras.need("websockets", "client")
    import asyncio  # a good deal of the time of a start

    return asyncio.run(_chat(args, login, has_terminal))


async def _chat(args: Namespace, login: gateway.Login, has_terminal: bool) -> int:
    from gim.cli.connecting import connected, refusals
    from gim.cli.outside import ends_from_outside

    output = Output(args)
    with ends_from_outside():
        async with connected(login, args.timeout) as (client, events):
            with refusals():
                if has_terminal:
                    from gim.cli.chat import terminal

                    here = (login.url, login.user, args.who, args.room)
                    return await terminal.chat(client, events, *here, has_color=output.has_color)
                from gim.cli.chat import plain
                from gim.cli.chat.book import Book

                book = Book(login.user)
                conversation = book.user(args.who) if args.room is None else book.room(args.room)
                return await plain.chat(client, events, login.user, conversation, output)
