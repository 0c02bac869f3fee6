"""What can be wrong with a machine that runs gim, and with a server as a client sees it."""

from __future__ import annotations

import errno
import os
import re
import resource
import shutil
import socket
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from gim import __version__
from gim.cli.failures import Failure, Refused
from gim.cli.http import Server
from gim.cli.output import count, size
from gim.concurrency.clocks import WallClock

GOOD, WARNING, BAD = "good", "warning", "bad"
PORTS = {"gateway": 8080, "api": 8081}  # the defaults of --gateway-address and --api-address
MIN_OPEN_FILES = 10_100  # clients that docs/performance.md measures, and the files of gim itself
MIN_BACKLOG = 4096  # clients that come back at once, as in gim.net.endpoints
MIN_MEMORY = 256 * 2**20  # bytes: gim without clients takes some 64 MiB, with 10,000 twice that
MIN_DISK = 2**30  # bytes for logs, which are rotated
MAX_CLOCK_DIFFERENCE = 2  # seconds: the header Date has whole ones


class Finding(NamedTuple):
    """Something that was checked: `GOOD`, `WARNING` or `BAD`, and what was found."""

    subject: str
    verdict: str
    text: str


def of_machine() -> Iterator[Finding]:
    """Check this machine; each check takes no longer than a look."""
    yield _open_files()
    yield _backlog()
    yield _memory()
    yield _disk()
    for name, port in PORTS.items():
        yield _port(name, port)


def of_server(server: Server) -> Iterator[Finding]:
    """Check the server. Nothing more is checked of one that can't be reached."""
    try:
        answer = server.exchange("GET", "/healthz")
        version = server.description()["info"]["version"]
    except Failure as error:
        yield Finding("server", BAD, str(error))
        return
    same = version == __version__
    note = "" if same else f", but this program is {__version__}"
    yield Finding("server", GOOD if same else WARNING, f"gim {version} answers at {server.url}{note}")
    yield _readiness(server)
    yield _clock(answer.headers.get("Date", ""))


def _open_files() -> Finding:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY or hard >= MIN_OPEN_FILES:
        limit = "as many as the kernel allows" if hard == resource.RLIM_INFINITY else f"{count(hard)}"
        return Finding("open files", GOOD, f"{limit} for a process")
    return Finding(
        "open files",
        WARNING,
        f"{count(hard)} are enough for some {count(max(0, hard - 100))} connections: raise the limit,"
        " with LimitNOFILE= of systemd or ulimit -n",
    )


def _backlog() -> Finding:
    subject = "queue of new connections"
    try:
        with open("/proc/sys/net/core/somaxconn") as file:
            most = int(file.read())
    except (OSError, ValueError):
        return Finding(subject, WARNING, "net.core.somaxconn can't be read")
    if most >= MIN_BACKLOG:
        return Finding(subject, GOOD, f"net.core.somaxconn is {most}")
    return Finding(subject, WARNING, f"net.core.somaxconn is {most}: raise it to {MIN_BACKLOG}")


def _memory() -> Finding:
    try:
        with open("/proc/meminfo") as file:
            found = re.search(r"MemAvailable:\s+(\d+) kB", file.read())
    except OSError:
        found = None
    if found is None:
        return Finding("memory", WARNING, "what is available can't be read")
    free = int(found[1]) * 1024
    return Finding("memory", GOOD if free >= MIN_MEMORY else WARNING, f"{size(free)} available")


def _disk() -> Finding:
    directory = os.getcwd()
    free = shutil.disk_usage(directory).free
    return Finding("disk", GOOD if free >= MIN_DISK else WARNING, f"{size(free)} free in {directory}")


def _port(name: str, port: int) -> Finding:
    """Say whether a default port is free, or whether a server has it: either may be as it should be."""
    with socket.socket() as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind(("", port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                return Finding(f"port {port}", WARNING, f"can't be bound: {error.strerror}")
            return Finding(f"port {port}", GOOD, f"in use: the {name} of gim has it by default")
    return Finding(f"port {port}", GOOD, f"free for the {name}")


def _readiness(server: Server) -> Finding:
    try:
        data = server.ask("GET", "/readyz")
    except Refused as error:
        return Finding("readiness", BAD, error.msg)
    except Failure as error:
        return Finding("readiness", BAD, str(error))
    warnings = data.get("warnings", [])
    return Finding("readiness", WARNING if warnings else GOOD, "; ".join(warnings) or "ready")


def _clock(header: str) -> Finding:
    try:
        theirs = parsedate_to_datetime(header).timestamp()
    except ValueError:
        return Finding("clock", WARNING, "the server does not say what time it is")
    difference = WallClock().now_ms() / 1000 - theirs
    if abs(difference) <= MAX_CLOCK_DIFFERENCE:
        return Finding("clock", GOOD, "that of the server agrees with this machine's")
    return Finding(
        "clock",
        WARNING,
        f"this machine is {abs(difference):.0f} s {'ahead of' if difference > 0 else 'behind'} the"
        " server: synchronise both by NTP",
    )
