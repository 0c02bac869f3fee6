"""``gim connections``: lists connections to all nodes."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from typing import Any

from gim import units
from gim.cli import access
from gim.cli.arguments import add_for_admin, argument
from gim.cli.http import route
from gim.cli.output import Column, Output, count, safe, size, span
from gim.concurrency.clocks import WallClock

SORTS = ("unsent", "bytes", "age", "idle", "user")
_UNKNOWN = "-"


def add(parser: ArgumentParser) -> None:
    parser.description = (
        "Lists connections to all nodes, logged in or not. IN, OUT, LAST and RTT are what the server's"
        " kernel tells: bytes in both directions, how long ago something came in, and the time of a round"
        " trip. Where it tells nothing, they are -."
    )
    parser.add_argument(
        "--sort",
        choices=SORTS,
        help="unsent: most bytes that wait for their reader first, if left out; bytes: most bytes; age:"
        " newest login; idle: silent for longest; user: by user",
    )
    parser.add_argument(
        "--count", metavar="N", type=argument(units.count), help="how many at most, 100 if left out"
    )
    parser.add_argument("--user", metavar="USER", help="only connections of this user")
    parser.add_argument("--address", metavar="ADDRESS", help="only from addresses that begin with this")
    add_for_admin(parser)


def run(args: Namespace) -> int:
    query = {name: getattr(args, name) for name in ("sort", "count", "user", "address")}
    page = access.administrator(args).ask("GET", route("v1", "admin", "connections"), query=query)
    output = Output(args)
    output.table(page["items"], columns(WallClock().now_ms()))
    if page["total"] > len(page["items"]):
        output.note(f"{count(len(page['items']))} of {count(page['total'])} connections")
    if page["nodes_missing"]:
        output.note(f"gim: nodes that did not answer: {page['nodes_missing']}")
    return 0


def columns(now: int) -> list[Column]:
    """Return the columns of a table; *now* is the time in Unix ms."""

    def age(row: Any) -> str:
        return _UNKNOWN if row["since"] is None else span(max(0, now - row["since"]) / 1000)

    return [
        Column("KEY", lambda row: row["key"]),
        Column("USER", lambda row: safe(row["user_id"]) or _UNKNOWN),
        Column("ADDRESS", lambda row: safe(row["peer"])),
        Column("NODE", lambda row: row["node"]),
        Column("CODEC", lambda row: row["codec"] + ("+tls" if row["tls"] else "")),
        Column("UNSENT", lambda row: size(row["unsent"]), is_number=True),
        Column("IN", _known("in_bytes", size), is_number=True),
        Column("OUT", _known("out_bytes", size), is_number=True),
        Column("AGE", age, is_number=True),
        Column("LAST", _known("idle_ms", lambda idle: span(idle / 1000)), is_number=True),
        Column("RTT", _known("rtt_ms", lambda rtt: f"{rtt:.1f} ms"), is_number=True),
    ]


def _known(name: str, write: Callable[[float], str]) -> Callable[[Any], str]:
    """Return what writes a number that may not be known."""
    return lambda row: _UNKNOWN if row[name] is None else write(row[name])
