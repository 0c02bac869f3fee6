"""Durations as arguments, for routes that take whole seconds."""

from __future__ import annotations

import re
from argparse import ArgumentParser
from math import ceil

from gim import units
from gim.cli.arguments import argument

_DAYS = re.compile(r"(\d{1,4})\s*d", re.ASCII)


def add_duration(parser: ArgumentParser, what: str) -> None:
    """Declare ``--for``, which is read as ``seconds``."""
    parser.add_argument(
        "--for",
        dest="seconds",
        metavar="TIME",
        type=argument(whole_seconds),
        required=True,
        help=f"{what}: 90s, 10m, 12h, 30d",
    )


def whole_seconds(text: str) -> int:
    """Read a duration; return seconds, 1 or more. Days may be more than a year: the server has the last
    word on what is too long."""
    if found := _DAYS.fullmatch(text):
        return max(1, int(found[1]) * 86400)
    return ceil(units.duration(text))
