"""``gim trace``: tells when connections of a user begin and end."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping
from time import sleep
from typing import Any

from gim import units
from gim.cli import access
from gim.cli.arguments import add_for_admin, argument
from gim.cli.failures import Refused, TimedOut, Unreachable
from gim.cli.http import route
from gim.cli.output import Output, date, safe, span
from gim.concurrency.clocks import WallClock

_DEFAULT_INTERVAL = "1s"
_BUSY = (429, 500, 503)
_MEMORY = 1000  # connections that are gone and may come back

Connection = Mapping[str, Any]  # key, node, peer, since
Connections = dict[tuple[str, str, int], Connection]


def add(parser: ArgumentParser) -> None:
    parser.description = (
        "Lists the connections of a user, and prints a line for each that begins or is gone, until"
        " Ctrl-C. It asks the server at each interval, so it misses a connection that begins and ends"
        " between two questions. The connections of a node that does not answer are gone, too; they are"
        " back when it does."
    )
    parser.add_argument("user_id", metavar="USER")
    parser.add_argument(
        "--interval",
        metavar="TIME",
        type=argument(units.duration),
        default=_DEFAULT_INTERVAL,
        help=f"time between two questions, {_DEFAULT_INTERVAL} if left out",
    )
    add_for_admin(parser)


def run(args: Namespace) -> int:
    output, server = Output(args), access.administrator(args)
    path = route("v1", "admin", "users", args.user_id, "connections")
    trace = Trace(server.ask("GET", path)["items"])
    for connection in trace.open.values():
        _show(output, "open", connection)
    if not trace.open:
        output.note(f"{safe(args.user_id)} has no connection")
    failed = False
    while True:
        sleep(args.interval)
        try:
            items = server.ask("GET", path)["items"]
        except (Unreachable, TimedOut, Refused) as error:
            if isinstance(error, Refused) and error.code not in _BUSY:
                raise
            if not failed:
                output.note(f"gim: {error}: asking again every {args.interval:g} s")
            failed = True
        else:
            failed = False
            for change, connection in trace.changes(items):
                _show(output, change, connection)


class Trace:
    """The connections of a user as they were when the server was asked last."""

    def __init__(self, items: list[Connection]) -> None:
        self.open = _by_identity(items)
        self._gone: dict[tuple[str, str, int], None] = {}  # the one that went last at the end

    def changes(self, items: list[Connection]) -> Iterator[tuple[str, Connection]]:
        """Yield what is ``gone``, then what ``began`` or is ``back``, since the former answer."""
        before, self.open = self.open, _by_identity(items)
        for identity in before.keys() - self.open.keys():
            self._gone[identity] = None
            yield "gone", before[identity]
        for identity, connection in self.open.items():
            if identity not in before:
                yield ("back" if identity in self._gone else "began"), connection
                self._gone.pop(identity, None)
        while len(self._gone) > _MEMORY:
            del self._gone[next(iter(self._gone))]


def _by_identity(items: list[Connection]) -> Connections:
    return {(each["node"], each["key"], each["since"]): each for each in items}


def _show(output: Output, change: str, connection: Connection) -> None:
    now = WallClock().now_ms()
    age = span(max(0, now - connection["since"]) / 1000)
    since = date(connection["since"])
    detail = f"after {age}" if change == "gone" else f"since {since}"
    output.record(
        {"time": now, "change": change, **connection},
        f"{date(now)} {change:5} {connection['key']} {safe(connection['peer'])}"
        f" node {connection['node']} {detail}",
    )
    sys.stdout.flush()
