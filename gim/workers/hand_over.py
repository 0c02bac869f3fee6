"""The parent's end of the hand-over: passes the sockets that it has accepted to one worker.

A socket goes with `SCM_RIGHTS` over a pair of SEQPACKET sockets, one message for each. The parent keeps
the worker's end as well: what a dead worker has not read can be read from there.
"""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from msgspec import Struct
from msgspec.msgpack import Decoder, Encoder
from twisted.internet.interfaces import IDelayedCall, IWriteDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

GATEWAY, API = 0, 1  # kinds of connections

MAX_HEADER = 1024  # bytes; the longest address is the path of a UNIX socket, of 108 bytes
SEND_BUFFER = 32 * 1024  # bytes; Linux doubles it, and has room for some 80 sockets then
STALL_TIME = 0.25  # seconds for which a full pair holds up the sockets that are for other workers
RETRY_PAUSE = 0.05  # seconds, when the kernel has too many sockets under way


class Arrival(Struct, array_like=True, gc=False, frozen=True):
    """The header that goes with a socket."""

    kind: int  # `GATEWAY` or `API`
    family: int  # of addresses: that of the socket
    client: Any  # its peer's address, as `socket.accept` returns it; that of a UNIX socket in bytes
    verdict: int  # why it is refused: a place in `gim.workers.verdicts.VERDICTS`, 0 for one that is not
    group: str  # the address group that the parent counts it for, "" for none


encode: Callable[[Arrival], bytes] = Encoder().encode
decode: Callable[[bytes], Arrival] = Decoder(Arrival).decode


def make_pair() -> tuple[socket.socket, socket.socket]:
    """Return the parent's and the worker's end of a pair. Neither blocks; neither is inherited unless the
    start of a process says so."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in ours, theirs:
        end.setblocking(False)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    return ours, theirs


def receive(end: socket.socket) -> tuple[bytes, list[int]]:
    """Read one message: the header, and the socket's file, none if this process may open no further one.

    The header is empty once the other end is closed. Raises BlockingIOError if there is no message.
    """
    header, files, _flags, _address = socket.recv_fds(end, MAX_HEADER, 1, socket.MSG_CMSG_CLOEXEC)
    return header, files


def socket_of(arrival: Arrival, file: int) -> tuple[Arrival, socket.socket]:
    """Return a header with the socket that came with it."""
    return arrival, socket.socket(arrival.family, socket.SOCK_STREAM, fileno=file)


@implementer(IWriteDescriptor)
class HandOver:
    """One worker, as the acceptor has it: where its sockets go, and what it has."""

    def __init__(
        self,
        ours: socket.socket,
        theirs: socket.socket,
        has_room: Callable[[], None],
        is_ready: Callable[[], bool],
        reactor: Any,
    ) -> None:
        """*ours* and *theirs* are a pair of `make_pair`, which this object closes at the end. *has_room*
        is called when a full pair has room again, and when it has had none for `STALL_TIME`. *is_ready*
        says whether the worker's storage serves."""
        self.counts = [0, 0]  # connections by kind, with what it has not read yet
        self.groups: Counter[str] = Counter()  # address groups, with the connections that count for each
        self.is_full = False
        self.is_stalled = False  # full for so long that others get its sockets
        self._ours = ours
        self._theirs = theirs
        self._has_room = has_room
        self.is_ready = is_ready
        self._reactor = reactor
        self._timer: IDelayedCall | None = None  # runs while it is full

    def send(self, header: bytes, accepted: socket.socket) -> bool:
        """Pass on a socket, which the caller closes then; return False if there is no room for it."""
        try:
            socket.send_fds(self._ours, [header], [accepted.fileno()])
        except BlockingIOError:
            self.is_full = True
            self._timer = self._reactor.callLater(STALL_TIME, self._stalls)
            self._reactor.addWriter(self)
        except OSError:  # ETOOMANYREFS: sockets that no process has read; ENOBUFS
            self.is_full = True
            self._timer = self._reactor.callLater(RETRY_PAUSE, self.doWrite)
        return not self.is_full

    def _stalls(self) -> None:
        self._timer = None
        self.is_stalled = True
        self._has_room()

    def doWrite(self) -> None:
        """Take note that there is room."""
        self._stop_waiting()
        self.is_full = self.is_stalled = False
        self._has_room()

    def _stop_waiting(self) -> None:
        self._reactor.removeWriter(self)
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def take_back(self) -> list[tuple[Arrival, socket.socket]]:
        """Return what the worker has not read, and close the pair. The worker has ended."""
        self._stop_waiting()
        self._ours.close()
        unread = list(self._unread())
        self._theirs.close()
        return unread

    def _unread(self) -> Iterator[tuple[Arrival, socket.socket]]:
        with suppress(BlockingIOError):
            while True:
                header, files = receive(self._theirs)
                if not header:  # both ends are closed now, and all is read
                    return
                for file in files:
                    yield socket_of(decode(header), file)

    def fileno(self) -> int:
        """See `IWriteDescriptor`."""
        return self._ours.fileno()

    def connectionLost(self, reason: Failure) -> None:
        """Do nothing: the end of the worker is found out elsewhere."""

    def logPrefix(self) -> str:
        """See `IWriteDescriptor`."""
        return "hand-over"
