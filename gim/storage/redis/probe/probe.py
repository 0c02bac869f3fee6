"""Whether the Redis of ``--redis-url`` can be used, asked before the daemon starts.

It blocks, with timeouts, as no reactor runs yet. What may come right by itself, as a server that starts
at the same time, is asked again for a while; whatever else is wrong ends the start at once.
"""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from gim.storage.redis.client.url import Address, Target, Tls
from gim.storage.redis.probe.connection import NotYet, ProbeConnection, Unusable

__all__ = ["LEAST", "Unusable", "check_files", "probe"]

LEAST = (7, 0)  # the oldest version of Redis that will do
PAUSE = 0.1  # seconds between two tries
TRIED: tuple[tuple[str | int, ...], ...] = (  # a part of what gim does, without keys
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


def probe(target: Target, patience: float = 5.0) -> None:
    """Return if *target* can be used, or raise `Unusable`.

    A server that can't be reached, loads its data or has no ready cluster is asked again until
    *patience* seconds have gone by.
    """
    check = _CHECKS[target.kind]
    if target.tls:
        check_files(target.tls)
    end = time.monotonic() + patience
    while True:
        try:
            return check(target)
        except NotYet:
            if time.monotonic() >= end:
                raise
        time.sleep(PAUSE)


def _check_server(target: Target) -> None:
    with ProbeConnection(target, target.addresses[0]) as server:
        if _check_data(server, target, "standalone") != "master":
            raise Unusable(f"{server} is a replica: write the address of its master, or of sentinels")


def _check_sentinels(target: Target) -> None:
    _check_any(target, _check_sentinel)


def _check_sentinel(target: Target, address: Address) -> None:
    with ProbeConnection(target, address, "sentinel") as sentinel:
        _check_mode(sentinel, sentinel.fields("INFO"), "sentinel")
        found = sentinel.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", target.master)
    if found is None:
        raise Unusable(f"{sentinel} knows no master {target.master!r}: correct the name in --redis-url")
    with ProbeConnection(target, Address(found[0], int(found[1])), "master") as master:
        if _check_data(master, target, "standalone") != "master":
            raise NotYet(f"{master} is a replica: wait until its sentinels have agreed on a master")


def _check_cluster(target: Target) -> None:
    _check_any(target, _check_node)


def _check_node(target: Target, address: Address) -> None:
    with ProbeConnection(target, address, "node") as node:
        _check_data(node, target, "cluster")
        state = node.fields("CLUSTER", "INFO").get("cluster_state")
    if state != "ok":
        raise NotYet(
            f"{node} says cluster_state:{state}: give every slot a master, and start those that are down"
        )


def _check_any(target: Target, check: Callable[[Target, Address], None]) -> None:
    """Return if one of the addresses is good; else raise what is wrong, before what may come right."""
    wrong: list[Unusable] = []
    for address in target.addresses:
        try:
            return check(target, address)
        except Unusable as error:
            wrong.append(error)
    raise min(wrong, key=lambda error: isinstance(error, NotYet)) from None


def _check_data(server: ProbeConnection, target: Target, mode: str) -> str:
    """Check a server that would hold the data; return its role, ``master`` or ``slave``."""
    info = server.fields("INFO")
    _check_version(server, info.get("redis_version", "unknown"))
    _check_mode(server, info, mode)
    if target.database:
        _check_database(server, target.database)
    for words in TRIED:
        server.ask(*words)
    return info.get("role", "master")


def _check_version(server: ProbeConnection, version: str) -> None:
    found = re.match(r"(\d+)\.(\d+)", version)
    if found is None or (int(found[1]), int(found[2])) < LEAST:
        least = ".".join(map(str, LEAST))
        raise Unusable(f"{server} is of version {version}: gim needs {least} or newer")


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
    """Check that the files can be read, and are what they are said to be, or raise `Unusable`."""
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


_CHECKS = {"server": _check_server, "sentinel": _check_sentinels, "cluster": _check_cluster}
