"""Lines of the workers' logs: a worker formats them, its parent writes them where its own go."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import datetime
from functools import partial
from threading import get_ident
from traceback import print_exception
from types import TracebackType
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from twisted.logger import (
    FilteringLogObserver,
    ILogObserver,
    LogEvent,
    LogLevel,
    LogLevelFilterPredicate,
    globalLogBeginner,
    globalLogPublisher,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from gim.link.channel import Channel
from gim.log.format import as_json, as_text, of_worker
from gim.log.logger import Logger
from gim.log.syslog import write_lines
from gim.workers.control import LogLines

if TYPE_CHECKING:  # with all of twistd, which workers do without
    from gim.log.output import LogTarget

LEVELS = (LogLevel.debug, LogLevel.info, LogLevel.warn, LogLevel.error, LogLevel.critical)
MAX_UNSENT = 4 * 2**20  # characters of lines and bytes of the link that wait for the parent
MAX_MESSAGE = 64 * 2**10  # characters of lines, apart from the last one
# Loggers of what is wrong with files of keys: the parent reads the same files, and says it once.
SAID_BY_PARENT = ("gim.auth.keyring",)
REPORT_PAUSE = 1.0  # seconds until a worker tries again to say how many lines it has left out

_INFO = LEVELS.index(LogLevel.info)
_INDEX = {level: index for index, level in enumerate(LEVELS)}


class LineForm(Struct, array_like=True, frozen=True):
    """How the parent wants lines: as `LogTarget` says."""

    level: str  # the lowest
    json: bool
    with_time: bool  # in texts


def form_of(target: LogTarget) -> LineForm:
    """Return how a worker writes lines for the parent's target."""
    return LineForm(target.level, target.json, with_time=target.prefix is None)


# in the worker


def begin_logging(number: int, form: LineForm, channel: Channel, reactor: Any) -> LinkLog:
    """Send all that this process logs to its parent, what was logged before included.

    An exception that ends the process, and the lines that wait then, are printed to the standard error
    that the process began with.
    """
    log = LinkLog(number, form, channel, reactor)
    filter = LogLevelFilterPredicate(LogLevel.levelWithName(form.level))
    for name in SAID_BY_PARENT:
        filter.setLogLevelForNamespace(name, LogLevel.critical)
    globalLogBeginner.beginLoggingTo([FilteringLogObserver(log, [filter])])
    sys.excepthook = partial(_print_end, log)
    return log


def _print_end(
    log: LinkLog, kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    for _, text in log.take():
        print(text, end="", file=sys.__stderr__)
    print_exception(kind, error, traceback, file=sys.__stderr__)


@implementer(ILogObserver)
class LinkLog:
    """Sends lines to the parent, those of an iteration of the reactor together. Never waits for it.

    While more than `MAX_UNSENT` wait for the parent, lines are left out. A line says how many.
    """

    _log = Logger()

    def __init__(self, number: int, form: LineForm, channel: Channel, reactor: Any) -> None:
        """*number* is that of the worker."""
        self._number = number
        self._form = form
        self._channel = channel
        self._reactor = reactor
        self._thread = get_ident()  # of the reactor
        self._lines: list[tuple[int, str]] = []  # that `flush` sends
        self._size = 0  # of these, in characters
        self._left_out = 0

    def __call__(self, event: LogEvent) -> None:
        if self._size + self._channel.queued > MAX_UNSENT:
            self._left_out += 1
            if self._left_out == 1:
                self._call_later(REPORT_PAUSE, self._report)
            return
        text = self._written(of_worker(event, self._number))
        if text:
            if not self._lines:
                self._call_later(0, self.flush)
            self._lines.append((_INDEX.get(event.get("log_level"), _INFO), text))
            self._size += len(text)

    def _written(self, event: LogEvent) -> str:
        return as_json(event) if self._form.json else as_text(event, self._form.with_time)

    def _call_later(self, delay: float, call: Callable[[], None]) -> None:
        if get_ident() == self._thread:
            self._reactor.callLater(delay, call)
        else:
            self._reactor.callFromThread(self._reactor.callLater, delay, call)

    def flush(self) -> None:
        """Send the lines that wait, in several messages if they are many: the parent writes each at once,
        and serves others between two."""
        lines, size = list[tuple[int, str]](), 0
        for line in self.take():
            lines.append(line)
            size += len(line[1])
            if size >= MAX_MESSAGE:
                self._channel.send(LogLines(lines))
                lines, size = [], 0
        if lines:
            self._channel.send(LogLines(lines))

    def take(self) -> list[tuple[int, str]]:
        """Return the lines that wait, and forget them."""
        lines, self._lines = self._lines, []
        self._size = 0
        return lines

    def _report(self) -> None:
        """Say how many lines were left out, if there is room for it now."""
        if self._channel.queued > MAX_UNSENT:
            self._call_later(REPORT_PAUSE, self._report)
            return
        count, self._left_out = self._left_out, 0
        self._log.warn("{count} log lines were left out: more came than could be written", count=count)


# in the parent


def writer(target: LogTarget) -> Callable[[LogLines], None]:
    """Return what writes the lines of workers to the target of the parent's own."""
    if target.prefix is not None:
        return _write_to_syslog
    if target.out is None:
        return _log_again
    return _OpenOutput(target.out).write


class _OpenOutput:
    """A file or a stream. A line costs about a microsecond, as it is written as it came."""

    def __init__(self, out: Any) -> None:
        self._out = out

    def write(self, message: LogLines) -> None:
        self._out.write("".join([text for _, text in message.lines]))
        self._out.flush()


def _write_to_syslog(message: LogLines) -> None:
    for level, text in message.lines:
        write_lines(LEVELS[level], text)


def _log_again(message: LogLines) -> None:
    """Hand lines in JSON to the observers of this process as events."""
    for _, text in message.lines:
        globalLogPublisher(_event_of(json.loads(text)))


def _event_of(line: dict[str, Any]) -> LogEvent:
    event: LogEvent = {
        "log_time": datetime.fromisoformat(line["time"]).timestamp(),
        "log_level": LogLevel.levelWithName(line["level"]),
        "log_namespace": line["logger"],
        "log_format": "{log_line}",
        "log_line": line["message"],
    }
    if "trace" in line:
        event |= {"trace": line["trace"], "log_format": "{log_line} trace={trace}"}
    if "failure" in line:
        event["log_failure"] = _WrittenFailure(line["failure"])
    return of_worker(event, line["worker"])


class _WrittenFailure(Failure):
    """A failure of another process, of which there is only the traceback."""

    def __init__(self, traceback: str) -> None:
        super().__init__(RuntimeError("a failure of a worker"))
        self._written = traceback

    def getTraceback(self, *args: Any, **kw: Any) -> str:
        return self._written
