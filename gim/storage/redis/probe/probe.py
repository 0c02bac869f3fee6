"""Checks, before the daemon starts, that it can use the Redis of ``--redis-url``.

The checks block, with timeouts, as no reactor runs yet. A problem that may pass by itself, as a server
that starts at the same time, is checked again for a while; any other one ends the start at once.
"""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from gim.storage.redis.client.url import Address, Target, Tls
from gim.storage.redis.probe.connection import ANSWER_TIMEOUT, NotYet, ProbeConnection, Unusable

__all__ = ["OLDEST_VERSION", "Probe", "Unusable", "check_files"]

OLDEST_VERSION = (7, 0)  # of Redis
PATIENCE = 5.0  # seconds for problems that may pass
RETRY_PAUSE = 0.1  # seconds between two attempts
TRIED_COMMANDS: tuple[tuple[str | int, ...], ...] = (  # some of those that gim needs, without keys
    ("PING",),
    ("HELLO",),
    ("TIME",),
    ("EVAL", "return 1", 0),
)
_INSTEAD = {
    "standalone": "is a single server: write redis://host:6379/0",
    "sentinel": "is a sentinel: write redis+sentinel://host:26379/name",
    "cluster": "is a node of a cluster: write redis+cluster://host:6379",
}


class Probe:
    """The check of one target: a server, the master of sentinels, or a cluster."""

    def __init__(
        self,
        target: Target,
        patience: float = PATIENCE,
        retry_pause: float = RETRY_PAUSE,
        answer_timeout: float = ANSWER_TIMEOUT,
    ) -> None:
        """A server that can't be reached, loads its data or has no ready cluster is tried again every
        *retry_pause* seconds, until *patience* seconds have gone by."""
        self._target = target
        self._patience = patience
        self._retry_pause = retry_pause
        self._answer_timeout = answer_timeout

    def run(self) -> None:
        """Return if the target can be used, or raise `Unusable`."""
        if self._target.tls:
            check_files(self._target.tls)
        end = time.monotonic() + self._patience
        while True:
            try:
                return self._check()
            except NotYet:
                if time.monotonic() >= end:
                    raise
            time.sleep(self._retry_pause)

    def _check(self) -> None:
        match self._target.kind:
            case "server":
                self._check_server(self._target.addresses[0])
            case "sentinel":
                self._check_any(self._check_sentinel)
            case "cluster":
                self._check_any(self._check_node)

    def _connect(self, address: Address, part: str = "") -> ProbeConnection:
        return ProbeConnection(self._target, address, self._answer_timeout, part)

    def _check_server(self, address: Address) -> None:
        with self._connect(address) as server:
            if self._check_data(server, "standalone") != "master":
                raise Unusable(f"{server} is a replica: write the address of its master, or of sentinels")

    def _check_sentinel(self, address: Address) -> None:
        name = self._target.master
        with self._connect(address, "sentinel") as sentinel:
            _check_mode(sentinel, sentinel.fields("INFO"), "sentinel")
            found = sentinel.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", name)
        if found is None:
            raise Unusable(f"{sentinel} does not know a master {name!r}: correct the name in --redis-url")
        with self._connect(Address(found[0], int(found[1])), "master") as master:
            if self._check_data(master, "standalone") != "master":
                raise NotYet(f"{master} is a replica: wait until its sentinels have agreed on a master")

    def _check_node(self, address: Address) -> None:
        with self._connect(address, "node") as node:
            self._check_data(node, "cluster")
            state = node.fields("CLUSTER", "INFO").get("cluster_state")
        if state != "ok":
            raise NotYet(
                f"{node} says cluster_state:{state}: give every slot a master,"
                " and start those that are down"
            )

    def _check_any(self, check: Callable[[Address], None]) -> None:
        """Return if one of the addresses is good. Else raise the worst problem: one that lasts comes
        before one that may pass."""
        problems: list[Unusable] = []
        for address in self._target.addresses:
            try:
                return check(address)
            except Unusable as error:
                problems.append(error)
        raise min(problems, key=lambda error: isinstance(error, NotYet)) from None

    def _check_data(self, server: ProbeConnection, mode: str) -> str:
        """Check a server that would hold the data; return its role, ``master`` or ``slave``."""
        info = server.fields("INFO")
        _check_version(server, info.get("redis_version", "unknown"))
        _check_mode(server, info, mode)
        if self._target.database:
            _check_database(server, self._target.database)
        for words in TRIED_COMMANDS:
            server.ask(*words)
        return info.get("role", "master")


def _check_version(server: ProbeConnection, version: str) -> None:
    found = re.match(r"(\d+)\.(\d+)", version)
    if found is None or (int(found[1]), int(found[2])) < OLDEST_VERSION:
        oldest = ".".join(map(str, OLDEST_VERSION))
        raise Unusable(f"{server} has version {version}: gim needs {oldest} or newer")


def _check_mode(server: ProbeConnection, info: dict[str, str], mode: str) -> None:
    found = info.get("redis_mode") or info.get("server_mode") or "standalone"  # Valkey may say the latter
    if found != mode:
        raise Unusable(f"{server} {_INSTEAD.get(found, f'is in mode {found}, which gim does not know')}")


def _check_database(server: ProbeConnection, database: int) -> None:
    try:
        server.ask("SELECT", database)
    except Unusable as error:
        if "out of range" not in str(error):
            raise
        raise Unusable(f"{server} has no database {database}: write a smaller number") from None


def check_files(tls: Tls) -> None:
    """Check that each file can be read and has what its parameter says, or raise `Unusable`."""
    context = ssl.create_default_context()
    paths = {"ssl_ca_certs": tls.ca_file, "ssl_certfile": tls.cert_file, "ssl_keyfile": tls.key_file}
    for parameter, path in paths.items():
        if path:
            _check_file(parameter, path, Path(path).read_bytes)
    if tls.ca_file:
        _check_file("ssl_ca_certs", tls.ca_file, lambda: context.load_verify_locations(tls.ca_file))
    if tls.cert_file:  # "" for a password, or OpenSSL would ask for it at the terminal
        load = partial(context.load_cert_chain, tls.cert_file, tls.key_file or None, "")
        _check_file("ssl_certfile", tls.cert_file, load)


def _check_file(parameter: str, path: str, load: Callable[[], object]) -> None:
    try:
        load()
    except OSError as error:  # SSLError is one as well
        reason = getattr(error, "reason", None) or error.strerror
        raise Unusable(
            f"{parameter} {path!r} can't be used: {reason}: name a PEM file that gim's user can read,"
            " a key without a passphrase"
        ) from None
