"""Scripts of gim and Twisted run by a `tests.support.fork_server`; the first of them starts it."""

from __future__ import annotations

import atexit
import json
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache

from twisted.internet import reactor
from twisted.internet.error import ProcessDone, ProcessExitedAlready, ProcessTerminated
from twisted.internet.process import ProcessReader
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from tests.support.paths import ROOT

STATUS = 3  # the pipe that tells how a child has ended


class ForkedProcess:
    """A child of the fork server: the transport of a process protocol."""

    def __init__(self, protocol: ProcessProtocol, pid: int, files: Mapping[int, int]) -> None:
        """*files* are what its standard output, its standard error and its status are read from."""
        self.pid = pid
        self._protocol = protocol
        self._status = b""
        self._readers = {name: ProcessReader(reactor, self, name, file) for name, file in files.items()}
        protocol.makeConnection(self)

    def signalProcess(self, number: int) -> None:
        if self._status:
            raise ProcessExitedAlready
        os.kill(self.pid, number)

    # what the readers call

    def childDataReceived(self, name: int, data: bytes) -> None:
        if name == STATUS:
            self._status += data
        else:
            self._protocol.childDataReceived(name, data)

    def childConnectionLost(self, name: int, reason: Failure) -> None:
        del self._readers[name]
        if not self._readers:
            self._protocol.processEnded(Failure(self._reason()))

    def _reason(self) -> ProcessDone | ProcessTerminated:
        status = int(self._status)
        code = os.waitstatus_to_exitcode(status)
        if code == 0:
            return ProcessDone(status)
        if code < 0:
            return ProcessTerminated(None, -code, status)
        return ProcessTerminated(code, None, status)


class ForkServer:
    """The fork server of this process; it ends with it."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.support.fork_server"],
            stdin=theirs.fileno(),
            cwd=ROOT.path,
            env=os.environ | {"PYTHONWARNINGS": "error::SyntaxWarning"},
        )
        theirs.close()

    def spawn(
        self,
        protocol: ProcessProtocol,
        words: Sequence[str],
        environment: Mapping[str, str],
        path: str,
        files: tuple[int, int] | None = None,
    ) -> None:
        """Run the Python script ``words[0]`` in the directory *path*. *files* are its limits of open
        files, those of this process if None."""
        request = {
            "script": words[0],
            "words": words[1:],
            "environment": environment,
            "directory": path,
            "files": files or resource.getrlimit(resource.RLIMIT_NOFILE),
        }
        pipes = {name: os.pipe() for name in (1, 2, STATUS)}
        with open(os.devnull) as nothing:
            ends = [nothing.fileno(), *(theirs for _, theirs in pipes.values())]
            socket.send_fds(self._socket, [json.dumps(request).encode()], ends)
        for _, theirs in pipes.values():
            os.close(theirs)
        pid = int(self._socket.recv(100))
        ForkedProcess(protocol, pid, {name: mine for name, (mine, _) in pipes.items()})

    def stop(self) -> None:
        """End it with all its children."""
        self._socket.close()
        self._server.wait()


@cache
def fork_server() -> ForkServer:
    """Return the server, begun with the first call and ended with the process."""
    server = ForkServer()
    atexit.register(server.stop)  # trial fires the events of a shutdown after each test
    return server
