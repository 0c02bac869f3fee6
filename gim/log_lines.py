"""How a line of the log is written: as JSON, one object a line. Text is written by Twisted."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from twisted.logger import LogEvent, LogLevel, formatEvent


def as_json(event: LogEvent) -> str:
    """Write an event as one line of JSON, in ASCII, so that it is good in any encoding.

    Keys: ``time`` (RFC 3339 in UTC, with milliseconds), ``level``, ``logger``, ``message``, and where
    there are any ``trace`` and ``failure``, a traceback. Nothing to say gives "".
    """
    trace, failure = event.get("trace"), event.get("log_failure")
    message = formatEvent(event)
    if failure is None and event.get("isError") and "failure" in event:  # twisted.python.log.err
        failure, message = event["failure"], event.get("why") or "Unhandled Error"
    line = {
        "time": _time(event.get("log_time", 0.0)),
        "level": event.get("log_level", LogLevel.info).name,
        "logger": event.get("log_namespace", ""),
        "message": message,
    }
    if trace:
        line["trace"] = str(trace)
        line["message"] = line["message"].removesuffix(f" trace={trace}")
    if failure is not None:
        line["failure"] = _traceback(failure)
    return json.dumps(line) + "\n" if line["message"] or failure is not None else ""


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _traceback(failure: object) -> str:
    try:
        return str(failure.getTraceback())  # type: ignore[attr-defined]
    except Exception as error:  # it calls the repr of what was raised
        return f"(no traceback can be written: {error!r})"
