"""Writes the scripts that complete ``gim`` in bash and zsh, from the parsers of all commands.

A script holds all commands and options itself, so completing a word starts no program.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gim.cli.tree import Node, Option, nodes

_FILES = ("FILE",)  # values that are files

_BASH = """\
# Completes gim in bash. Made by gim completion bash.
_gim() {{
  local at= word words= i
  local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}}
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${{COMP_WORDS[i]}}
    case "$at $word" in
{walk}
    esac
  done
  COMPREPLY=()
  case "$at $prev" in
{values}
  esac
  case "$at" in
{words}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}}
complete -F _gim gim
"""

_ZSH = """\
#compdef gim
# Completes gim in zsh. Made by gim completion zsh.
_gim() {{
  local at= word i
  local -a entries
  for ((i = 2; i < CURRENT; i++)); do
    word=${{words[i]}}
    case "$at $word" in
{walk}
    esac
  done
  case "$at ${{words[CURRENT-1]}}" in
{values}
  esac
  case "$at" in
{words}
  esac
  _describe gim entries
}}
_gim "$@"
"""


def bash() -> str:
    """Return the script for bash."""
    found = list(nodes())
    return _BASH.format(
        walk="\n".join(_walk(found)),
        values="\n".join(
            _values(
                found,
                files='compopt -o filenames; COMPREPLY=($(compgen -f -- "$cur")); return',
                choices='COMPREPLY=($(compgen -W "{}" -- "$cur")); return',
                other="return",
            )
        ),
        words="\n".join(f'    "{node.name}") words="{" ".join(_entries(node))}" ;;' for node in found),
    )


def zsh() -> str:
    """Return the script for zsh, which shows what commands and options are for."""
    found = list(nodes())
    return _ZSH.format(
        walk="\n".join(_walk(found)),
        values="\n".join(
            _values(
                found,
                files="_files; return",
                choices="compadd -- {}; return",
                other="_message value; return",
            )
        ),
        words="\n".join(f'    ("{node.name}") entries=({_described(node)}) ;;' for node in found),
    )


def _walk(found: Iterable[Node]) -> Iterator[str]:
    """Yield the cases that go from the first word to the last: into a command, or past a value."""
    for node in found:
        for name in node.commands:
            yield f'      "{node.name} {name}") at="{f"{node.name} {name}".strip()}" ;;'
        if names := _with_values(node):
            yield f"      {'|'.join(names)}) i=$((i + 1)) ;;"


def _with_values(node: Node) -> list[str]:
    return [f'"{node.name} {name}"' for option in node.options if option.value for name in option.names]


def _values(found: Iterable[Node], files: str, choices: str, other: str) -> Iterator[str]:
    """Yield the cases of the value of an option: files, words to choose from, or what only the user
    knows."""
    for node in found:
        for option in node.options:
            if option.value:
                patterns = "|".join(f'"{node.name} {name}"' for name in option.names)
                yield f"    {patterns}) {_value_of(option, files, choices, other)} ;;"


def _value_of(option: Option, files: str, choices: str, other: str) -> str:
    if option.choices:
        return choices.format(" ".join(option.choices))
    return files if option.value in _FILES or option.names[0].endswith("-file") else other


def _entries(node: Node) -> dict[str, str]:
    """Return the words that may follow, with what they are for."""
    options = {name: option.help for option in node.options for name in option.names}
    return dict(node.commands) | options


def _described(node: Node) -> str:
    return " ".join(
        "'" + (word + (f":{text}" if text else "")).replace("'", "'\\''") + "'"
        for word, text in _entries(node).items()
    )
