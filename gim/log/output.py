"""Where the log goes: to what the options of twistd name, written as the settings of gim say.

twistd opens its log after gim is made and before it is started, and keeps what is logged until then. It
asks the application for an observer and finds the one that is put there here, so that every line is
written alike, also those of twistd. This module does what twistd would do itself: a file, stdout or
syslog; and rotation, when the file has grown or SIGUSR1 comes.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any, NamedTuple

from constantly import NamedConstant
from twisted.logger import (
    FileLogObserver,
    ILogObserver,
    LogEvent,
    LogLevel,
)
from twisted.python.components import Componentized
from twisted.python.logfile import LogFile
from twisted.python.usage import UsageError
from twisted.scripts.twistd import ServerOptions  # type: ignore[attr-defined]  # of this platform
from zope.interface import implementer

from gim.log.format import as_json, as_text
from gim.log.settings import LogSettings
from gim.log.syslog import SyslogObserver
from gim.startup import StartupError

ROTATED_SIZE = 10_000_000  # bytes of a file that is rotated by itself
MAX_ROTATED = 20  # rotated files that are kept


class LogTarget(NamedTuple):
    """Where lines of the log go. With neither ``out`` nor syslog, the observers of Twisted have them."""

    level: str  # the lowest that is written
    json: bool
    out: Any = None  # the file or stream that this module has lines written to
    prefix: str | None = None  # in syslog

    @property
    def file(self) -> RotatedFile | None:
        """The log file if there is one that can be opened again."""
        return self.out if isinstance(self.out, RotatedFile) else None


def prepare_log(settings: LogSettings, parent: Any, application: Componentized) -> LogTarget:
    """Give the application the observer that twistd asks it for. Must be called before logging begins.

    *parent* holds the options of twistd or twist, None where a .tac file makes the application.
    """
    if parent is not None and "fileLogObserverFactory" in parent:
        _set_up_twist(settings, parent)
        return LogTarget(parent["logLevel"].name, json=True)
    twistd = parent or _options_of_twistd()
    if not twistd or twistd.get("logger"):
        return LogTarget(settings.log_level, json=True)
    target = _target(settings, twistd)
    lowest = LogLevel.levelWithName(settings.log_level)
    application.setComponent(ILogObserver, _FromLevel(lowest, _observer(target)))
    return target


@implementer(ILogObserver)
class _FromLevel:
    """Passes on what is logged at a level or above, in a third of the time of Twisted's own filter."""

    def __init__(self, lowest: NamedConstant, observer: Any) -> None:
        self._levels = frozenset(level for level in LogLevel.iterconstants() if level >= lowest)
        self._observer = observer

    def __call__(self, event: LogEvent) -> None:
        if event.get("log_level") in self._levels:
            self._observer(event)


def _set_up_twist(settings: LogSettings, twist: Any) -> None:
    """Hand the settings to ``twist``, which has such options itself and begins its log later."""
    if settings.is_level_given:
        twist["logLevel"] = LogLevel.levelWithName(settings.log_level)
    if settings.is_format_given:
        twist["fileLogObserverFactory"] = _writer(settings.log_format == "json")


def _options_of_twistd() -> Mapping[str, Any] | None:
    """Read twistd's command line once more: a .tac file has no access to it."""
    twistd = _OptionsAgain()
    try:
        twistd.parseOptions(sys.argv[1:])
    except UsageError:  # another program runs the application
        return None
    return twistd


class _OptionsAgain(ServerOptions):
    """twistd's options without what takes effect while they are read."""

    def opt_reactor(self, name: str) -> None:
        pass

    def opt_debug(self) -> None:
        pass

    def opt_spew(self) -> None:
        pass

    opt_r, opt_b = opt_reactor, opt_debug


def _target(settings: LogSettings, twistd: Mapping[str, Any]) -> LogTarget:
    level, json = settings.log_level, settings.log_format == "json"
    if twistd.get("syslog"):
        _on_sigusr1(lambda: None)
        return LogTarget(level, json, prefix=twistd["prefix"])
    path, foreground = twistd.get("logfile"), twistd.get("nodaemon")
    if path == "-" and not foreground:
        raise StartupError("--logfile -: a daemon has no standard output: name a file, or add --nodaemon")
    if foreground and path in ("-", None, ""):
        _on_sigusr1(lambda: None)  # its default would end the process
        return LogTarget(level, json, sys.stdout)
    file = _open(path or "twistd.log")
    _on_sigusr1(file.renew)
    return LogTarget(level, json, file)


def _observer(target: LogTarget) -> Any:
    if target.prefix is not None:
        return SyslogObserver(target.prefix, target.json)
    return _writer(target.json)(target.out)


def _writer(json: bool) -> Callable[[Any], FileLogObserver]:
    return lambda file: FileLogObserver(file, as_json if json else as_text)


def _on_sigusr1(call: Callable[[], None]) -> None:
    def handle(number: int, frame: FrameType | None) -> None:
        from twisted.internet import reactor

        reactor.callFromThread(call)  # type: ignore[attr-defined]

    if not signal.getsignal(signal.SIGUSR1):
        signal.signal(signal.SIGUSR1, handle)


def _open(path: str) -> RotatedFile:
    try:
        return RotatedFile.fromFullPath(path, ROTATED_SIZE, maxRotatedFiles=MAX_ROTATED)  # type: ignore[no-any-return]
    except OSError as error:
        raise StartupError(f"--logfile: {path!r} can't be written: {error.strerror}") from error


class RotatedFile(LogFile):
    """A log file that Twisted rotates, or another program such as logrotate.

    It is opened with O_APPEND: when another program truncates it (``copytruncate``), the next line stands
    at its beginning, not behind a hole of zero bytes.
    """

    def _openFile(self) -> None:
        self.closed = False
        self._file = open(self.path, "ab", 0)  # noqa: SIM115  # Twisted closes it
        self.size = self._file.tell()

    def shouldRotate(self) -> bool:
        """Return whether the file is too long; another program may have truncated it meanwhile."""
        if self.size >= self.rotateLength:
            self.size = os.fstat(self._file.fileno()).st_size
        return bool(self.size >= self.rotateLength)

    def renew(self) -> None:
        """Rotate the file, or open it anew if another program has moved it away."""
        if self._is_moved():
            self.reopen()
        else:
            self.rotate()

    def reopen(self) -> None:
        """Open the file anew, by its name. Raises OSError if that can't be done: the old one stays in
        use."""
        old = self._file
        self._openFile()
        old.close()

    def open_again(self) -> str:
        """Open the file anew, and say so. Raises OSError as `reopen` does."""
        self.reopen()
        return "opened again"

    def _is_moved(self) -> bool:
        try:
            return not os.path.samestat(os.stat(self.path), os.fstat(self._file.fileno()))
        except FileNotFoundError:
            return True
