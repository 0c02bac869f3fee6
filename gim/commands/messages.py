"""``gim messages``: prints messages of any session, the oldest first."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from gim.cli import access
from gim.cli.arguments import add_for_admin
from gim.cli.http import route
from gim.commands import history


def add(parser: ArgumentParser) -> None:
    history.add_which(parser)
    add_for_admin(parser)


def run(args: Namespace) -> int:
    path = route("v1", "admin", "sessions", args.session, "messages")
    history.show(args, access.administrator(args), path, "before")
    return 0
