"""Contexts: servers by name, in a TOML file that only its owner may read.

A context holds the URLs of a server and names of files, never a key or a token itself.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gim.cli.failures import Failure, Misuse

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
# by key
_FIELDS = {"url": "url", "key-file": "key_file", "token-file": "token_file", "as": "user", "ws": "ws"}


@dataclass(frozen=True)
class Context:
    """A server, and how to show it who asks; "" for what is not given."""

    url: str
    key_file: str = ""
    token_file: str = ""
    user: str = ""
    ws: str = ""

    def as_keys(self) -> dict[str, str]:
        """Return what is given, by the keys of the file."""
        return {key: getattr(self, name) for key, name in _FIELDS.items() if getattr(self, name)}


@dataclass
class Contexts:
    """All contexts by name, and the name of the one in use, "" for none."""

    in_use: str = ""
    by_name: dict[str, Context] = field(default_factory=dict)

    def get(self, name: str) -> Context:
        """Return a context. Raises `Failure` for a name that is not known."""
        if name not in self.by_name:
            raise Failure(f"there is no context {name!r}: gim context list shows those there are")
        return self.by_name[name]


def path(environment: Mapping[str, str] | None = None) -> str:
    """Return where the file is: below ``XDG_CONFIG_HOME``, or ``~/.config``."""
    environment = os.environ if environment is None else environment
    base = environment.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")
    return os.path.join(base, "gim", "contexts.toml")


def read() -> Contexts:
    """Read the file; a file that is missing has no contexts. Raises `Failure`."""
    try:
        with open(path(), "rb") as file:
            document = tomllib.load(file)
    except FileNotFoundError:
        return Contexts()
    except (ValueError, RecursionError) as error:
        raise Failure(f"{path()}: it is not valid TOML: {error}") from error
    return _contexts(document)


def write(contexts: Contexts) -> None:
    """Replace the file. A concurrent reader gets the old content or the new."""
    directory = os.path.dirname(path())
    os.makedirs(directory, mode=0o700, exist_ok=True)
    temporary = f"{path()}.{os.getpid()}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(_as_toml(contexts))
    os.replace(temporary, path())


def check_name(name: str) -> str:
    """Return a name that a context can have, or raise `Misuse`."""
    if _NAME.fullmatch(name) is None:
        raise Misuse(f"{name!r} is not a valid name: write letters, digits, - and _, 64 at most")
    return name


def _contexts(document: dict[str, Any]) -> Contexts:
    tables = document.get("contexts", {})
    if not isinstance(tables, dict):
        raise Failure(f"{path()}: contexts: this is not a table")
    by_name = {name: _context(name, table) for name, table in tables.items()}
    in_use = document.get("use", "")
    if in_use and in_use not in by_name:
        raise Failure(f"{path()}: use: there is no context {in_use!r}")
    return Contexts(in_use, by_name)


def _context(name: str, table: Any) -> Context:
    if not isinstance(table, dict) or not all(isinstance(value, str) for value in table.values()):
        raise Failure(f"{path()}: contexts.{name}: this is not a table of strings")
    if unknown := set(table) - set(_FIELDS):
        raise Failure(f"{path()}: contexts.{name}: unknown key {min(unknown)!r}")
    if "url" not in table:
        raise Failure(f"{path()}: contexts.{name}: url is missing")
    return Context(**{_FIELDS[key]: value for key, value in table.items()})


def _as_toml(contexts: Contexts) -> str:
    lines = [f"use = {_quoted(contexts.in_use)}"] if contexts.in_use else []
    for name, context in sorted(contexts.by_name.items()):
        lines += ["", f"[contexts.{name}]"]
        lines += [f"{key} = {_quoted(value)}" for key, value in context.as_keys().items()]
    return "\n".join(lines).lstrip() + "\n"


def _quoted(text: str) -> str:
    """Write a string as TOML has it: as JSON does, but DEL too is escaped."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
