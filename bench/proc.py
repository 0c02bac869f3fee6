"""What /proc says of processes that are not this program's own children: CPU, memory, connections."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def cpu(pid: int) -> float:
    """Return the CPU time that a process has used so far, in seconds, user and system, all threads.

    It is the sum that /proc/PID/stat shows in ticks of 10 ms, but in nanoseconds: the kernel's CPU
    clock of another process, as clock_getcpuclockid(3) names it.
    """
    return time.clock_gettime((~pid << 3) | 2)


def rss(pid: int) -> int:
    """Return the memory that a process has in RAM, in bytes."""
    return _kib(Path(f"/proc/{pid}/status"), "VmRSS") * 1024


def peak_rss(pid: int) -> int:
    """Return the most memory that a process has had in RAM, in bytes."""
    return _kib(Path(f"/proc/{pid}/status"), "VmHWM") * 1024


def pss(pid: int) -> int:
    """Return the memory of a process in bytes, where n processes share a page, 1/n of it."""
    return _kib(Path(f"/proc/{pid}/smaps_rollup"), "Pss") * 1024


def _kib(file: Path, field: str) -> int:
    line = next(line for line in file.read_text().splitlines() if line.startswith(f"{field}:"))
    return int(line.split()[1])


def children(pid: int) -> list[int]:
    """Return the processes that a process has started and that have not ended, the oldest first."""
    return sorted(child for child, parent in _parents() if parent == pid)


def _parents() -> Iterator[tuple[int, int]]:
    """Yield each process and its parent, without those that have ended or end meanwhile."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(FileNotFoundError, ProcessLookupError):
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
                if state != "Z":
                    yield int(entry.name), int(parent)


def peer_ports(pid: int, port: int) -> set[int]:
    """Return the ports of the clients that a process serves at a port of 127.0.0.1."""
    sockets = set(_sockets(pid))
    return {peer for inode, local, peer in _established() if local == port and inode in sockets}


def _sockets(pid: int) -> Iterator[int]:
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            if found := re.fullmatch(r"socket:\[(\d+)\]", os.readlink(descriptor)):
                yield int(found[1])


def _established() -> Iterator[tuple[int, int, int]]:
    """Yield inode, own port and peer's port of each connection over IPv4."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, peer, state, *rest = line.split()
        if state == "01":
            yield int(rest[5]), int(local.partition(":")[2], 16), int(peer.partition(":")[2], 16)
