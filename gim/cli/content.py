"""The content of a message as an argument, or from standard input."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace


def add_content(parser: ArgumentParser) -> None:
    """Declare ``TEXT`` and ``--category``."""
    parser.add_argument("text", metavar="TEXT", help="what to send, - for standard input")
    parser.add_argument(
        "--category", metavar="WORD", help="the category of the content; text if left out"
    )


def content_of(args: Namespace) -> dict[str, str]:
    """Return the fields of a body. One line break at the end of standard input does not count."""
    text = sys.stdin.read().removesuffix("\n") if args.text == "-" else args.text
    return {"content": text} | given(category=args.category)


def given(**fields: str | None) -> dict[str, str]:
    """Return the fields of a body that are not None."""
    return {name: value for name, value in fields.items() if value is not None}
