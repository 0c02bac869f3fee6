"""Listening addresses as services that end the start with one line when an address can't be had."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IStreamServerEndpoint
from twisted.python.failure import Failure

from gim.log.logger import Logger
from gim.net.endpoints import unwrapped
from gim.startup import StartupError


class Listening(Service):
    """Listens on an endpoint while it runs, privileged ports included."""

    _log = Logger()

    def __init__(
        self,
        name: str,
        endpoint: IStreamServerEndpoint | None,
        factory: IProtocolFactory,
        prepare: Callable[[IListeningPort], None] = lambda port: None,
        at_once: bool = True,
        is_announced: bool = True,
    ) -> None:
        """*name* says in logs and errors what listens here; without *endpoint* that is nowhere.
        *prepare* is called with the port before it accepts a connection, and may raise ValueError. Unless
        *at_once*, connections wait in the kernel's queue until `accept` is called. The log has a line
        with the address if *is_announced*."""
        self.setName(name)
        self._accepts = at_once
        self._endpoint = endpoint
        self._factory = factory
        self._prepare = prepare
        self._is_announced = is_announced
        self.port: IListeningPort | None = None  # while it listens

    def privilegedStartService(self) -> None:
        super().privilegedStartService()
        if self._endpoint is None:
            return
        listening = maybeDeferred(self._endpoint.listen, self._factory)
        failures: list[Failure] = []
        listening.addCallback(self._listens).addErrback(failures.append)
        if failures:
            line = f"{self.name}: {failures[0].getErrorMessage()}"
            self._log.critical("can't start: {line}", line=line)
            raise StartupError(line)

    def startService(self) -> None:
        super().startService()
        if self.port is None:
            self.privilegedStartService()

    def accept(self) -> None:
        """Accept connections, first of all those that wait already."""
        self._accepts = True
        if self.port is not None:
            self.port.startReading()  # type: ignore[attr-defined]  # every kind of port has it

    def stopService(self) -> Deferred[Any] | None:
        super().stopService()
        port, self.port = self.port, None
        return maybeDeferred(port.stopListening) if port is not None else None

    @property
    def address(self) -> str:
        """The address for people; "" while it does not listen."""
        return _written(self.port.getHost()) if self.port is not None else ""

    def _listens(self, port: IListeningPort) -> None:
        self._prepare(port)
        if not self._accepts:
            port.stopReading()  # type: ignore[attr-defined]
        self.port = port
        if self._is_announced:
            self._log.info("{name} listens on {address}", name=self.name, address=self.address)


def check_free(name: str, endpoint: IStreamServerEndpoint | None) -> None:
    """Raise `StartupError` if a TCP endpoint's port or a UNIX endpoint's socket is taken.

    Called before twistd daemonizes, while stderr is attached. A port that is taken after this check is
    reported by `Listening`.
    """
    from twisted.internet.endpoints import (
        TCP4ServerEndpoint,
        TCP6ServerEndpoint,
        UNIXServerEndpoint,
    )

    found = unwrapped(endpoint)
    if isinstance(found, UNIXServerEndpoint):
        _check_socket(name, found._address)
    if not isinstance(found, TCP4ServerEndpoint | TCP6ServerEndpoint):
        return
    host, number = found._interface, found._port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, number))
            probe.listen(1)
        except (OSError, OverflowError) as error:
            line = f"{name}: cannot listen on {host or '*'}:{number}: {error}"
            raise StartupError(line) from None


def _check_socket(name: str, path: str) -> None:
    """Remove a UNIX socket, and its lock, that a killed process has left behind.

    Twisted removes them if the lock names a process that is gone. After a kill in a container, or when
    process ids start anew, the lock may name this very process, or another one that has nothing to do
    with it. Whether a process listens on the socket is certain.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(path)
        except (ConnectionRefusedError, FileNotFoundError):
            _remove_stale(path)
        except OSError:  # it may be in use: `Listening` says what is wrong
            pass
        else:
            raise StartupError(f"{name}: cannot listen on {path}: another process listens there")


def _remove_stale(path: str) -> None:
    lock = f"{path}.lock"  # a symbolic link to a process id
    with suppress(OSError):
        if os.path.exists(path) and stat.S_ISSOCK(os.stat(path).st_mode):
            os.unlink(path)
        if os.path.islink(lock):
            os.unlink(lock)


def _written(address: Any) -> str:
    if hasattr(address, "port"):
        return (
            f"[{address.host}]:{address.port}"
            if ":" in address.host
            else f"{address.host}:{address.port}"
        )
    return str(getattr(address, "name", address))
