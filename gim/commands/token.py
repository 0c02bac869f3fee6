"""``gim token``: makes and checks login tokens, and makes keys, as ``gim-token`` does."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from gim.auth.cli.main import add_commands
from gim.auth.cli.main import run as run_tool
from gim.concurrency.clocks import WallClock


def add(parser: ArgumentParser) -> None:
    add_commands(parser, takes_token=False)


def run(args: Namespace) -> int:
    return run_tool(args, "gim", WallClock())
