"""``gim top``: how busy a server is, from its live figures and its connections."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from time import monotonic
from typing import Any

from gim import units
from gim.cli import access, keyboard
from gim.cli.arguments import add_for_admin, argument
from gim.cli.failures import Refused, TimedOut, Unreachable
from gim.cli.figures import PROCESSES, summary
from gim.cli.http import Server, route
from gim.cli.output import Output, as_json
from gim.commands.connections import SORTS, columns
from gim.concurrency.clocks import WallClock

_DEFAULT_INTERVAL = "1s"
_DEFAULT_COUNT = 10
_SAMPLE_INTERVAL = 1.0  # seconds between two events of the server
_SILENCE = 5.0  # seconds without an event after which the server is taken for gone
_BUSY = (429, 500, 503)
_LIVE = route("v1", "admin", "live")
_FROM_THE_TOP = "\x1b[H\x1b[J"  # of ECMA-48: cursor to the first line, erase what is below


def add(parser: ArgumentParser) -> None:
    parser.description = (
        "Watches how busy a server is: the live figures of all nodes, and with the administrator's key"
        " also their first connections in an order. A server without a key shows its figures to its own"
        " machine. On a terminal the view is drawn anew each second, also when the server is gone for a"
        " while, and q ends it; elsewhere each view follows the one before."
    )
    parser.add_argument("users", metavar="USER", nargs="*", help="only connections of these users")
    parser.add_argument("--sort", choices=SORTS, help="order of the connections, unsent if left out")
    parser.add_argument("--address", help="only connections from addresses that begin with this")
    parser.add_argument(
        "--count",
        metavar="N",
        type=argument(units.count_or_zero),
        default=_DEFAULT_COUNT,
        help=f"how many connections at most, {_DEFAULT_COUNT} if left out",
    )
    parser.add_argument(
        "--interval",
        metavar="TIME",
        type=argument(units.duration),
        default=_DEFAULT_INTERVAL,
        help=f"time between two views, {_DEFAULT_INTERVAL} or longer",
    )
    parser.add_argument("--once", action="store_true", help="print one view")
    add_for_admin(parser)


def run(args: Namespace) -> int:
    output, watch = Output(args), Watch(args)
    if args.once:
        _show(output, watch.view(), "")
        return 0
    with keyboard.keys() as keys:
        redraws = keys is not None and not output.is_json
        begin = _FROM_THE_TOP if redraws else ""
        has_begun = False
        while True:
            try:
                for view in watch.views():
                    _show(output, view, begin)
                    has_begun = True
                    if keyboard.is_ended(keys, 0):
                        return 0
                raise Unreachable(f"{watch.url} has ended the stream")
            except (Unreachable, TimedOut, Refused) as error:
                is_final = isinstance(error, Refused) and error.code not in _BUSY
                if is_final or not (redraws and has_begun):
                    raise
                print(f"{begin}gim: {error}: asking again every {_SAMPLE_INTERVAL:g} s", flush=True)
            if keyboard.is_ended(keys, _SAMPLE_INTERVAL):
                return 0


class Watch:
    """Asks a server for its figures and its connections."""

    def __init__(self, args: Namespace) -> None:
        """Raises `Misuse` if connections are asked for without the administrator's key."""
        wants_connections = args.users or args.sort or args.address
        known = access.administrator(args) if wants_connections else access.administrator_if_known(args)
        self._administrator = known
        self._figures = access.administrator_if_known(args) or access.anyone(args)
        self._args = args
        self.url = self._figures.url

    def view(self) -> dict[str, Any]:
        """Return one view: a `sample` of GET /v1/admin/live, and connections. Raises as `Server.ask`."""
        return self._with_connections(self._figures.ask("GET", _LIVE, query={"once": "true"}))

    def views(self) -> Iterator[dict[str, Any]]:
        """Yield views at the interval of the arguments until the server ends them. Raises as `view`."""
        due = 0.0
        for name, event in self._figures.events(_LIVE, silence=_SILENCE):
            if name == "sample" and monotonic() >= due:
                due = monotonic() + self._args.interval - _SAMPLE_INTERVAL / 2
                yield self._with_connections(event)

    def _with_connections(self, live: dict[str, Any]) -> dict[str, Any]:
        return {**live, "connections": list(self._connections())}

    def _connections(self) -> Iterator[dict[str, Any]]:
        if self._administrator is None or not self._args.count:
            return
        for user in self._args.users or (None,):
            yield from _page(self._administrator, self._args, user)


def _page(server: Server, args: Namespace, user: str | None) -> list[dict[str, Any]]:
    query = {"sort": args.sort, "count": args.count, "user": user, "address": args.address}
    return list(server.ask("GET", route("v1", "admin", "connections"), query=query)["items"])


def _show(output: Output, view: dict[str, Any], begin: str) -> None:
    if output.is_json:
        print(as_json(view))
    else:
        now = WallClock().now_ms()
        print(begin + "\n".join(summary(view, now)))
        if len(view["nodes"]) > 1:
            output.table(view["nodes"], PROCESSES)
        if view["connections"]:
            output.table(view["connections"], columns(now))
    sys.stdout.flush()
