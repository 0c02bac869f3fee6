"""``gim bench``: measures a running server over its gateway."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from gim import units
from gim.auth.constants import KEY_VARIABLE
from gim.cli import access, gateway
from gim.cli.arguments import add_key, add_output, add_server_and_gateway, argument
from gim.cli.failures import INTERRUPTED, Failure, Misuse, Refused
from gim.cli.http import Server, route
from gim.cli.output import YELLOW, Output, as_json
from gim.cli.progress import Progress

if TYPE_CHECKING:
    from gim.benchmark.plan import Plan

_MEASUREMENTS = ("idle", "login", "private", "fanout")
_DEFAULT_WINDOW = "10s"
_DEFAULT_SIZE = "64"
_NOT_FOUND = 404


def add(parser: ArgumentParser) -> None:
    parser.description = (
        "Measures a running server from this machine: private messages of pairs, messages to chatrooms,"
        " logins, and what idle connections cost. Without --rate each client sends its next message when"
        " the one before is complete; with --rate messages leave on time whatever the server does, and a"
        " latency counts from when its message was due."
    )
    parser.add_argument(
        "measurements",
        metavar="MEASUREMENT",
        nargs="*",
        choices=(*_MEASUREMENTS, "all"),
        default="all",  # an empty list would not be one of the choices
        help=f"{', '.join(_MEASUREMENTS)}; all if left out",
    )
    _add_load(parser)
    parser.add_argument(
        "--auth-key-file",
        metavar="FILE",
        help=f"the key that signs login tokens, for the users of the benchmark; or {KEY_VARIABLE}",
    )
    parser.add_argument("--auth-audience", metavar="TEXT", help="the claim aud of these tokens")
    parser.add_argument("--auth-issuer", metavar="TEXT", help="the claim iss of these tokens")
    parser.add_argument(
        "--yes", action="store_true", help="measure a server on another machine without being asked back"
    )
    add_server_and_gateway(parser)
    add_key(parser)
    add_output(parser)


def _add_load(parser: ArgumentParser) -> None:
    number = argument(units.count)
    parser.add_argument(
        "--clients", metavar="N", type=number, help="connections; 100 for private, else 1000 if left out"
    )
    parser.add_argument(
        "--rooms",
        metavar="N",
        type=number,
        default=1,
        help="chatrooms that the clients share; 1 if left out",
    )
    parser.add_argument(
        "--size",
        metavar="BYTES",
        type=argument(units.size),
        default=_DEFAULT_SIZE,
        help=f"bytes of the content of a message, {_DEFAULT_SIZE} if left out",
    )
    parser.add_argument(
        "--rate", metavar="N", type=number, help="messages, or logins, a second of all clients together"
    )
    parser.add_argument(
        "--in-flight",
        metavar="N",
        type=number,
        help="without --rate: messages of each client or chatroom at a time, 1 if left out; logins at a"
        " time, 32 if left out",
    )
    parser.add_argument(
        "--for",
        dest="window",
        metavar="TIME",
        type=argument(units.duration),
        default=_DEFAULT_WINDOW,
        help=f"how long each measurement takes, {_DEFAULT_WINDOW} if left out",
    )
    parser.add_argument(
        "--processes", metavar="N", type=number, default=1, help="of the generator, 1 if left out"
    )


def run(args: Namespace) -> int:
    import asyncio  # and what uses it, which is a good deal of the time of a start

    from gim.benchmark.planning import plans
    from gim.benchmark.report import text
    from gim.benchmark.server_load import ServerProbe
    from gim.benchmark.session import Session
    from gim.benchmark.site import Site
    from gim.benchmark.tokens import maker

    output = Output(args)
    site = Site.of(gateway.gateway_of(args).ws, args.timeout)
    if not (site.is_loopback or args.yes):
        raise Misuse(
            f"{site.url} is not on this machine: a benchmark takes all that a server has, and leaves"
            " users and messages behind. Say --yes if that is what you want"
        )
    token_of = maker(args.auth_key_file, args.auth_audience, args.auth_issuer)
    wanted = plans(args, site, token_of)

    def show(found: dict[str, Any]) -> None:
        print(as_json(found) if output.is_json else text(found), flush=True)
        for line in found["warnings"]:
            output.note(output.colored_note("warning:", YELLOW) + f" {line}")

    session = Session(ServerProbe(_api(args)), Progress(output), show)
    outcome = asyncio.run(session.run(wanted))
    if outcome.has_users:
        _tidy_up(args, output, wanted, outcome.rooms_left)
    if outcome.failure is not None:
        raise outcome.failure
    return INTERRUPTED if outcome.is_interrupted else 0


def _api(args: Namespace) -> Server | None:
    """Return the HTTP API, for the metrics, None where only the gateway is named."""
    url = gateway.gateway_of(args).url or os.environ.get(access.URL_VARIABLE)
    return Server(url, args.timeout) if url else None


def _tidy_up(args: Namespace, output: Output, wanted: list[Plan], rooms: list[str]) -> None:
    """Dismiss the chatrooms that their owners could not dismiss, and say what is left."""
    administrator = access.administrator_if_known(args) if rooms and _api(args) else None
    left = [room for room in rooms if administrator is None or not _is_dismissed(administrator, room)]
    users = max((plan.users for plan in wanted), key=len)
    output.note(
        f"left behind: the users {users[0].id} to {users[-1].id} and their private messages, which the"
        " server forgets in time" + (f"; the chatrooms {', '.join(left)}" if left else "")
    )


def _is_dismissed(administrator: Server, room: str) -> bool:
    try:
        administrator.ask("DELETE", route("v1", "admin", "chatrooms", room))
    except Refused as refused:
        return refused.code == _NOT_FOUND  # it is gone, or never was
    except Failure:
        return False
    return True
