"""``gim batch``: sends the messages in a file as the administrator."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from itertools import count
from typing import Any

from gim.cli import access
from gim.cli.arguments import add_for_admin
from gim.cli.failures import REFUSED, Failure
from gim.cli.http import route
from gim.cli.output import Output, safe

_MESSAGES = 1000  # of a request, as many as the server takes
_SIZE = 900_000  # bytes of a request: a server takes 1 MiB, unless its --max-packet is changed


def add(parser: ArgumentParser) -> None:
    parser.description = (
        "Sends the messages in FILE, 1,000 in a request, and prints their ids. Each line is a message, a"
        " JSON object with the fields of POST /v1/admin/messages. A line that is refused is named on"
        " standard error, and the exit status is 1 then."
    )
    parser.add_argument("file", metavar="FILE", help="the messages, - for standard input")
    add_for_admin(parser)


def run(args: Namespace) -> int:
    server, output, numbers, status = access.administrator(args), Output(args), count(1), 0
    for messages in _portions(_lines_of(args.file)):
        answer = server.ask("POST", route("v1", "admin", "batch"), {"items": messages})
        for reply in answer["items"]:
            number = next(numbers)
            if reply["code"]:
                status = REFUSED
                print(f"gim: line {number}: {reply['code']}, {safe(reply['msg'])}", file=sys.stderr)
            if output.is_json or not reply["code"]:
                output.record(reply, reply["data"] and reply["data"]["id"])
    return status


def _lines_of(path: str) -> list[str]:
    try:
        if path == "-":
            return sys.stdin.read().splitlines()
        with open(path, encoding="utf-8") as file:
            return file.read().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{path!r} can't be read: {error}") from error


def _portions(lines: Sequence[str]) -> list[list[Any]]:
    """Return the messages of each request. No lines are one request without messages."""
    portions: list[list[Any]] = [[]]
    size = 0  # of the last one
    for number, line in enumerate(lines, 1):
        length = len(line.encode())
        if len(portions[-1]) == _MESSAGES or size + length > _SIZE:
            portions.append([])
            size = 0
        portions[-1].append(_message(number, line))
        size += length
    return portions


def _message(number: int, line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        raise Failure(f"line {number}: this is not valid JSON: {error}") from error
