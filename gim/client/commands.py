"""What a core asks its shell to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Open:
    """Open a socket; what comes from it is reported with its number."""

    socket: int


@dataclass(frozen=True, slots=True)
class Write:
    """Write a text message to the current socket."""

    text: str


@dataclass(frozen=True, slots=True)
class Close:
    """Close a socket, or give up opening it."""

    socket: int
    code: int


@dataclass(frozen=True, slots=True)
class AskToken:
    """Ask the application for a token, in place of a question that is still open."""


@dataclass(frozen=True, slots=True)
class Save:
    """Hand this state to the store."""

    state: dict[str, Any]


Command = Open | Write | Close | AskToken | Save
