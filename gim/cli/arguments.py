"""Options that several commands have. A command declares those that it uses."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, TypeVar

from gim import units

T = TypeVar("T")

DEFAULT_URL = "http://127.0.0.1:8081"
DEFAULT_WS = "ws://127.0.0.1:8080"
DEFAULT_TIMEOUT = "10s"


def add_server(parser: argparse.ArgumentParser) -> None:
    """Declare which server a command asks over HTTP."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--url", metavar="URL", help=f"the server's HTTP API; or GIM_URL; {DEFAULT_URL} if left out"
    )
    _add_context_and_timeout(parser, which)


def add_gateway(parser: argparse.ArgumentParser) -> None:
    """Declare which gateway a command connects to that asks nothing over HTTP."""
    which = parser.add_mutually_exclusive_group()
    _add_ws(which)
    _add_context_and_timeout(parser, which)


def add_server_and_gateway(parser: argparse.ArgumentParser) -> None:
    """Declare the server of a command that uses both its HTTP API and its gateway."""
    add_server(parser)
    _add_ws(parser)


def _add_ws(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--ws", metavar="URL", help=f"the server's gateway; or GIM_WS_URL; {DEFAULT_WS} if left out"
    )


def _add_context_and_timeout(parser: argparse.ArgumentParser, which: argparse._ActionsContainer) -> None:
    which.add_argument(
        "--context", metavar="CONTEXT", help="a server that gim context knows by this name"
    )
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


def add_action(
    actions: Any, name: str, line: str, act: Callable[[argparse.Namespace], None]
) -> argparse.ArgumentParser:
    """Add to *actions* one of the things that a command does; return its parser.

    *line* says in the help what it is; *act* does it.
    """
    parser: argparse.ArgumentParser = actions.add_parser(
        name, help=line, description=f"{line[0].upper()}{line[1:]}.", allow_abbrev=False
    )
    parser.set_defaults(act=act)
    return parser


def add_action_for_admin(
    subject: tuple[str, str],
    actions: Any,
    name: str,
    line: str,
    act: Callable[[argparse.Namespace], None],
) -> argparse.ArgumentParser:
    """Add an action of the administrator, as `add_action` does.

    *subject* has the name of the argument for what it acts on, such as a user, and its name in the help.
    """
    parser = add_action(actions, name, line, act)
    argument_name, metavar = subject
    parser.add_argument(argument_name, metavar=metavar)
    add_for_admin(parser)
    return parser


def add_for_user(parser: argparse.ArgumentParser) -> None:
    """Declare all that a command of a user uses."""
    add_server(parser)
    add_user(parser)
    add_output(parser)


def add_for_connected(parser: argparse.ArgumentParser) -> None:
    """Declare all that a command of a user at the gateway uses."""
    add_gateway(parser)
    add_user(parser)
    add_output(parser)


def add_all(parser: argparse.ArgumentParser) -> None:
    """Declare the options that may stand before a command."""
    add_server_and_gateway(parser)
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
