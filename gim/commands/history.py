"""``gim history``: prints messages of a session, the oldest first."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from time import sleep
from typing import Any

from gim import units
from gim.cli import access
from gim.cli.arguments import add_for_user, argument
from gim.cli.failures import Refused
from gim.cli.http import Server, route
from gim.cli.output import Output, count, date, safe
from gim.cli.progress import Progress
from gim.model import MessageStatus

_PAGE = 100  # messages, as many as the server gives at a time
_DEFAULT_COUNT = 20
_TOO_MANY_REQUESTS = 429


def add(parser: ArgumentParser) -> None:
    add_which(parser)
    add_for_user(parser)


def add_which(parser: ArgumentParser) -> None:
    """Declare which messages are printed."""
    parser.add_argument("session", metavar="SESSION", help="1:ROOM or 2:USER:USER")
    many = parser.add_mutually_exclusive_group()
    many.add_argument(
        "--count",
        metavar="N",
        type=argument(units.count),
        default=_DEFAULT_COUNT,
        help=f"the newest N messages, {_DEFAULT_COUNT} if left out",
    )
    many.add_argument("--all", action="store_true", help="all messages that the server has")
    parser.add_argument("--before", metavar="MESSAGE", help="only messages before the one with this id")


def run(args: Namespace) -> int:
    show(args, access.user(args), route("v1", "sessions", args.session, "messages"), "message_id")
    return 0


def show(args: Namespace, server: Server, path: str, before: str) -> None:
    """Print the messages that a route has; *before* is the name in its query of a newer message."""
    output = Output(args)
    reader = _Reader(server, path, before, Progress(output))
    for message in reader.read(None if args.all else args.count, args.before):
        output.record(message, _line(message))


class _Reader:
    """Reads a history page by page, from the newest message to older ones."""

    def __init__(self, server: Server, path: str, before: str, progress: Progress) -> None:
        self._server = server
        self._path = path
        self._before = before
        self._progress = progress

    def read(self, wanted: int | None, before: str | None) -> list[dict[str, Any]]:
        """Return the newest messages in ascending order, None for all; only those *before* one."""
        try:
            pages = list(self._pages(wanted, before))
        finally:
            self._progress.clear()
        return [message for items in reversed(pages) for message in items]

    def _pages(self, wanted: int | None, before: str | None) -> Iterator[list[dict[str, Any]]]:
        found, has_more = 0, True
        while has_more and (wanted is None or found < wanted):
            size = _PAGE if wanted is None else min(_PAGE, wanted - found)
            page = self._page(size, before)
            has_more = page["has_more"] and bool(page["items"])
            yield page["items"]
            found += len(page["items"])
            before = page["items"][0]["id"] if page["items"] else None
            self._progress.show(f"{count(found)} messages")

    def _page(self, size: int, before: str | None) -> Any:
        """Read a page; wait where the server limits how much a user may read in a second."""
        while True:
            try:
                return self._server.ask("GET", self._path, query={"count": size, self._before: before})
            except Refused as error:
                if error.code != _TOO_MANY_REQUESTS or not error.retry_after:
                    raise
                sleep(error.retry_after)


def _line(message: dict[str, Any]) -> str:
    recalled = message["status"] == MessageStatus.RECALLED
    text = "(recalled)" if recalled else safe(message["content"])
    return f"{date(message['created_at'])} {message['sender']['id']}: {text}"
