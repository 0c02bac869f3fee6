"""``gim stats``: counts of each node, and their sums."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from gim.cli import access
from gim.cli.arguments import add_for_admin
from gim.cli.http import route
from gim.cli.output import Column, Output, as_json, count

COLUMNS = [
    Column("NODE", lambda row: row["node"]),
    Column("CONNECTIONS", lambda row: count(row["connections"]), is_number=True),
    Column("USERS", lambda row: count(row["users"]), is_number=True),
    Column("CHATROOMS", lambda row: count(row["chatrooms"]), is_number=True),
    Column("MESSAGES", lambda row: count(row["messages"]), is_number=True),
]


def add(parser: ArgumentParser) -> None:
    add_for_admin(parser)


def run(args: Namespace) -> int:
    output = Output(args)
    data = access.administrator(args).ask("GET", route("v1", "admin", "statistics"))
    if output.is_json:
        print(as_json(data))
    else:
        output.table([*data["nodes"], {"node": "total", **data["total"]}], COLUMNS)
    return 0
