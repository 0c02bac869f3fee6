"""``gim version``: of this program, and of the server."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from gim import __version__
from gim.cli.arguments import add_output, add_server
from gim.cli.output import Output


def add(parser: ArgumentParser) -> None:
    parser.add_argument("--server", action="store_true", help="ask the server for its version, too")
    add_server(parser)
    add_output(parser)


def run(args: Namespace) -> int:
    output = Output(args)
    record = {"gim": __version__}
    if args.server:
        from gim.cli import access  # most of the time of a start

        record["server"] = access.anyone(args).description()["info"]["version"]
    output.record(record, "\n".join(f"{name} {version}" for name, version in record.items()))
    return 0
