"""``gim online``: says which users are online."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from gim.cli import access
from gim.cli.arguments import add_key, add_output, add_server, add_user
from gim.cli.failures import REFUSED, Misuse, Refused
from gim.cli.http import Server, route
from gim.cli.output import Output, safe

_NOT_FOUND = 404


def add(parser: ArgumentParser) -> None:
    parser.add_argument("ids", metavar="USER", nargs="+")
    parser.description = (
        "Says which users are online. Asks as a user, or as the administrator where no user is given. The"
        " exit status is 1 if there is no such user."
    )
    add_server(parser)
    add_user(parser)
    add_key(parser)
    add_output(parser)


def run(args: Namespace) -> int:
    output, status = Output(args), 0
    ask = _question(args)
    for user_id in args.ids:
        try:
            state = ask(user_id)
        except Refused as error:
            if error.code != _NOT_FOUND:
                raise
            output.note(f"gim: {safe(user_id)}: {error}")
            status = REFUSED
        else:
            output.record(state, f"{user_id} {'online' if state['online'] else 'offline'}")
    return status


def _question(args: Namespace) -> Any:
    """Return what asks about one user."""
    if server := access.user_if_known(args):
        return lambda user_id: server.ask("GET", route("v1", "users", user_id))
    if server := access.administrator_if_known(args):
        return lambda user_id: _by_connections(server, user_id)
    raise Misuse("say as which user: with --as ID, or with a token or the administrator's key")


def _by_connections(server: Server, user_id: str) -> dict[str, Any]:
    """Ask as the administrator, who sees connections, but not whether a user exists."""
    data = server.ask("GET", route("v1", "admin", "users", user_id, "connections"))
    return {"id": user_id, "online": bool(data["items"])}
