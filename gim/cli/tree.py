"""All commands with their options, read from their parsers: for completion, and for the test of
docs/cli.md."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from gim.cli.main import main_parser, parser_of
from gim.cli.server_options import spellings
from gim.cli.table import COMMANDS, PASS_ON


@dataclass(frozen=True)
class Option:
    """An option: its names, what its value is called ("" for a switch), the values to choose from."""

    names: tuple[str, ...]
    value: str
    choices: tuple[str, ...]
    help: str


@dataclass(frozen=True)
class Node:
    """A command, or a group of commands: ``name`` is "" for gim itself, ``room add`` and the like.

    ``commands`` are those below it, with one line about each; ``arguments`` the names of its others, and
    ``choices`` the words that one of them has to choose from.
    """

    name: str
    options: tuple[Option, ...]
    arguments: tuple[str, ...]
    choices: tuple[str, ...]
    commands: dict[str, str]


def nodes() -> Iterator[Node]:
    """Yield gim itself and all commands."""
    root = _node("", main_parser())
    yield Node("", root.options, (), (), COMMANDS)
    for name in COMMANDS:
        for node in _below(name, parser_of(name)):
            yield _with_options_of_server(node) if name in PASS_ON else node


def _below(name: str, parser: argparse.ArgumentParser) -> Iterator[Node]:
    node = _node(name, parser)
    yield node
    for below in node.commands:
        yield from _below(f"{name} {below}", _subparsers(parser)[0].choices[below])


def _node(name: str, parser: argparse.ArgumentParser) -> Node:
    actions = [action for action in parser._actions if not isinstance(action, argparse._SubParsersAction)]
    options = tuple(map(_option, (action for action in actions if action.option_strings)))
    others = [action for action in actions if not action.option_strings]
    arguments = tuple(str(action.metavar) for action in others)
    choices = tuple(str(choice) for action in others for choice in action.choices or ())
    commands = {
        choice.dest: choice.help or ""
        for action in _subparsers(parser)
        for choice in action._choices_actions
    }
    return Node(name, options, arguments, choices, commands)


def _subparsers(parser: argparse.ArgumentParser) -> list[Any]:
    return [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]


def _option(action: argparse.Action) -> Option:
    value = "" if action.nargs == 0 else str(action.metavar or action.dest).upper()
    choices = tuple(map(str, action.choices or ()))
    return Option(tuple(action.option_strings), value, choices, action.help or "")


def _with_options_of_server(node: Node) -> Node:
    own = {name for option in node.options for name in option.names}
    more = tuple(Option((name,), "VALUE", (), "") for name in spellings() if name not in own)
    return replace(node, options=node.options + more)
