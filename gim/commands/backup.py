"""``gim backup``: copies the data directory of a server, which may run meanwhile."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace

from gim.cli.arguments import add_output
from gim.cli.data_directories import explained
from gim.cli.failures import Misuse
from gim.cli.output import Output, count, size
from gim.config.option import variable

_SOURCE = "data-dir"


def add(parser: ArgumentParser) -> None:
    parser.description = (
        "Copies the data directory of a server, which may run meanwhile, into a directory that is empty"
        " or does not exist. The copy has all that was acknowledged before the command began. It is read"
        " and checked at the end. A server can start on it: clients then load their data anew."
    )
    parser.add_argument("to", metavar="TO", help="the directory of the copy")
    parser.add_argument(
        f"--{_SOURCE}",
        metavar="DIR",
        help=f"the data directory of the server; or {variable(_SOURCE)} in the environment",
    )
    add_output(parser)


def run(args: Namespace) -> int:
    from gim.journal.backup import back_up

    source = args.data_dir or os.environ.get(variable(_SOURCE), "")
    if not source:
        raise Misuse(f"name the data directory of the server: --{_SOURCE} DIR")
    with explained():
        found = back_up(source, args.to)
    files = [*([found.state] if found.state is not None else []), *found.logs]
    data = {
        "to": args.to,
        "files": len(files),
        "records": sum(file.records for file in files),
        "bytes": sum(file.end for file in files),
    }
    what = "1 file" if len(files) == 1 else f"{count(len(files))} files"
    text = f"{what}, {count(data['records'])} records, {size(data['bytes'])}"
    Output(args).done(data, f"copied to {args.to}: {text}")
    return 0
