"""Real Redis servers for tests: each a child process with a port and a directory of its own."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

from twisted.internet import reactor
from twisted.internet.endpoints import (
    TCP4ClientEndpoint,
    UNIXClientEndpoint,
    connectProtocol,
    wrapClientTLS,
)
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.ssl import Certificate, optionsForClientTLS
from twisted.python.filepath import FilePath
from twisted.trial.unittest import SkipTest, TestCase

from tests.support.redis.environment import (
    HOST,
    MISSING,
    OLD_MISSING,
    OLD_SERVER,
    PATIENCE,
    SERVER,
    SKEW_MISSING,
    hold_port,
    move_clock,
    skew_library,
    tls_missing,
    until,
    write_certificate,
)
from tests.support.redis.process import Process
from tests.support.redis.resp_connection import RespConnection

__all__ = [
    "MISSING",
    "OLD_MISSING",
    "OLD_SERVER",
    "PATIENCE",
    "SKEW_MISSING",
    "RedisServer",
    "RedisTestCase",
]


class RedisServer(Process):
    """One server, alone with its port (held from the start to `stop`) and its directory.

    *words* are added to its command line, and win over the defaults: ``"--appendonly", "yes"``.
    With *user*, only that user may do anything. With *unix*, it listens there and on no port. With
    *skewed*, its wall clock can be moved (needs a C compiler, see `SKEW_MISSING`).
    """

    def __init__(
        self,
        directory: FilePath[str],
        *words: str,
        binary: str | None = SERVER,
        password: str | None = None,
        user: str | None = None,
        tls: bool = False,
        unix: bool = False,
        skewed: bool = False,
    ) -> None:
        super().__init__(directory)
        assert binary is not None, MISSING
        self.binary = binary
        self.password, self.user = password, user
        self.tls, self.skewed = tls, skewed
        self.ca_file = directory.child("ca.pem").path if tls else None
        self.socket_path: str | None = None
        self._holder = hold_port()
        self.port: int = self._holder.getsockname()[1]
        if unix:  # trial's directories are too deep for it: a path has 107 bytes at most
            self.socket_path = os.path.join(tempfile.mkdtemp(prefix="redis-", dir="/tmp"), "socket")
        self._words = words

    # its life

    async def start(self) -> None:
        """Start it; return once it answers. Raises `AssertionError` with its log if it does not."""
        if self.tls and not self.directory.child("key.pem").exists():
            write_certificate(self.directory)
        if self.skewed and not self._skew_file.exists():
            self.advance(0)
        self.spawn((self.binary, *self._command_line()), self._environment())
        try:
            await until(self._answers, "an answer to PING")
        except AssertionError as e:
            raise AssertionError(f"{e}; {self.log()}") from e

    async def _answers(self) -> bool:
        if not self.running:
            raise AssertionError(f"{self.binary} ended at once")
        return bool(await self.do("PING") == b"PONG")

    async def stop(self) -> None:
        """Kill it if need be, wait for its end, give up its port. It cannot be started again."""
        self.kill()
        await self.ended()
        self._holder.close()
        if self.socket_path is not None:
            shutil.rmtree(os.path.dirname(self.socket_path), ignore_errors=True)

    async def restart(self) -> None:
        """Kill it if need be and start it anew with the same port, directory and clock."""
        self.kill()
        await self.ended()
        await self.start()

    # its clock

    @property
    def _skew_file(self) -> FilePath[str]:
        return self.directory.child("skew")

    def advance(self, seconds: float) -> None:
        """Move its wall clock, back if negative. It counts from the next command on."""
        assert self.skewed, "its clock is the machine's"
        move_clock(self._skew_file.path, seconds)

    # how to reach it

    @property
    def url(self) -> str:
        """redis://, rediss:// or unix://, with user and password, database 0."""
        words = (quote(self.user or "", ""), quote(self.password or "", ""))
        secret = "" if self.password is None else ":".join(words) + "@"
        if self.socket_path is not None:
            return f"unix://{secret}{self.socket_path}?db=0"
        return f"redis{'s' * self.tls}://{secret}{HOST}:{self.port}/0"

    async def do(self, *words: str | bytes | int | float) -> Any:
        """Run one command on a connection of its own; return the reply, as of `RespConnection.call`.

        Raises `hiredis.ReplyError`, `ConnectError` or `ConnectionClosed` (Twisted's), and
        `TimeoutError` after `PATIENCE` seconds without an answer.
        """
        async with self.connected() as connection:
            return await connection.call(*words).addTimeout(PATIENCE, reactor)

    async def info(self, section: str = "default") -> dict[str, str]:
        """Return the fields of one section of INFO."""
        text = (await self.do("INFO", section)).decode()
        return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[RespConnection]:
        """Connect and authenticate, for several commands on one connection; hangs up at the end."""
        connection = await connectProtocol(self._endpoint(), RespConnection())
        try:
            if self.password is not None:
                words = ("AUTH", self.user or "default", self.password)
                await connection.call(*words).addTimeout(PATIENCE, reactor)
            yield connection
        finally:
            await connection.hang_up()

    def _endpoint(self) -> IStreamClientEndpoint:
        if self.socket_path is not None:
            return UNIXClientEndpoint(reactor, self.socket_path)
        endpoint = TCP4ClientEndpoint(reactor, HOST, self.port)
        if self.ca_file is None:
            return endpoint
        root = Certificate.loadPEM(FilePath(self.ca_file).getContent())
        return wrapClientTLS(optionsForClientTLS(HOST, trustRoot=root), endpoint)

    # its process

    def _environment(self) -> dict[str, str]:
        if not self.skewed:
            return {}
        return {"LD_PRELOAD": skew_library(), "TEST_SKEW": self._skew_file.path}

    def _command_line(self) -> tuple[str, ...]:
        fixed = ("--save", "", "--bind", HOST, "--protected-mode", "no", "--loglevel", "notice")
        return (*fixed, *self._listening(), *self._access(), *self._words)

    def _listening(self) -> tuple[str, ...]:
        if self.socket_path is not None:
            return ("--port", "0", "--unixsocket", self.socket_path)
        if not self.tls:
            return ("--port", str(self.port))
        files = ("--tls-cert-file", "ca.pem", "--tls-ca-cert-file", "ca.pem", "--tls-key-file", "key.pem")
        return ("--port", "0", "--tls-port", str(self.port), "--tls-auth-clients", "no", *files)

    def _access(self) -> tuple[str, ...]:
        if self.password is None:
            return ()
        if self.user is None:
            return ("--requirepass", self.password)
        allowed = ("on", f">{self.password}", "~*", "&*", "+@all")
        return ("--user", self.user, *allowed, "--user", "default", "off")


class RedisTestCase(TestCase):
    """Starts servers and sees to it that all of them end."""

    skip = MISSING
    timeout = 60

    async def redis(self, *words: str, **options: Any) -> RedisServer:
        """Start a server, with the words and options of `RedisServer`, for this test alone."""
        if options.get("tls") and (reason := tls_missing()):
            raise SkipTest(reason)
        server = RedisServer(FilePath(self.mktemp()), *words, **options)
        self.addCleanup(server.stop)
        await server.start()
        return server
