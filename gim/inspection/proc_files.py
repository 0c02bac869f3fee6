"""Numbers that Linux has in files below /proc."""

from __future__ import annotations

import os
from typing import NamedTuple

from gim.limits.overload import STATM, resident

NET_DEV = "/proc/net/dev"
_NAMESPACE = "/proc/self/ns/net"
_BOOT = "/proc/sys/kernel/random/boot_id"
_LARGEST = 65_536  # bytes: some 500 network interfaces


class Traffic(NamedTuple):
    """Bytes through all network interfaces, the loopback included, since they began."""

    received: int
    sent: int


class ProcFiles:
    """Files that are read again and again. They stay open: when files are short, none can be opened."""

    def __init__(self) -> None:
        self._statm = self._net_dev = -1

    def open(self) -> None:
        """Open the files that this system has."""
        self._statm, self._net_dev = _opened(STATM), _opened(NET_DEV)

    def close(self) -> None:
        """Close the files."""
        for file in self._statm, self._net_dev:
            if file >= 0:
                os.close(file)
        self._statm = self._net_dev = -1

    def rss(self) -> int | None:
        """Return how many bytes of RAM the process has, None if that is unknown."""
        return resident(self._statm) if self._statm >= 0 else None

    def traffic(self) -> Traffic | None:
        """Return what has passed the network interfaces, None if that is unknown."""
        if self._net_dev < 0:
            return None
        received = sent = 0
        for line in os.pread(self._net_dev, _LARGEST, 0).splitlines()[2:]:  # two lines of titles
            numbers = line.partition(b":")[2].split()
            received, sent = received + int(numbers[0]), sent + int(numbers[8])
        return Traffic(received, sent)


def network_name() -> str:
    """Return a name of the network namespace that no other machine has, "" if that is unknown."""
    try:
        with open(_BOOT, encoding="ascii") as file:
            return f"{file.read().strip()}:{os.stat(_NAMESPACE).st_ino}"
    except OSError:
        return ""


def _opened(path: str) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return -1
