"""Logging through `twisted.logger`, with the trace id of the request at the end of every line."""

from __future__ import annotations

import re
from contextvars import ContextVar
from os import urandom
from typing import Any, Self

from constantly import NamedConstant
from twisted.python.runtime import seconds

from twisted import logger

TRACE: ContextVar[str] = ContextVar("trace", default="")

MAX_TRACE = 128  # characters

# W3C Trace Context, section 3.2.2: version, trace id, parent id, flags, and what a version above 00 adds.
_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}((?:-.*)?)", re.DOTALL
)


_LEVELS = frozenset(logger.LogLevel.iterconstants())


_LOGGERS: dict[tuple[logger.Logger, type], Any] = {}  # of attributes of classes


class Logger(logger.Logger):
    """A Twisted logger that adds the current trace id, in the text and as the field ``trace``.

    As an attribute of a class it is the same for all objects of that class, with the name of the class.
    Twisted makes one for each use, so that events name the object; nothing here asks for that.
    """

    def __get__(self, instance: object, owner: type | None = None) -> Self:
        assert owner is not None
        found: Self | None = _LOGGERS.get((self, owner))
        if found is None:
            name = f"{owner.__module__}.{owner.__name__}"
            found = _LOGGERS[self, owner] = type(self)(name, owner, self.observer)
        return found

    def emit(self, level: NamedConstant, format: str | None = None, **kwargs: Any) -> None:
        trace = TRACE.get()
        if trace and format is not None:
            kwargs.setdefault("trace", trace)
            format += " trace={trace}"
        if level not in _LEVELS or "log_trace" in kwargs:
            super().emit(level, format, **kwargs)
            return
        self.observer(  # as Twisted does, which sorts all levels each time to find this one among them
            {
                **kwargs,
                "log_logger": self,
                "log_level": level,
                "log_namespace": self.namespace,
                "log_source": self.source,
                "log_format": format,
                "log_time": seconds(),
            }
        )


def new_trace() -> str:
    """Make up a trace id."""
    return urandom(8).hex()


def accept_trace(value: str, traceparent: str = "") -> str:
    """Return the trace id of a request: what the client sent if it can stand in a log line, else the
    trace id of its W3C *traceparent* if that is valid, else one made up."""
    if 0 < len(value) <= MAX_TRACE and value.isascii() and value.isprintable():
        return value
    return (traceparent and _id_of(traceparent)) or new_trace()


def _id_of(traceparent: str) -> str:
    """Return the trace id in it, "" for one that must be ignored. A version after this one may have more
    fields behind those that are known."""
    found = _TRACEPARENT.fullmatch(traceparent)
    if found is None or (found[2] and traceparent.startswith("00")):
        return ""
    return found[1]


class traced:
    """Let what is logged within bear *trace*. Enter and leave it in one go, without an await between."""

    __slots__ = ("_token", "_value")

    def __init__(self, value: str) -> None:
        self._value = value

    def __enter__(self) -> None:
        self._token = TRACE.set(self._value)

    def __exit__(self, *exc_info: object) -> None:
        TRACE.reset(self._token)
