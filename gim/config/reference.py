"""Writes docs/configuration.md and contrib/gim.toml from `gim.config.table`: ``make docs``.

``python -m gim.config.reference`` writes both files below the current directory.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from textwrap import fill

from gim.config.option import Group, Option, plain, variable
from gim.config.table import GROUPS

WIDTH = 106  # columns of comments

_INTRODUCTION = """\
# Configuration

<!-- make docs writes this page from gim/config/table.py. -->

Every option can be given in three ways. If it is given in several, the first in this list takes
precedence:

1. on the command line: `twistd gim --message-ttl 7d`;
2. in the environment, in capitals, with `_` for `-`: `GIM_MESSAGE_TTL=7d`. gim ignores an empty
   variable;
3. in a [TOML](https://toml.io) file that `--config` names: `message-ttl = "7d"`.
   [contrib/gim.toml](../contrib/gim.toml) holds every option with its default.

Some options have short names, such as `--ws` for `--gateway-address`. All names of an option work in all
three ways.

Write durations as `500ms`, `2s`, `1m`, `12h`, `30d` or in plain seconds. Write sizes as `4096`
(bytes), `64KiB` or `1MiB`, and sizes of memory also as `4GiB`.

If gim can't start, it prints one line on standard error and ends with exit status 1. To find out before
a restart, run

```
twistd gim --config /etc/gim/gim.toml --check
```

It checks all options, the file, and the files and the directory that options name, says what is wrong in
one line, and ends with exit status 0 or 1. It starts nothing, and does not check whether a port is free,
whether the directory is in use and what is in its files, or whether Redis answers.

These options are for the command line only:

| option | variable | default | meaning |
| --- | --- | --- | --- |
| `--config` | `GIM_CONFIG` | | TOML file with options |
| `--check` | | | check all options and files, say what is wrong in one line, and exit |
| `--version`, `-v` | | | print the version and exit |
| `--help` | | | list all options and exit |
"""

_HEADING = """\
# All options of gim with their defaults. Remove the # before an option to change it.
# make docs writes this file from gim/config/table.py.
#
#     twistd gim --config /etc/gim/gim.toml --check
#
# checks this file. The command line takes precedence over the environment (GIM_MESSAGE_TTL=7d), and the
# environment over this file. Durations: "500ms", "2s", "1m", "12h", "30d" or seconds; sizes: 4096 or
# "64KiB".
"""


_VARIABLES = """\
# All options of gim as variables with their defaults, for an environment file of systemd or Docker.
# Remove the # before a variable to change it. The command line takes precedence over these, and these
# over the file of --config.
"""


def markdown() -> str:
    """Return docs/configuration.md."""
    return "\n".join([_INTRODUCTION, *map(_section, GROUPS)])


def toml() -> str:
    """Return contrib/gim.toml."""
    return "\n".join([_HEADING, *map(_block, GROUPS)])


def variables() -> str:
    """Return all options as variables, for an environment file."""
    return "\n".join([_VARIABLES, *map(_variables_of, GROUPS)])


def _variables_of(group: Group) -> str:
    lines = [f"# {'-' * 20}", _comment(f"{group.title}. {group.text}".rstrip()), ""]
    for option in group.options:
        value = option.example if option.default is None else option.default
        lines += [
            _comment(f"{option.help} {option.more}".rstrip()),
            f"#{variable(option.name)}={value}",
            "",
        ]
    return "\n".join(lines)


def _section(group: Group) -> str:
    text = f"{_linked(group.text)}\n\n" if group.text else ""
    rows = "\n".join(map(_row, group.options))
    head = "| option | variable | default | meaning |\n| --- | --- | --- | --- |"
    return f"## {group.title}\n\n{text}{head}\n{rows}\n"


def _row(option: Option) -> str:
    names = ", ".join(f"`--{spelling}`" for spelling in option.spellings)
    default = f" `{option.default}`" if option.default is not None else ""
    meaning = _linked(f"{option.help} {option.more}".strip())
    return f"| {names} | `{variable(option.name)}` |{default} | {meaning} |"


def _linked(text: str) -> str:
    """Make links of the documents that a text names."""
    return re.sub(r"docs/([\w-]+\.md)", r"[\1](\1)", text)


def _block(group: Group) -> str:
    text = _comment(f"{group.title}. {group.text}".rstrip())
    return "\n".join([f"# {'-' * 20}", text, "", *map(_entry, group.options)])


def _entry(option: Option) -> str:
    value = option.example if option.default is None else option.default
    return f"{_comment(f'{option.help} {option.more}'.rstrip())}\n#{option.name} = {_value(value)}\n"


def _comment(text: str) -> str:
    prefix = "# "
    words = plain(text)
    return fill(
        words, WIDTH, initial_indent=prefix, subsequent_indent=prefix,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def _value(text: str) -> str:
    """Write a value as TOML has it."""
    if text in ("true", "false") or (text.isdecimal() and text.isascii()):
        return text
    return json.dumps(text, ensure_ascii=False)


if __name__ == "__main__":
    Path("docs/configuration.md").write_text(markdown())
    Path("contrib/gim.toml").write_text(toml())
