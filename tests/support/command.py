"""The command ``gim`` run in the test's own process, with its streams, its environment and its sockets
in memory."""

from __future__ import annotations

import io
import os
import socket
import sys
from collections.abc import Callable
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from gim.cli.main import main
from tests.support.pipe import GatewayTestCase

KEY = "0123456789abcdefghij"
STATISTICS = (  # an answer
    '{"code":0,"msg":"","data":{"total":{"connections":1,"users":1,"chatrooms":0,"messages":3},'
    '"nodes":[]}}'
)
TERMINAL_FILE = 7
Answerer = Callable[[bytes], bytes]  # from a whole request to a whole response


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return TERMINAL_FILE


class MemorySocket:
    """A client's socket: each request is answered when its response is read."""

    def __init__(self, answer: Answerer) -> None:
        self._answer = answer
        self._sent = b""

    def sendall(self, data: bytes) -> None:
        self._sent += data

    def makefile(self, mode: str) -> io.BytesIO:
        sent, self._sent = self._sent, b""
        return io.BytesIO(self._answer(sent))

    def setsockopt(self, *args: int) -> None:
        """Take the option without effect."""

    def settimeout(self, seconds: float) -> None:
        """Take the timeout without effect."""

    def close(self) -> None:
        """End; a later request opens another one."""


class Run:
    """How a command ended, and what it wrote on both outputs."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status = status
        self.out = out
        self.err = err


class CommandTestCase(SynchronousTestCase):
    """Runs commands. Requests to any server go to ``answer``."""

    def setUp(self) -> None:
        super().setUp()
        self.home = self.mktemp()
        os.makedirs(self.home)
        self.environment = {"HOME": self.home, "GIM_ADMIN_KEY": KEY}
        self.connected: list[tuple[str, int]] = []  # hosts and ports
        self.requests: list[bytes] = []

    def answer(self, request: bytes) -> bytes:
        raise AssertionError(f"an unexpected request: {request!r}")

    def open_socket(self, address: tuple[str, int], timeout: float, source: Any = None) -> Any:
        self.connected.append(address)
        return MemorySocket(self._answered)

    def _answered(self, request: bytes) -> bytes:
        self.requests.append(request)
        return self.answer(request)

    def gim(self, *words: str, stdin: str = "", tty: bool = False) -> Run:
        """Run a command; on a *tty* all its streams are one."""
        kind = Terminal if tty else io.StringIO
        out, err = kind(), kind()
        for name, stream in ("stdin", kind(stdin)), ("stdout", out), ("stderr", err):
            self.patch(sys, name, stream)
        self.patch(os, "environ", self.environment)
        self.patch(socket, "create_connection", self.open_socket)
        try:
            status = main(words)
        except SystemExit as end:  # of argparse
            status = int(end.code or 0)
        return Run(status, out.getvalue(), err.getvalue())

    def said(self, *words: str, stdin: str = "") -> str:
        """Return what a command that works prints."""
        run = self.gim(*words, stdin=stdin)
        self.assertEqual((run.status, run.err), (0, ""))
        return run.out

    def refused(self, *words: str, status: int = 1, stdin: str = "") -> str:
        """Return the last line of a command that fails, without data on its standard output."""
        run = self.gim(*words, stdin=stdin)
        self.assertEqual((run.status, run.out), (status, ""), run.err)
        return run.err.splitlines()[-1]

    def file(self, name: str, text: str) -> str:
        path = os.path.join(self.home, name)
        with open(path, "w") as file:
            file.write(text)
        return path


def response(body: str, status: int = 200, **headers: str) -> bytes:
    """Return a response as it comes over a socket."""
    fields = {"Content-Length": str(len(body.encode()))} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} X\r\n{head}\r\n{body}".encode()


class ServedTestCase(CommandTestCase, GatewayTestCase):
    """Runs commands against the HTTP API of a daemon in memory."""

    def setUp(self) -> None:
        self.patch(os, "environ", os.environ | {"GIM_ADMIN_KEY": KEY})
        super().setUp()

    def answer(self, request: bytes) -> bytes:
        transport = StringTransport(peerAddress=IPv4Address("TCP", "127.0.0.1", 3))
        transport.abortConnection = transport.loseConnection
        channel = self.api.buildProtocol(None)
        channel.makeConnection(transport)
        channel.dataReceived(request)
        self.pump()
        return transport.value()
