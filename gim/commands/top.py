"""``gim top``: how busy a server is, from its metrics, its statistics and the connections of users."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from typing import Any

from gim import units
from gim.cli import access, keyboard
from gim.cli.arguments import add_for_admin, argument
from gim.cli.connections import COLUMNS
from gim.cli.failures import TimedOut, Unreachable
from gim.cli.output import Column, Output, as_json
from gim.cli.samples import Sampler, summary
from gim.commands.stats import COLUMNS as NODE_COLUMNS

_DEFAULT_INTERVAL = "1s"
_FROM_THE_TOP = "\x1b[H\x1b[J"  # of ECMA-48: cursor to the first line, erase what is below
_USER = Column("USER", lambda row: row["user"])


def add(parser: ArgumentParser) -> None:
    parser.description = (
        "Watches how busy the server at the URL is: its metrics, and with the administrator's key also"
        " the counts of all nodes and the connections of the users that are named. On a terminal the view"
        " is drawn anew at each interval, also when the server is gone for a while, and q ends it;"
        " elsewhere each view follows the one before."
    )
    parser.add_argument("users", metavar="USER", nargs="*", help="list the connections of these users")
    parser.add_argument(
        "--interval",
        metavar="TIME",
        type=argument(units.duration),
        default=_DEFAULT_INTERVAL,
        help=f"time between two views, {_DEFAULT_INTERVAL} if left out",
    )
    parser.add_argument("--once", action="store_true", help="print one view, of one interval")
    add_for_admin(parser)


def run(args: Namespace) -> int:
    output = Output(args)
    administrator = access.administrator(args) if args.users else access.administrator_if_known(args)
    sampler = Sampler(access.anyone(args), administrator, args.users)
    sampler.sample()
    with keyboard.keys() as keys:
        redraws = keys is not None and sys.stdout.isatty() and not output.is_json and not args.once
        while not keyboard.is_ended(keys, args.interval):
            try:
                view = sampler.sample()
            except (Unreachable, TimedOut) as error:
                if not redraws:
                    raise
                print(f"{_FROM_THE_TOP}gim: {error}: asking again every {args.interval:g} s", flush=True)
                continue
            _show(output, view, _FROM_THE_TOP if redraws else "")
            if args.once:
                break
    return 0


def _show(output: Output, view: dict[str, Any], begin: str) -> None:
    if output.is_json:
        print(as_json(view))
    else:
        print(begin + summary(view))
        if len(view["nodes"]) > 1:
            output.table(view["nodes"], NODE_COLUMNS)
        if view["connections"]:
            output.table(view["connections"], [_USER, *COLUMNS])
    sys.stdout.flush()
