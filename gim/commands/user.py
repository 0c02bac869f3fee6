"""``gim user``: what the administrator can ask about a user."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from gim.cli import access
from gim.cli.arguments import add_for_admin
from gim.cli.connections import COLUMNS
from gim.cli.http import route
from gim.cli.output import Output, date


def add(parser: ArgumentParser) -> None:
    questions = parser.add_subparsers(required=True, metavar="connections | banned")
    for name, line, ask in (
        ("connections", "list the connections of a user, at any node", _connections),
        ("banned", "say since when and until when a user is banned", _banned),
    ):
        question = questions.add_parser(
            name, help=line, description=f"{line.capitalize()}.", allow_abbrev=False
        )
        question.add_argument("user_id", metavar="USER")
        add_for_admin(question)
        question.set_defaults(ask=ask)


def run(args: Namespace) -> int:
    args.ask(args)
    return 0


def _connections(args: Namespace) -> None:
    path = route("v1", "admin", "users", args.user_id, "connections")
    data = access.administrator(args).ask("GET", path)
    Output(args).table(data["items"], COLUMNS)


def _banned(args: Namespace) -> None:
    data = access.administrator(args).ask("GET", route("v1", "admin", "users", args.user_id, "ban"))
    text = f"from {date(data['since'])} until {date(data['until'])}" if data["until"] else "not banned"
    Output(args).record(data, text)
