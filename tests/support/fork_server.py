"""A Python that has imported all that gim needs, and forks a child for each script it is to run.

A start takes a twentieth of the CPU time that way, as most of it goes into imports. It is the program
of `tests.support.forked_process`, run with ``-m``. It reads requests from the socket at its standard
input: a JSON object, and with it four file descriptors: standard input, output, error, and a pipe for
how the child ends. It answers each with the pid of the child. At the end of the input it kills all
children and ends.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import resource
import runpy
import select
import signal
import socket
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from tests.support import fork_workers

LONGEST_REQUEST = 1 << 20  # bytes
REACTOR = "twisted.internet.reactor"


class WithoutReactor:
    """A finder of modules that fails for the reactor: each child has to choose and begin its own."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name == REACTOR:
            raise ImportError("not before the fork")
        return None


def preload() -> None:
    """Import Twisted's scripts and all of gim, except the modules that import the reactor."""
    import gim

    finder = WithoutReactor()
    sys.meta_path.insert(0, finder)
    names = [module.name for module in pkgutil.walk_packages(gim.__path__, "gim.", lambda name: None)]
    for name in ("twisted.scripts.twistd", "twisted.application.twist._twist", *names):
        try:
            importlib.import_module(name)
        except ImportError:
            pass
    sys.meta_path.remove(finder)
    assert REACTOR not in sys.modules
    gc.collect()
    gc.freeze()  # a collection in a child is not to copy all pages


class Server:
    """Forks children, and tells how they end."""

    def __init__(self, requests: socket.socket) -> None:
        self._requests = requests
        self._ends: dict[int, int] = {}  # pid -> where to write the status
        self._awake, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)

    def run(self) -> dict[str, Any] | None:
        """Serve until the end of the input. Returns the request in a child, None in the server."""
        while True:
            both: list[Any] = [self._requests, self._awake]
            readable, _, _ = select.select(both, [], [])
            if self._awake in readable:
                os.read(self._awake, 1000)
                self._reap()
            if self._requests in readable:
                data, files, _, _ = socket.recv_fds(self._requests, LONGEST_REQUEST, 4)
                if not data:
                    return self._end()
                if self._fork(files):
                    return dict(json.loads(data))

    def _fork(self, files: list[int]) -> bool:
        """Return whether this is the child."""
        *standard, end = files
        pid = os.fork()
        if pid == 0:
            self._become_child(standard, end)
            return True
        self._ends[pid] = end
        for file in standard:
            os.close(file)
        self._requests.send(str(pid).encode())
        return False

    def _become_child(self, standard: list[int], end: int) -> None:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._requests.close()
        for number, file in enumerate(standard):
            os.dup2(file, number)
        os.closerange(3, max(*files_of_self(), end) + 1)

    def _reap(self) -> None:
        for pid in tuple(self._ends):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                end = self._ends.pop(pid)
                os.write(end, str(status).encode())
                os.close(end)

    def _end(self) -> None:
        for pid in self._ends:
            os.kill(pid, signal.SIGKILL)


def files_of_self() -> list[int]:
    return [int(name) for name in os.listdir("/proc/self/fd")]


def become(
    script: str, words: list[str], environment: dict[str, str], directory: str, files: tuple[int, int]
) -> None:
    """Run a script of Python as if it had been started so; *files* are its limits of open files."""
    resource.setrlimit(resource.RLIMIT_NOFILE, files)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv[:] = [script, *words]
    # those of the server remember whether its own files could be rewound
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", 1, errors="backslashreplace", closefd=False)
    if "GIM_GATEWAY_WORKER" in environment or any("-worker" in word for word in words):
        fork_workers.begin()
    runpy.run_path(script, run_name="__main__")


def main() -> None:
    sys.path[0] = os.path.dirname(sys.executable)  # as for the scripts there, that -m may not differ
    requests = socket.socket(fileno=os.dup(0))
    preload()
    request = Server(requests).run()
    if request is not None:
        become(**request)


if __name__ == "__main__":
    main()
