"""``gim context``: keeps addresses of servers, with the files of their keys, by name."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace

from gim.cli import contexts, gateway
from gim.cli.arguments import add_action, add_output
from gim.cli.http import Server
from gim.cli.output import Column, Output

_COLUMNS = [
    Column("NAME", lambda row: row["name"]),
    Column("URL", lambda row: row["url"]),
    Column("WS", lambda row: row.get("ws", "")),
    Column("KEY FILE", lambda row: row.get("key-file", "")),
    Column("TOKEN FILE", lambda row: row.get("token-file", "")),
    Column("AS", lambda row: row.get("as", "")),
    Column("IN USE", lambda row: "yes" if row["in_use"] else ""),
]


def add(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, metavar="add | list | use | remove")
    added = add_action(actions, "add", "add a context, or replace the one of this name", _add)
    added.add_argument("name", metavar="NAME")
    added.add_argument("--url", metavar="URL", required=True, help="the server's HTTP API")
    added.add_argument("--ws", metavar="URL", help="the server's gateway")
    added.add_argument("--key-file", metavar="FILE", help="file with the administrator's key")
    added.add_argument("--token-file", metavar="FILE", help="file with a token")
    added.add_argument("--as", dest="user", metavar="ID", help="the user to log in as")
    listed = add_action(actions, "list", "list all contexts", _list)
    add_output(listed)
    for name, line, act in (
        ("use", "use a context where neither --url nor --context nor GIM_URL is given", _use),
        ("remove", "forget a context", _remove),
    ):
        add_action(actions, name, line, act).add_argument("name", metavar="CONTEXT")


def run(args: Namespace) -> int:
    args.act(args)
    return 0


def _add(args: Namespace) -> None:
    known = contexts.read()
    Server(args.url, timeout=1)  # refuses a URL that can't be used
    if args.ws:
        gateway.check(args.ws)
    key_file, token_file = (
        os.path.abspath(path) if path else "" for path in (args.key_file, args.token_file)
    )
    known.by_name[contexts.check_name(args.name)] = contexts.Context(
        args.url, key_file, token_file, args.user or "", args.ws or ""
    )
    contexts.write(known)


def _list(args: Namespace) -> None:
    known = contexts.read()
    rows = [
        {"name": name, **context.as_keys(), "in_use": name == known.in_use}
        for name, context in sorted(known.by_name.items())
    ]
    Output(args).table(rows, _COLUMNS)


def _use(args: Namespace) -> None:
    known = contexts.read()
    known.get(args.name)
    known.in_use = args.name
    contexts.write(known)


def _remove(args: Namespace) -> None:
    known = contexts.read()
    known.get(args.name)
    del known.by_name[args.name]
    if known.in_use == args.name:
        known.in_use = ""
    contexts.write(known)
