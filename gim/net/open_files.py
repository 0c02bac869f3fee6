"""How many files the process may have open, and whether there is one left for another client."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IListeningPort

RESERVED_FILES = 100  # open files that are not clients: listening ports, the log, Redis, HTTP
MAX_UNMEASURED = 16  # clients between two measurements while many files are left: each opens a file
_MOST = 2**20  # open files that Linux lets a process have by default (fs.nr_open)


def raise_limit(reactor: Any) -> None:
    """Raise the soft limit of open files to the hard one.

    The soft limit is low, 1,024 mostly, for the sake of programs that use select(2); with the reactor
    that does, it stays.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST if hard == resource.RLIM_INFINITY else min(hard, _MOST)
    if type(reactor).__name__ != "SelectReactor" and resource.RLIM_INFINITY != soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (ValueError, OSError):  # the kernel allows fewer: what there is has to do
            pass


class OpenFiles:
    """Keeps some of the files that the process may open for other things than WebSocket clients.

    The kernel gives a new file the lowest number that is free, so a client that would get one of the last
    numbers is refused. What is reserved is `RESERVED_FILES`, or a quarter of a low limit. Half of that is
    for refused clients that get an answer, a quarter for HTTP, a quarter for gim itself.

    Once only reserved files are left, idle connections of HTTP make room for new ones and for WebSocket
    clients, down to the quarter that is for HTTP. So they keep neither health checks nor clients out.
    """

    def __init__(self, limit: int, close_idle_http: Callable[[int], bool]) -> None:
        """*limit* is the soft limit of the process. *close_idle_http* closes the connection of HTTP that
        is idle longest, if more than the given number are, and returns whether one was."""
        self._limit = _MOST if limit == resource.RLIM_INFINITY else limit
        self._reserved = min(RESERVED_FILES, self._limit // 4)
        self._for_http = self._reserved // 4
        self._close_idle_http = close_idle_http
        self._unmeasured = 0  # clients until the next measurement
        self.max_waiting = self._for_http  # refused clients that may wait for their answer

    def are_short(self) -> bool:
        """Return whether only reserved ones are left, which no further WebSocket client gets."""
        left = self._left()
        if left > self._reserved:
            return False
        # a file is free in the next iteration only, so not all of many clients in one iteration get one
        return left <= self._reserved - self._for_http or not self._close_idle_http(self._for_http)

    def guard_gateway(self, port: IListeningPort, refused: Callable[[], object]) -> None:
        """Have a port hang up at once, without an answer, on clients that would take the files of HTTP;
        *refused* is called each time."""
        _guard(port, lambda: self._left() <= self._reserved // 2, refused)

    def guard_http(self, port: IListeningPort, refused: Callable[[], object]) -> None:
        """Have a port close idle connections when files are short, and hang up at once on clients that
        would take the last files; *refused* is called for each of these. Twisted would log four lines for
        each client once no file at all is left."""
        _guard(port, self._are_short_for_http, refused)

    def _are_short_for_http(self) -> bool:
        left = self._left()
        if left > self._reserved:
            return False
        is_last = left <= self._for_http
        has_room = self._close_idle_http(0 if is_last else self._for_http)
        return is_last and (left <= self._for_http // 2 or not has_room)

    def _left(self) -> int:
        """Return how many numbers are left, from the one that the next file gets; `_MOST` if many are."""
        if self._unmeasured:
            self._unmeasured -= 1
            return _MOST
        try:
            file = os.open("/", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return 0
        os.close(file)
        left = self._limit - file
        self._unmeasured = max(0, min(MAX_UNMEASURED, left - 2 * self._reserved - MAX_UNMEASURED))
        return left


def _guard(port: IListeningPort, is_full: Callable[[], bool], refused: Callable[[], object]) -> None:
    factory: Any = getattr(port, "factory", None)
    if factory is None:  # of a kind of port that Twisted does not document
        return
    build = factory.buildProtocol

    def build_unless_full(address: Any) -> Any:
        if is_full():
            refused()
            return None  # Twisted closes the socket
        return build(address)

    factory.buildProtocol = build_unless_full
