"""The processes of a server, as /proc shows them."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")  # a second
ENDED = "ZX"  # states of a process that has ended
# of /proc/<pid>/stat after the name of the program; the state is 0
PARENT_FIELD, USER_FIELD, SYSTEM_FIELD = 1, 11, 12
REMOTE_FIELD, INODE_FIELD = 2, 9  # of /proc/net/tcp


def workers_of(parent: int) -> dict[int, int]:
    """Return the pids of the workers that run, by number."""
    found = {}
    for directory in Path("/proc").iterdir():
        if directory.name.isdigit() and (number := _number(directory, parent)):
            found[number] = int(directory.name)
    return dict(sorted(found.items()))


def _number(directory: Path, parent: int) -> int:
    """Return the number of a worker, 0 for a process that is none of *parent*."""
    with suppress(OSError):  # it may end at any time
        if _stat(directory)[PARENT_FIELD] == str(parent):
            words = (directory / "cmdline").read_bytes().split(b"\0")
            if b"gim.worker" in words:
                return int(words[words.index(b"gim.worker") + 1])
    return 0


def _stat(directory: Path) -> list[str]:
    return (directory / "stat").read_text().rpartition(")")[2].split()


def runs(pid: int) -> bool:
    """Say whether a process exists, and has not ended with all of its threads and files."""
    directory = Path(f"/proc/{pid}")
    try:
        return _stat(directory)[0] not in ENDED or len(os.listdir(directory / "task")) > 1
    except OSError:
        return False


def peak_memory_of(pid: int) -> int:
    """Return how many bytes of a process have been in RAM at most."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def cpu_of(pid: int) -> float:
    """Return the seconds of CPU time that a process has taken."""
    fields = _stat(Path(f"/proc/{pid}"))
    return (int(fields[USER_FIELD]) + int(fields[SYSTEM_FIELD])) / TICKS


def worker_at(port: int, workers: dict[int, int]) -> int:
    """Return the number of the worker that has the connection from a client's *port* of this machine.

    Returns 0 if none of *workers*, pids by number, has it.
    """
    link = f"socket:[{_inode_of(port)}]"
    for number, pid in workers.items():
        with suppress(OSError):
            if any(os.readlink(file) == link for file in Path(f"/proc/{pid}/fd").iterdir()):
                return number
    return 0


def _inode_of(remote_port: int) -> str:
    """Return the inode of the TCP socket of IPv4 whose other end has a port, "" if there is none."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[REMOTE_FIELD].partition(":")[2], 16) == remote_port and fields[INODE_FIELD] != "0":
            return fields[INODE_FIELD]
    return ""
