"""How a line of the log is written, so that nothing that a client says can forge one.

As JSON it is one object. As text it is what Twisted writes, but whatever can't be seen as it is (line
ends, escapes of terminals, what turns the direction of writing) is written as an escape, and only the
lines of a traceback follow the first one, each behind a tab.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

from twisted.logger import LogEvent, LogLevel, eventAsText, formatEvent
from twisted.logger import formatTime as local_time


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
    text = eventAsText(event, False, with_time, formatTime=local_time)
    return f"{visible(text)}\n" if text else ""


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
    return formatEvent(event), failure


def visible(text: str) -> str:
    r"""Return a text with escapes, as ``\n`` and ``\u202e``, for all that is not printable."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _escaped(each) for each in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _traceback(failure: object) -> str:
    try:
        return str(failure.getTraceback())  # type: ignore[attr-defined]
    except Exception as error:  # it calls the repr of what was raised
        return f"(no traceback can be written: {error!r})"
