"""The options of the server, for the commands that take them as well."""

from __future__ import annotations

from collections.abc import Container
from textwrap import fill

from gim.config.option import plain
from gim.config.table import GROUPS, SPELLINGS

_INDENT = " " * 6
_STORAGE = "Storage", "Data directory"  # titles of the groups that say where the data is


def list_of_options() -> str:
    """Return a list for ``--help``, without the sentences that are only for docs/configuration.md."""
    return _list([group.title for group in GROUPS], "docs/configuration.md describes them.")


def list_of_storage_options() -> str:
    """Return those options that say where the data is; all others may be given as well."""
    return _list(
        _STORAGE, "All other options may be given as well: docs/configuration.md describes them."
    )


def _list(titles: Container[str], last: str) -> str:
    lines = ["options of the server:"]
    for group in GROUPS:
        if group.title not in titles:
            continue
        lines.append(f"\n  {group.title}")
        for option in group.options:
            names = ", ".join(f"--{name}" for name in option.spellings)
            default = f" [{option.default}]" if option.default is not None else ""
            text = fill(plain(option.help) + default, 100)
            lines += [f"    {names}", *(_INDENT + line for line in text.splitlines())]
    lines.append(f"\n  {last}")
    return "\n".join(lines)


def spellings() -> list[str]:
    """Return all names of options, with their dashes."""
    return sorted(f"--{name}" for name in (*SPELLINGS, "config"))
