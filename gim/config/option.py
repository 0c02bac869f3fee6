"""What is written down of an option, once for the command line, the environment, files and documents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

Reader = Callable[[str], Any]


class Option(NamedTuple):
    """One option. Texts may hold words in `backticks` and paths of documents, as in docs/redis.md."""

    name: str  # as on the command line, without --
    default: str | None  # as people write it; None for no value
    read: Reader  # from a text to the value; raises ValueError with what to write
    help: str  # one sentence for --help and the documents
    more: str = ""  # further sentences for the documents
    aliases: tuple[str, ...] = ()  # further names
    example: str = ""  # a value for the documents, where there is no default

    @property
    def spellings(self) -> tuple[str, ...]:
        """All names, the main one first."""
        return self.name, *self.aliases

    @property
    def default_value(self) -> Any:
        """The value of the default, None for no value."""
        return None if self.default is None else self.read(self.default)


class Group(NamedTuple):
    """Options that are described together."""

    title: str
    text: str  # what holds for all of them
    options: tuple[Option, ...]


def variable(spelling: str) -> str:
    """Return the name of an option's environment variable: ``GIM_MESSAGE_TTL`` for ``message-ttl``."""
    return "GIM_" + spelling.upper().replace("-", "_")


def plain(text: str) -> str:
    """Return a text without its backticks."""
    return text.replace("`", "")
