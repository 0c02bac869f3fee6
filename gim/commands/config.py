"""``gim config``: prints all options of the server."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

_FORMS = {
    "defaults": "a TOML file for --config, as contrib/gim.toml",
    "env": "variables, for an environment file",
    "doc": "a page in Markdown, as docs/configuration.md",
}


def add(parser: ArgumentParser) -> None:
    forms = parser.add_subparsers(required=True, dest="form", metavar=" | ".join(_FORMS))
    for name, line in _FORMS.items():
        forms.add_parser(
            name, help=line, description=f"Prints all options as {line}.", allow_abbrev=False
        )


def run(args: Namespace) -> int:
    from gim.config import reference

    write = {"defaults": reference.toml, "env": reference.variables, "doc": reference.markdown}
    print(write[args.form](), end="")
    return 0
