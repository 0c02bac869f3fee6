"""``gim user``: what the administrator can ask about a user."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from functools import partial
from typing import Any

from gim.cli import access
from gim.cli.arguments import add_action_for_admin
from gim.cli.connections import COLUMNS
from gim.cli.http import route
from gim.cli.output import Output, date, safe
from gim.commands import sessions


def add(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, metavar="show | sessions | connections | banned")
    action = partial(add_action_for_admin, ("user_id", "USER"), actions)
    action("show", "show a user: chatrooms, ban and connections", _show)
    listed = action("sessions", "list the sessions of a user as they see them", _sessions)
    sessions.add_which(listed)
    action("connections", "list the connections of a user, at any node", _connections)
    action("banned", "say since when and until when a user is banned", _banned)


def run(args: Namespace) -> int:
    args.act(args)
    return 0


def _show(args: Namespace) -> None:
    data = access.administrator(args).ask("GET", route("v1", "admin", "users", args.user_id))
    Output(args).record(data, "\n".join(_lines(data)))


def _lines(data: Any) -> Iterator[str]:
    yield f"{data['id']}  {safe(data['name'])}  {'online' if data['online'] else 'offline'}"
    if data["ban"]["until"]:
        yield f"banned {_banned_text(data['ban'])}"
    yield f"chatrooms: {' '.join(data['chatrooms']) or 'none'}"
    for connection in data["connections"]:
        yield "connection: " + "  ".join(column.write(connection) for column in COLUMNS)


def _sessions(args: Namespace) -> None:
    path = route("v1", "admin", "users", args.user_id, "sessions")
    sessions.show(args, access.administrator(args), path, "type")


def _connections(args: Namespace) -> None:
    path = route("v1", "admin", "users", args.user_id, "connections")
    data = access.administrator(args).ask("GET", path)
    Output(args).table(data["items"], COLUMNS)


def _banned(args: Namespace) -> None:
    data = access.administrator(args).ask("GET", route("v1", "admin", "users", args.user_id, "ban"))
    Output(args).record(data, _banned_text(data))


def _banned_text(ban: Any) -> str:
    return f"from {date(ban['since'])} until {date(ban['until'])}" if ban["until"] else "not banned"
