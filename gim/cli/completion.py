"""Writes the scripts that complete ``gim`` in bash and zsh, from the parsers of all commands.

A script holds all commands and options itself, and finds the names of contexts in their file with sed, so
completing a word takes some milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from gim.cli.tree import Node, Option, nodes

_FILE, _CONTEXT = "FILE", "CONTEXT"  # how values and arguments are called that are one
_DIRECTORIES = frozenset({"DIR", "TO"})
_OF_FILES = ("-file", "-dir")  # how options end whose values are files or directories

# prints the names of all contexts: see gim.cli.contexts
_NAMES = r"""_gim_contexts() {
  sed -n 's/^ *\[ *contexts *\. *"\{0,1\}\([A-Za-z0-9_-]\{1,\}\)"\{0,1\} *\].*/\1/p' \
    "${XDG_CONFIG_HOME:-$HOME/.config}/gim/contexts.toml" 2> /dev/null
}"""

_BASH = """\
# Completes gim in bash. Made by gim completion bash.
{names}
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
{names}
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
    values = _Values(
        files='compopt -o filenames; COMPREPLY=($(compgen -f -- "$cur")); return',
        contexts='COMPREPLY=($(compgen -W "$(_gim_contexts)" -- "$cur")); return',
        choices='COMPREPLY=($(compgen -W "{}" -- "$cur")); return',
        other="return",
    )
    words = [(node, " ".join(_entries(node))) for node in found]
    more = {node.name: _more_in_bash(node) for node in found}
    return _BASH.format(
        names=_NAMES,
        walk="\n".join(_walk(found)),
        values="\n".join(values.cases(found)),
        words="\n".join(
            f'    "{node.name}") words="{entries}{more[node.name]}" ;;' for node, entries in words
        ),
    )


def zsh() -> str:
    """Return the script for zsh, which shows what commands and options are for."""
    found = list(nodes())
    contexts = '${(f)"$(_gim_contexts)"}'  # a word for each line
    values = _Values(
        files="_files; return",
        contexts=f"compadd -- {contexts}; return",
        choices="compadd -- {}; return",
        other="_message value; return",
    )
    words = ((node, _described(node)) for node in found)
    return _ZSH.format(
        names=_NAMES,
        walk="\n".join(_walk(found)),
        values="\n".join(values.cases(found)),
        words="\n".join(
            f'    ("{node.name}") entries=({entries}{f" {contexts}" if _takes_context(node) else ""})'
            f"{'; _files -/' if _takes_directory(node) else ''} ;;"
            for node, entries in words
        ),
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


class _Values(NamedTuple):
    """What a shell does to complete the value of an option: a file, the name of a context, one of some
    words, or what only the user knows."""

    files: str
    contexts: str
    choices: str
    other: str

    def cases(self, found: Iterable[Node]) -> Iterator[str]:
        """Yield a case for each option that takes a value."""
        for node in found:
            for option in node.options:
                if option.value:
                    patterns = "|".join(f'"{node.name} {name}"' for name in option.names)
                    yield f"    {patterns}) {self._of(option)} ;;"

    def _of(self, option: Option) -> str:
        if option.choices:
            return self.choices.format(" ".join(option.choices))
        if option.value == _CONTEXT:
            return self.contexts
        is_file = option.value in {_FILE, *_DIRECTORIES} or option.names[0].endswith(_OF_FILES)
        return self.files if is_file else self.other


def _more_in_bash(node: Node) -> str:
    """Return what the shell adds to the words that may follow."""
    contexts = " $(_gim_contexts)" if _takes_context(node) else ""
    return contexts + (' $(compgen -d -- "$cur")' if _takes_directory(node) else "")


def _takes_context(node: Node) -> bool:
    return _CONTEXT in node.arguments


def _takes_directory(node: Node) -> bool:
    return not _DIRECTORIES.isdisjoint(node.arguments)


def _entries(node: Node) -> dict[str, str]:
    """Return the words that may follow, with what they are for."""
    options = {name: option.help for option in node.options for name in option.names}
    return dict(node.commands) | dict.fromkeys(node.choices, "") | options


def _described(node: Node) -> str:
    return " ".join(
        "'" + (word + (f":{text}" if text else "")).replace("'", "'\\''") + "'"
        for word, text in _entries(node).items()
    )
