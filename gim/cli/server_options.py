"""The options of the server, for the commands that take them as well."""

from __future__ import annotations

from textwrap import fill

from gim.config.option import plain
from gim.config.table import GROUPS, SPELLINGS

_INDENT = " " * 6


def list_of_options() -> str:
    """Return a list for ``--help``, without the sentences that are only for docs/configuration.md."""
    lines = ["options of the server:"]
    for group in GROUPS:
        lines.append(f"\n  {group.title}")
        for option in group.options:
            names = ", ".join(f"--{name}" for name in option.spellings)
            default = f" [{option.default}]" if option.default is not None else ""
            text = fill(plain(option.help) + default, 100)
            lines += [f"    {names}", *(_INDENT + line for line in text.splitlines())]
    lines.append("\n  docs/configuration.md describes them.")
    return "\n".join(lines)


def spellings() -> list[str]:
    """Return all names of options, with their dashes."""
    return sorted(f"--{name}" for name in (*SPELLINGS, "config"))
