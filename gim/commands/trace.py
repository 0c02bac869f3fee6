"""``gim trace``: prints what passes through the connections of a user, as it happens."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from time import sleep
from typing import Any

from gim.cli import access
from gim.cli.arguments import add_for_admin
from gim.cli.failures import Refused, TimedOut, Unreachable
from gim.cli.http import Server, route
from gim.cli.output import Output, as_json, date, safe, span
from gim.concurrency.clocks import WallClock

_PAUSE = 2.0  # seconds until a server is asked again
_BUSY = (429, 500, 503)
_ARROWS = {"in": "->", "out": "<-"}  # to the server, and from it


def add(parser: ArgumentParser) -> None:
    parser.description = (
        "Prints a line for each connection of a user that is open, begins or is gone, and for each packet"
        " to the server (->) and from it (<-), until Ctrl-C. Tokens are never shown, contents and names"
        " only as how long they are. A server that is gone is asked again until it is back."
    )
    parser.add_argument("user_id", metavar="USER")
    parser.add_argument("--content", action="store_true", help="show contents and names")
    add_for_admin(parser)


def run(args: Namespace) -> int:
    output, server = Output(args), access.administrator(args)
    trace, has_begun, failed = Trace(output, args.user_id), False, False
    while True:
        try:
            for name, event in _events(server, args):
                trace.show(name, event)
                has_begun, failed = True, False
                if name == "end":
                    break  # its time was over: ask for more
            else:
                raise Unreachable(f"{server.url} has ended the trace")
        except (Unreachable, TimedOut, Refused) as error:
            if not has_begun or (isinstance(error, Refused) and error.code not in _BUSY):
                raise
            if not failed:
                output.note(f"gim: {error}: asking again every {_PAUSE:g} s")
            failed = True
            sleep(_PAUSE)


def _events(server: Server, args: Namespace) -> Iterator[tuple[str, dict[str, Any]]]:
    query = {"content": "true" if args.content else None}
    return server.events(route("v1", "admin", "users", args.user_id, "trace"), query)


class Trace:
    """Prints the events of a trace, and of those that follow it when it had to begin anew."""

    def __init__(self, output: Output, user_id: str) -> None:
        self._output = output
        self._user_id = user_id
        self._open: dict[str, dict[str, Any]] = {}  # connections by their keys
        self._begins = 0

    def show(self, name: str, event: dict[str, Any]) -> None:
        """Print an event; one of a kind that is not known prints nothing."""
        if name == "begin":
            self._begin(event)
        elif name == "connection":
            self._connection(event)
        elif name == "packet":
            self._packet(event)
        elif name == "dropped":
            self._print(
                {"dropped": event["count"]}, f"{event['count']} packets were too many for the trace"
            )

    def _begin(self, event: dict[str, Any]) -> None:
        self._begins += 1
        for key in self._open.keys() - set(event["connections"]):
            gone = {**self._open[key], "at": WallClock().now_ms(), "code": None, "reason": ""}
            self._gone(gone)
        if self._begins == 1 and not event["connections"]:
            self._output.note(f"{safe(self._user_id)} has no connection")

    def _connection(self, event: dict[str, Any]) -> None:
        if event["change"] == "closed":
            self._gone(event)
            return
        if event["key"] not in self._open:
            was_there = event["change"] == "open" and self._begins == 1
            self._line("open" if was_there else "began", event, _since(event))
        self._open[event["key"]] = event

    def _gone(self, event: dict[str, Any]) -> None:
        before = self._open.pop(event["key"], event)
        since = event["since"] or before["since"]
        age = f"after {span(max(0, event['at'] - since) / 1000)}" if since else ""
        code = f"with {event['code']}" if event["code"] is not None else ""
        self._line("gone", event, " ".join(filter(None, (age, code, safe(event["reason"])))))

    def _line(self, change: str, event: dict[str, Any], detail: str) -> None:
        where = f"{event['key']} {safe(event['peer'])} node {event['node']}"
        data = {"time": event["at"], **event, "change": change}
        del data["at"]
        self._print(data, f"{date(event['at'])} {change:5} {where} {detail}".rstrip())

    def _packet(self, event: dict[str, Any]) -> None:
        name, code = event["name"] or f"op {event['op']}", event.get("code")
        result = "" if code is None else f" {code or 'ok'}"
        body = as_json(event["body"])
        data = {"time": event["at"], **event}
        del data["at"]
        self._print(
            data,
            f"{date(event['at'])} {_ARROWS[event['direction']]:5} {event['key']} {safe(name)}"
            f"{result} seq {event['seq']} {event['bytes']} B {body}",
        )

    def _print(self, data: dict[str, Any], text: str) -> None:
        self._output.record(data, text)
        sys.stdout.flush()


def _since(event: dict[str, Any]) -> str:
    return f"since {date(event['since'])}" if event["since"] else ""
