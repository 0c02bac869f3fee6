"""Listening addresses as services that end the start with one clear line when they can't be had."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import TCP4ServerEndpoint, TCP6ServerEndpoint, serverFromString
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IStreamServerEndpoint
from twisted.python.failure import Failure

from gim.config.types import with_backlog
from gim.log.logger import Logger

# Connections that may wait to be accepted. Twisted's 50 would reset most of those who come back at once
# when a server has restarted; the kernel lowers it to net.core.somaxconn.
BACKLOG = 4096


class StartFailed(SystemExit, Exception):
    """The start can't go on. Ends the process with status 1 and no traceback.

    It is an `Exception` as well so that twistd takes it for an error of the start: it removes the pid
    file, and the process that waits for a daemon to start hears of it.
    """

    def __init__(self, line: str) -> None:
        super().__init__(line)
        self.code = 1  # the line has been said: the interpreter need not repeat it


class NotHandedOver(ValueError):
    """systemd has handed over no such socket; started through its socket unit, it may have."""


def make_endpoint(text: str, reactor: Any, written: str = "") -> IStreamServerEndpoint:
    """Make the endpoint of an endpoint string, or raise ValueError with a sentence that says why not,
    of what was *written* if that was not the same.

    Nothing is bound yet, but files are read: keys and certificates, for instance.
    """
    try:
        endpoint: IStreamServerEndpoint = serverFromString(reactor, with_backlog(text, BACKLOG))
    except Exception as error:  # each type of endpoint has errors of its own: files, keys, numbers
        if text.startswith("systemd:") and isinstance(error, LookupError):
            raise NotHandedOver(
                f"{text!r} can't be used: systemd has handed over no such socket: start its socket unit"
            ) from error
        raise ValueError(f"{(written or text)!r} can't be used: {error}") from error
    return endpoint


class Listening(Service):
    """Listens on an endpoint while it runs, privileged ports included."""

    _log = Logger()

    def __init__(
        self,
        name: str,
        endpoint: IStreamServerEndpoint,
        factory: IProtocolFactory,
        prepare: Callable[[IListeningPort], None] = lambda port: None,
        at_once: bool = True,
    ) -> None:
        """*name* says in logs and errors what listens here; *prepare* is called with the port before
        it accepts anybody. Unless *at_once*, those who connect wait in the kernel's queue until
        `accept` is called."""
        self.setName(name)
        self._accepts = at_once
        self._endpoint = endpoint
        self._factory = factory
        self._prepare = prepare
        self.port: IListeningPort | None = None  # while it listens

    def privilegedStartService(self) -> None:
        super().privilegedStartService()
        listening = maybeDeferred(self._endpoint.listen, self._factory)
        failures: list[Failure] = []
        listening.addCallbacks(self._listens, failures.append)
        if failures:
            line = f"{self.name}: {failures[0].getErrorMessage()}"
            self._log.critical("can't start: {line}", line=line)
            raise _refused(line)

    def startService(self) -> None:
        super().startService()
        if self.port is None:
            self.privilegedStartService()

    def accept(self) -> None:
        """Accept connections, those that wait already among them."""
        self._accepts = True
        if self.port is not None:
            self.port.startReading()  # type: ignore[attr-defined]  # every kind of port has it

    def stopService(self) -> Deferred[Any] | None:
        super().stopService()
        port, self.port = self.port, None
        return maybeDeferred(port.stopListening) if port is not None else None

    @property
    def address(self) -> str:
        """Where it listens, for people; "" while it does not."""
        return _written(self.port.getHost()) if self.port is not None else ""

    def _listens(self, port: IListeningPort) -> None:
        self._prepare(port)
        if not self._accepts:
            port.stopReading()  # type: ignore[attr-defined]
        self.port = port
        self._log.info("{name} listens on {address}", name=self.name, address=self.address)


def check_free(name: str, endpoint: IStreamServerEndpoint) -> None:
    """Refuse to start if a TCP endpoint's port is taken.

    Asked before twistd goes into the background, as it has no stderr after that; what comes in between
    is found by `Listening`.
    """
    endpoint = getattr(endpoint, "_wrappedEndpoint", endpoint)  # of haproxy:
    if not isinstance(endpoint, TCP4ServerEndpoint | TCP6ServerEndpoint):
        return
    host, number = endpoint._interface, endpoint._port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, number))
            probe.listen(1)
        except (OSError, OverflowError) as error:
            raise _refused(f"{name}: cannot listen on {host or '*'}:{number}: {error}") from None


def _refused(line: str) -> StartFailed:
    print(f"gim: {line}", file=sys.__stderr__, flush=True)
    return StartFailed(line)


def _written(address: Any) -> str:
    if hasattr(address, "port"):
        return (
            f"[{address.host}]:{address.port}"
            if ":" in address.host
            else f"{address.host}:{address.port}"
        )
    return str(getattr(address, "name", address))
