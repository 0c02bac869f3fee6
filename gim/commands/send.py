"""``gim send``: sends messages as a user."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from dataclasses import asdict

from gim.cli import access, extras, gateway
from gim.cli.arguments import add_output, add_server_and_gateway, add_user
from gim.cli.content import add_content, content_of, given
from gim.cli.failures import Misuse
from gim.cli.http import route
from gim.cli.output import Output
from gim.ids import CHATROOM, PRIVATE

_DEFAULT_CATEGORY = "text"


def add(parser: ArgumentParser) -> None:
    parser.description = (
        "Sends a message over HTTP, and prints its id. With --lines it sends each line of standard input"
        " as a message of its own, over one connection to the gateway. A line that fails is named on"
        " standard error, and the exit status is 1 then."
    )
    parser.add_argument("target", metavar="TO", help="the user, or with --room the chatroom")
    add_content(parser)
    parser.add_argument("--room", action="store_true", help="TO is a chatroom")
    parser.add_argument(
        "--lines", action="store_true", help="send each line of standard input; TEXT is -"
    )
    parser.add_argument(
        "--request-id", metavar="ID", help="a repeated send with the same id stores nothing new"
    )
    add_server_and_gateway(parser)
    add_user(parser)
    add_output(parser)


def run(args: Namespace) -> int:
    if args.lines:
        return _send_lines(args)
    body = {
        "type": CHATROOM if args.room else PRIVATE,
        "target_id": args.target,
        **content_of(args),
        **given(request_id=args.request_id),
    }
    sent = access.user(args).ask("POST", route("v1", "messages"), body)
    Output(args).record(sent, sent["id"])
    return 0


def _send_lines(args: Namespace) -> int:
    if args.text != "-":
        raise Misuse("--lines reads standard input: write - as TEXT")
    if args.request_id is not None:
        raise Misuse("--lines and --request-id do not go together: each line gets an id of its own")
    login = gateway.login_of(args)
    extras.need("websockets", "client")
    import asyncio  # a good deal of the time of a start

    return asyncio.run(_send_each(args, login))


async def _send_each(args: Namespace, login: gateway.Login) -> int:
    from gim.cli.connecting import change_of, connected
    from gim.cli.line_sender import LineSender
    from gim.client.calls import Chatroom
    from gim.client.events import Event, Sent, State

    output = Output(args)

    def take(event: Event) -> None:
        if isinstance(event, State) and (note := change_of(event)):
            output.note(note)

    def stored(number: int, sent: Sent) -> None:
        data = {"line": number, **asdict(sent)}
        del data["request_id"]
        output.record(data, sent.id)
        sys.stdout.flush()

    to = Chatroom(args.target) if args.room else args.target
    category = args.category or _DEFAULT_CATEGORY
    async with connected(login, args.timeout) as (client, events):
        return await LineSender(client, to, category, take=take, stored=stored).run(events)
