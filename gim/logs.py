"""Logging through `twisted.logger`, with the trace id of the request at the end of every line."""

from __future__ import annotations

from contextvars import ContextVar
from secrets import token_hex
from typing import Any

from constantly import NamedConstant

from twisted import logger

TRACE: ContextVar[str] = ContextVar("trace", default="")

MAX_TRACE = 128  # characters


class Logger(logger.Logger):
    """A Twisted logger that adds the current trace id, in the text and as the field ``trace``."""

    def emit(self, level: NamedConstant, format: str | None = None, **kwargs: Any) -> None:
        trace = TRACE.get()
        if trace and format is not None:
            kwargs.setdefault("trace", trace)
            format += " trace={trace}"
        super().emit(level, format, **kwargs)


def new_trace() -> str:
    """Make up a trace id."""
    return token_hex(8)


def accept_trace(value: str) -> str:
    """Return a trace id that a client sent if it can stand in a log line, else one made up."""
    fits = 0 < len(value) <= MAX_TRACE and value.isascii() and value.isprintable()
    return value if fits else new_trace()


class traced:
    """Let what is logged within bear *trace*. Enter and leave it in one go, without an await between."""

    __slots__ = ("_token", "_value")

    def __init__(self, value: str) -> None:
        self._value = value

    def __enter__(self) -> None:
        self._token = TRACE.set(self._value)

    def __exit__(self, *exc_info: object) -> None:
        TRACE.reset(self._token)
