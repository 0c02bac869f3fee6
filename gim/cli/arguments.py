"""Options that several commands have. A command declares those that it uses."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TypeVar

from gim import units

T = TypeVar("T")

DEFAULT_URL = "http://127.0.0.1:8081"
DEFAULT_TIMEOUT = "10s"


def add_server(parser: argparse.ArgumentParser) -> None:
    """Declare which server a command asks."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--url", metavar="URL", help=f"the server's HTTP API; or GIM_URL; {DEFAULT_URL} if left out"
    )
    which.add_argument("--context", metavar="NAME", help="a server that gim context knows by this name")
    parser.add_argument(
        "--timeout",
        metavar="TIME",
        type=argument(units.duration),
        default=DEFAULT_TIMEOUT,
        help=f"how long to wait for an answer, {DEFAULT_TIMEOUT} if left out",
    )


def add_key(parser: argparse.ArgumentParser) -> None:
    """Declare the administrator's key."""
    parser.add_argument(
        "--key-file",
        metavar="FILE",
        help="file with the administrator's key, - for standard input; or the key in GIM_ADMIN_KEY",
    )


def add_user(parser: argparse.ArgumentParser) -> None:
    """Declare which user a command acts for."""
    parser.add_argument(
        "--as", dest="user", metavar="ID", help="the user to log in as; a token names its user itself"
    )
    parser.add_argument(
        "--token-file",
        metavar="FILE",
        help="file with a token, - for standard input; or the token in GIM_TOKEN",
    )


def add_output(parser: argparse.ArgumentParser) -> None:
    """Declare how a command prints."""
    parser.add_argument("--json", action="store_true", help="print JSON, one object a line")
    parser.add_argument(
        "--no-color", action="store_true", help="print without colours; or NO_COLOR in the environment"
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="print no notes on standard error")


def add_for_admin(parser: argparse.ArgumentParser) -> None:
    """Declare all that a command of the administrator uses."""
    add_server(parser)
    add_key(parser)
    add_output(parser)


def add_for_user(parser: argparse.ArgumentParser) -> None:
    """Declare all that a command of a user uses."""
    add_server(parser)
    add_user(parser)
    add_output(parser)


def add_all(parser: argparse.ArgumentParser) -> None:
    """Declare the options that may stand before a command."""
    add_server(parser)
    add_key(parser)
    add_user(parser)
    add_output(parser)


def argument(read: Callable[[str], T]) -> Callable[[str], T]:
    """Return a reader for argparse, which prints what is wrong with a text only for its own error."""

    def read_argument(text: str) -> T:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return read_argument
