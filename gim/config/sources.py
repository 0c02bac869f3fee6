"""Where values of options come from beside the command line: a TOML file and the environment.

Both take every spelling of an option. What is wrong raises `StartupError` with one line that begins with
the variable's name, or with the file, the line and the key.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from gim.config import types
from gim.config.option import Reader, variable
from gim.startup import StartupError

_KINDS: dict[type, str] = {list: "a list", dict: "a table"}
_TEXTS = (types.header_name, types.prefix)  # they would take the digits of a number for a name


class Given(NamedTuple):
    """A value that was given, what an error about it begins with, and the text it was read from."""

    value: Any
    origin: str
    text: str


def give(origin: str, text: str, read: Reader) -> Given:
    """Read the text of a value."""
    try:
        return Given(read(text), origin, text)
    except ValueError as error:
        raise StartupError(f"{origin}: {error}") from error


def from_environment(
    environment: Mapping[str, str], spellings: Mapping[str, str], readers: Mapping[str, Reader]
) -> dict[str, Given]:
    """Return what variables give, by option. An empty variable counts as none, and an unknown one is not
    a mistake: a cluster sets ``GIM_SERVICE_HOST`` and the like for a service called gim."""
    found: dict[str, Given] = {}
    for spelling, name in spellings.items():
        origin = variable(spelling)
        if text := environment.get(origin, ""):
            if name in found:
                raise StartupError(f"{origin}: {found[name].origin} is the same option: set one of them")
            found[name] = give(origin, text, readers[name])
    return found


def from_file(path: str, spellings: Mapping[str, str], readers: Mapping[str, Reader]) -> dict[str, Given]:
    """Return what a TOML file gives, by option. Keys may have ``_`` for ``-``; numbers, true and false
    stand with or without quotes."""
    text = _text(path)
    document, lines = _parsed(path, text), _lines(text)
    found: dict[str, Given] = {}
    for key, value in document.items():
        place = f"{path}, line {lines[key]}"
        name = spellings.get(key.replace("_", "-"))
        if name is None:
            raise StartupError(f"{place}: {_unknown(key, value, spellings)}")
        if name in found:
            raise StartupError(
                f"{place}: {key}: {found[name].origin} is the same option: keep one of them"
            )
        found[name] = _give(f"{place}: {key}", value, readers[name])
    return found


def _text(path: str) -> str:
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise StartupError(f"{path}: the configuration can't be read: {error.strerror}") from error
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise StartupError(f"{path}, line {line}: it is not valid UTF-8") from error


def _parsed(path: str, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        said, line = str(error), text.count("\n") + 1
        if found := re.fullmatch(r"(.*) \(at line (\d+), column (\d+)\)", said, re.DOTALL):
            said, line = f"{found[1]} in column {found[3]}", int(found[2])
        raise StartupError(f"{path}, line {line}: it is not valid TOML: {said}") from error


def _lines(text: str) -> dict[str, int]:
    """Return the line that each key of a valid document begins in; keys below a table are left out.

    A key and its value are the shortest run of lines that is TOML by itself: where a value goes on in
    the next line, the lines before it are not valid.
    """
    lines: dict[str, int] = {}
    run: list[str] = []
    for number, line in enumerate(text.split("\n"), 1):
        run.append(line)
        try:
            keys = tomllib.loads("\n".join(run))
        except tomllib.TOMLDecodeError:
            continue
        for key in keys:
            lines.setdefault(key, number - len(run) + 1)
        if keys and run[0].lstrip().startswith("["):
            break
        run.clear()
    return lines


def _unknown(key: str, value: Any, spellings: Mapping[str, str]) -> str:
    near = get_close_matches(key.replace("_", "-"), spellings, 1)
    if near:
        return f"unknown option {key!r}: did you mean {near[0]!r}?"
    if isinstance(value, dict):
        return f"unknown table {key!r}: write options at the top of the file, outside any table"
    return f"unknown option {key!r}: twistd gim --help lists all options"


def _give(origin: str, value: Any, read: Reader) -> Given:
    if not isinstance(value, str | int | float):  # a bool is an int
        kind = _KINDS.get(type(value), "a date or time")
        raise StartupError(
            f"{origin}: {kind} is not a valid value here: write a string in quotes, a number, true or"
            " false"
        )
    if read in _TEXTS and not isinstance(value, str):
        raise StartupError(f"{origin}: this is not a string: write it in quotes")
    return give(origin, str(value).lower() if isinstance(value, bool) else str(value), read)
