"""The log in syslog, with a priority for each level."""

from __future__ import annotations

import syslog

from twisted.logger import ILogObserver, LogEvent, LogLevel
from zope.interface import implementer

from gim.log.format import as_json, as_text

_PRIORITIES: dict[object, int] = {
    LogLevel.debug: syslog.LOG_DEBUG,
    LogLevel.info: syslog.LOG_INFO,
    LogLevel.warn: syslog.LOG_WARNING,
    LogLevel.error: syslog.LOG_ERR,
    LogLevel.critical: syslog.LOG_CRIT,
}


@implementer(ILogObserver)
class SyslogObserver:
    """Hands events to syslog under the name *prefix*, each line of a text by itself."""

    def __init__(self, prefix: str, json: bool) -> None:
        self._write = as_json if json else _as_text
        syslog.openlog(prefix)

    def __call__(self, event: LogEvent) -> None:
        write_lines(event.get("log_level"), self._write(event))


def write_lines(level: object, text: str) -> None:
    """Hand each line of a text to syslog, with the priority of a level. It adds the time itself."""
    priority = _PRIORITIES.get(level, syslog.LOG_INFO)
    for line in filter(None, text.split("\n")):
        syslog.syslog(priority, line.replace("\t", "  "))


def _as_text(event: LogEvent) -> str:
    return as_text(event, with_time=False)
