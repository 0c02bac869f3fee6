"""``gim completion``: a script that completes commands, options and files in a shell."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from gim.cli import completion

_HELP = {
    "bash": "source <(gim completion bash), or write it to a file that bash-completion reads, such as"
    " ~/.local/share/bash-completion/completions/gim",
    "zsh": "write it to a file _gim in a directory of $fpath",
}


def add(parser: ArgumentParser) -> None:
    shells = parser.add_subparsers(required=True, dest="shell", metavar="bash | zsh")
    for name, use in _HELP.items():
        shells.add_parser(name, help=use, description=f"Prints a script: {use}.", allow_abbrev=False)


def run(args: Namespace) -> int:
    print({"bash": completion.bash, "zsh": completion.zsh}[args.shell](), end="")
    return 0
