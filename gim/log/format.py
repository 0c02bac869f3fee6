"""How a line of the log is written, so that nothing that a client says can forge one.

As JSON it is one object. As text it is what Twisted writes, but whatever can't be seen as it is (line
ends, escapes of terminals, what turns the direction of writing) is written as an escape, and only the
lines of a traceback follow the first one, each behind a tab.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from string import Formatter

from twisted.logger import LogEvent, LogLevel, eventAsText, formatEvent, formatTime


def as_json(event: LogEvent) -> str:
    """Write an event as one line of JSON, in ASCII, so that it is good in any encoding.

    Keys: ``time`` (RFC 3339 in UTC, with milliseconds), ``level``, ``logger``, ``message``, and where
    there are any ``worker``, a number (`of_worker`), ``trace`` and ``failure``, a traceback. Nothing to
    say gives "".
    """
    trace, (message, failure) = event.get("trace"), _said(event)
    line = {
        "time": _time(event.get("log_time", 0.0)),
        "level": event.get("log_level", LogLevel.info).name,
        "logger": event.get("log_namespace", ""),
        "message": message,
    }
    if "log_worker" in event:
        line["worker"] = event["log_worker"]
    if trace:
        line["trace"] = str(trace)
        line["message"] = line["message"].removesuffix(f" trace={trace}")
    if failure is not None:
        line["failure"] = _traceback(failure)
    return json.dumps(line) + "\n" if line["message"] or failure is not None else ""


def of_worker(event: LogEvent, number: int) -> LogEvent:
    """Return an event that is written with the number of a worker: as text behind the level, as in
    ``[gim.gateway.protocol#info 2]``."""
    system = event.get("log_system")
    if system is None:
        level = event.get("log_level")
        system = f"{event.get('log_namespace', '-')}#{level.name if level is not None else '-'}"
    return {**event, "log_worker": number, "log_system": f"{system} {number}"}


def as_text(event: LogEvent, with_time: bool = True) -> str:
    """Write an event as a line of text, its traceback in lines below. Nothing to say gives ""."""
    if "log_failure" in event or event.get("isError"):
        return _with_traceback(event, with_time)
    text = _line_of(event, with_time)
    return f"{visible(text)}\n" if text else ""


def _line_of(event: LogEvent, with_time: bool) -> str:
    """Return what Twisted's `eventAsText` does, at a tenth of the cost for a line of gim."""
    try:
        fill = _filling_of(event)
        if fill is None:
            return eventAsText(event, False, with_time, formatTime=local_time)
        message, system = fill(event), event.get("log_system")
        if system is None:
            system = f"{event['log_namespace']}#{event['log_level'].name}"
    except Exception:  # Twisted writes a line about what it can't format
        return eventAsText(event, False, with_time, formatTime=local_time)
    if not message:
        return ""
    time = f"{local_time(event.get('log_time'))} " if with_time else ""
    return f"{time}[{system}] {message}"


def _filling_of(event: LogEvent) -> Callable[[LogEvent], str] | None:
    """Return what fills the format of an event, None where Twisted must. Raises for one without any."""
    return _filling(event["log_format"]) if "log_flattened" not in event else None


@lru_cache(maxsize=512)  # formats stand in the code, so they are few
def _filling(pattern: str) -> Callable[[LogEvent], str] | None:
    """Return a function that fills a format from an event, None for one with more than plain names, such
    as ``{user.id}`` or ``{name!r}``."""
    names, joined = list[tuple[str, str]](), ""
    for text, name, spec, conversion in Formatter().parse(pattern):
        joined += text.replace("%", "%%")
        if name is not None:
            joined += "%s"
            names.append((name, spec or ""))
            if conversion or "{" in (spec or "") or not name.isidentifier():
                return None
    return lambda event: joined % tuple([format(event[name], spec) for name, spec in names])


def local_time(seconds: float | None) -> str:
    """Return a Unix time in seconds as Twisted writes it, in the time zone of the system."""
    return "-" if seconds is None else _time_of_second(int(seconds // 1))


@lru_cache(maxsize=2)
def _time_of_second(seconds: int) -> str:
    return formatTime(seconds)


def _with_traceback(event: LogEvent, with_time: bool) -> str:
    message, failure = _said(event)
    head = {**event, "log_format": "{log_line}", "log_line": message or "-"}
    lines = [visible(eventAsText(head, False, with_time, formatTime=local_time))]
    if failure is not None:
        lines += ["\t" + visible(line) for line in _traceback(failure).splitlines()]
    return "\n".join(lines) + "\n"


def _said(event: LogEvent) -> tuple[str, object]:
    """Return the message of an event, and its failure if there is one."""
    failure = event.get("log_failure")
    if failure is None and event.get("isError") and "failure" in event:  # twisted.python.log.err
        return str(event.get("why") or "Unhandled Error"), event["failure"]
    return _message_of(event), failure


def _message_of(event: LogEvent) -> str:
    """Return what `formatEvent` does."""
    try:
        fill = _filling_of(event)
        return fill(event) if fill is not None else formatEvent(event)
    except Exception:  # Twisted writes a line about what it can't format
        return formatEvent(event)


def visible(text: str) -> str:
    r"""Return a text with escapes, as ``\n`` and ``\u202e``, for all that is not printable."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _escaped(each) for each in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


def _time(seconds: float) -> str:
    second, microseconds = divmod(round(seconds * 1_000_000), 1_000_000)
    return f"{_utc_second(second)}.{microseconds // 1000:03d}Z"


@lru_cache(maxsize=2)  # of the many lines of a second one pays for it
def _utc_second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).isoformat().removesuffix("+00:00")


def _traceback(failure: object) -> str:
    try:
        return str(failure.getTraceback())  # type: ignore[attr-defined]
    except Exception as error:  # it calls the repr of what was raised
        return f"(no traceback can be written: {error!r})"
