"""``gim``: finds the command in the table, runs it, and ends with its exit status.

Options that several commands have may stand before the command, too. They are handed to it behind its
own words, so a command refuses one that it has no use for.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper

from gim import __version__
from gim.cli import failures
from gim.cli.arguments import add_all
from gim.cli.table import COMMANDS, GROUPS, PASS_ON, load

_USAGE = "gim [OPTIONS] COMMAND [ARGUMENTS]"


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return the exit status."""
    words = sys.argv[1:] if argv is None else list(argv)
    _open_closed_streams()
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a locale may lack characters of messages
    try:
        status = _run(words)
        sys.stdout.flush()
    except failures.Failure as error:
        print(f"gim: {error}", file=sys.stderr)
        return error.status
    except KeyboardInterrupt:
        return failures.INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the interpreter flushes once more at its end
        return failures.BROKEN_PIPE
    except UnicodeError:
        print("gim: an argument, a file or standard input is not valid UTF-8", file=sys.stderr)
        return failures.REFUSED
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"gim: {where}{error.strerror or error}", file=sys.stderr)
        return failures.REFUSED
    return status


def _open_closed_streams() -> None:
    """Open the null device for each standard stream that was closed, as ``gim >&-`` does."""
    for name, mode in ("stdin", "r"), ("stdout", "w"), ("stderr", "w"):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode, encoding="utf-8"))


def _run(words: list[str]) -> int:
    if not words:
        main_parser().print_help(sys.stderr)
        return failures.MISUSED
    name, words = _split(words)
    if name not in COMMANDS:
        raise failures.Misuse(_unknown(name))
    parser = parser_of(name)
    args, rest = parser.parse_known_args(words)
    if name in PASS_ON:
        args.options = rest
    elif rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    return load(name).run(args)


def main_parser() -> argparse.ArgumentParser:
    """Return the parser of what may stand before a command, with the help of ``gim --help``."""
    parser = argparse.ArgumentParser(
        prog="gim",
        usage=_USAGE,
        description="Runs the chat server gim, and talks to a running one.",
        epilog=_list_of_commands(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"gim {__version__}")
    add_all(parser)
    return parser


def parser_of(name: str) -> argparse.ArgumentParser:
    """Return the parser of a command's arguments."""
    line = COMMANDS[name]
    description = f"{line[0].upper()}{line[1:]}."
    parser = argparse.ArgumentParser(prog=f"gim {name}", description=description, allow_abbrev=False)
    load(name).add(parser)
    return parser


def _list_of_commands() -> str:
    width = max(map(len, COMMANDS)) + 2
    blocks = [
        "\n".join(
            [f"{group.title}:"]
            + [f"  {name.ljust(width)}{line}" for name, line in group.commands.items()]
        )
        for group in GROUPS
    ]
    return "\n\n".join([*blocks, "gim COMMAND --help describes a command."])


def _split(words: list[str]) -> tuple[str, list[str]]:
    """Return the command and its words, with what stood before it behind them."""
    parser = main_parser()
    with_value = {
        name for action in parser._actions if action.nargs != 0 for name in action.option_strings
    }
    place = 0
    while place < len(words) and words[place].startswith("-"):
        place += 2 if words[place] in with_value else 1
    parser.parse_args(words[:place])  # ends with --help, --version or an error
    if place >= len(words):
        raise failures.Misuse("name a command: gim --help lists those there are")
    name, own = words[place], words[place + 1 :]
    end = own.index("--") if "--" in own else len(own)
    return name, [*own[:end], *words[:place], *own[end:]]


def _unknown(name: str) -> str:
    from difflib import get_close_matches  # a good deal of the time of a start

    near = get_close_matches(name, COMMANDS, 1)
    meant = f"did you mean {near[0]}?" if near else "gim --help lists those there are"
    return f"unknown command {name!r}: {meant}"
