"""Workers of gim that are forked, in a daemon that was forked: see `tests.support.fork_server`.

A worker that Python starts anew takes as long as a daemon. A *nursery*, forked from the daemon before it
has a reactor, has imported all that a worker needs. It forks a worker at the daemon's request, as a child
of the daemon: `CLONE_PARENT` of clone(2). So the daemon watches, signals and reaps it as any other.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import resource
import runpy
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from fcntl import F_DUPFD, fcntl
from typing import Any

CLONE_PARENT = 0x8000
SYS_CLONE = {"x86_64": 56, "aarch64": 220}  # by machine
LONGEST_REQUEST = 1 << 20  # bytes
MOST_FILES = 16  # that a worker begins with
PROGRAM = "gim.worker"
# fields of /proc/<pid>/stat, see proc(5), counted from 0 behind the name of the program
ARGUMENTS_FIELD, ARGUMENTS_END_FIELD = 45, 46

Spawn = Callable[..., bool]


def begin() -> None:
    """Fork the nursery of this process, and let Twisted have it fork the workers."""
    if platform.machine() not in SYS_CLONE:
        return
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if os.fork() == 0:
        ours.close()
        _Nursery(theirs).run()
        os._exit(0)
    theirs.close()
    from twisted.internet import process

    spawn = process.Process._trySpawnInsteadOfFork
    process.Process._trySpawnInsteadOfFork = _Nurse(ours, spawn).spawn_for()


class _Nurse:
    """The daemon's side. A daemon that has another pid or user than at first starts workers anew."""

    def __init__(self, nursery: socket.socket, start_anew: Spawn) -> None:
        self._nursery = nursery
        self._start_anew = start_anew
        self._daemon = os.getpid(), os.getuid(), os.getgid()

    def spawn_for(self) -> Spawn:
        """Return what stands in for a private method of `twisted.internet.process.Process`."""

        def spawn(process: Any, *how: Any) -> bool:
            args, environment, fdmap = how[4], how[5], how[6].get("fdmap")
            words = [os.fsdecode(word) for word in args]
            is_here = self._daemon == (os.getpid(), os.getuid(), os.getgid())
            if PROGRAM not in words or not is_here:
                return self._start_anew(process, *how)
            process.pid = self._ask(words, environment, fdmap)
            process.status = -1
            return True

        return spawn

    def _ask(self, words: list[str], environment: Mapping[Any, Any], fdmap: Mapping[int, int]) -> int:
        request = {
            "words": words,
            "environment": {os.fsdecode(key): os.fsdecode(value) for key, value in environment.items()},
            "directory": os.getcwd(),
            "files": resource.getrlimit(resource.RLIMIT_NOFILE),
            "numbers": list(fdmap),
        }
        socket.send_fds(self._nursery, [json.dumps(request).encode()], list(fdmap.values()))
        return int(self._nursery.recv(100))


class _Nursery:
    """Forks workers until the daemon ends."""

    def __init__(self, requests: socket.socket) -> None:
        self._requests = requests

    def run(self) -> None:
        """Serve; in a worker run its program instead."""
        for number in (0, 1, 2):  # whatever reads them is to see the end of the daemon
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
        while True:
            data, files, _, _ = socket.recv_fds(self._requests, LONGEST_REQUEST, MOST_FILES)
            if not data:
                return
            pid = fork_sibling()
            if pid == 0:
                self._requests.close()
                _become_worker(**json.loads(data), inherited=files)
                sys.exit()
            for file in files:
                os.close(file)
            self._requests.send(str(pid).encode())


def fork_sibling() -> int:
    """Fork a child of this process's parent; return its pid, and 0 in the child. There are no threads."""
    api: Any = ctypes.pythonapi
    call = ctypes.PyDLL(None).syscall
    api.PyOS_BeforeFork()
    pid = int(call(SYS_CLONE[platform.machine()], CLONE_PARENT | signal.SIGCHLD, 0, 0, 0, 0))
    (api.PyOS_AfterFork_Child if pid == 0 else api.PyOS_AfterFork_Parent)()
    return pid


def _become_worker(
    words: Sequence[str],
    environment: dict[str, str],
    directory: str,
    files: tuple[int, int],
    numbers: Sequence[int],
    inherited: Sequence[int],
) -> None:
    """Run ``python -m gim.worker`` as if it had been started so."""
    above = [fcntl(file, F_DUPFD, max(numbers) + 1) for file in inherited]  # none is in the way
    for number, file in zip(numbers, above, strict=True):
        os.dup2(file, number)
    os.closerange(max(numbers) + 1, max(above) + 1)
    resource.setrlimit(resource.RLIMIT_NOFILE, files)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    _rename(words)
    arguments = words[words.index(PROGRAM) + 1 :]
    sys.argv[:] = [PROGRAM, *arguments]
    sys.modules.pop(PROGRAM, None)
    runpy.run_module(PROGRAM, run_name="__main__", alter_sys=True)


def _rename(words: Sequence[str]) -> None:
    """Let /proc show these words as the arguments of this process, as far as there is room."""
    with open("/proc/self/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    begin, end = int(fields[ARGUMENTS_FIELD]), int(fields[ARGUMENTS_END_FIELD])
    text = "\0".join(["python", *words[1:]]).encode()[: end - begin - 1]
    ctypes.memmove(begin, text.ljust(end - begin, b"\0"), end - begin)
