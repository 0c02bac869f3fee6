"""Values of options: durations, sizes, counts, addresses. All raise ValueError with what to write."""

from __future__ import annotations

import re
from collections.abc import Callable

from twisted.internet.endpoints import quoteStringArgument
from twisted.internet.interfaces import IStreamServerEndpointStringParser
from twisted.plugin import getPlugins

from gim.auth.api_tokens import AUDIENCE, OPEN_AUDIENCE

_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZES = {"": 1, "b": 1, "kb": 1000, "mb": 1000**2, "kib": 1024, "mib": 1024**2}
_LARGE_SIZES = _SIZES | {"gb": 1000**3, "gib": 1024**3}
_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*(ms|s|m|h|d|)", re.ASCII)
_SIZE = re.compile(r"(\d+)\s*(b|kb|mb|kib|mib|)", re.ASCII | re.IGNORECASE)
_LARGE_SIZE = re.compile(r"(\d{1,15})\s*(b|kb|mb|gb|kib|mib|gib|)", re.ASCII | re.IGNORECASE)
_PORT = re.compile(r":?(\d+)", re.ASCII)
_HOST_PORT = re.compile(r"(\[[^\[\]]+\]|[^:\[\]=]+):(\d+)", re.ASCII)

_PROXY = re.compile("haproxy:")  # Twisted's prefix of an endpoint behind a proxy
_WITH_BACKLOG = ("tcp", "tcp4", "tcp6", "ssl", "tls", "unix")
_LOOPBACK = {"tcp": "127.0.0.1", "tcp4": "127.0.0.1", "ssl": "127.0.0.1", "tcp6": r"\:\:1"}
LONGEST = 365 * 86400.0  # seconds
LEAST_MEMORY = 128 * 2**20  # bytes: gim without clients takes half of it


def duration(text: str) -> float:
    """Read ``500ms``, ``2s``, ``1m``, ``12h``, ``30d`` or plain seconds; return seconds above 0."""
    found = _DURATION.fullmatch(text)
    seconds = float(found[1]) * _UNITS[found[2]] if found else 0.0
    if not 0.001 <= seconds <= LONGEST:
        raise ValueError(f"{text!r} is no duration from 1ms to 365d: write 500ms, 2s, 1m or 30d")
    return seconds


def duration_or_zero(text: str) -> float:
    """Read a duration, or ``0``."""
    return 0.0 if text == "0" else duration(text)


def size(text: str) -> int:
    """Read ``4096``, ``64KiB`` or ``1MiB``; return bytes, 1 to 1 GiB."""
    found = _SIZE.fullmatch(text)
    size = int(found[1]) * _SIZES[found[2].lower()] if found else 0
    if not 1 <= size <= 2**30:
        raise ValueError(f"{text!r} is no size from 1 byte to 1024MiB: write 4096 or 64KiB")
    return size


def memory_or_zero(text: str) -> int:
    """Read ``512MiB`` or ``4GiB``, or ``0``; return bytes."""
    found = _LARGE_SIZE.fullmatch(text)
    size = int(found[1]) * _LARGE_SIZES[found[2].lower()] if found else -1
    if size != 0 and size < LEAST_MEMORY:
        raise ValueError(f"{text!r} is no size of memory from 128MiB: write 512MiB, 4GiB, or 0 for any")
    return size


def count(text: str) -> int:
    """Read a whole number, 1 or more."""
    number = count_or_zero(text)
    if number == 0:
        raise ValueError("0 is too few: write a whole number, 1 or more")
    return number


def count_or_zero(text: str) -> int:
    """Read a whole number, 0 or more."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 15):
        raise ValueError(f"{text!r} is no whole number, 0 or more")
    return int(text)


def switch(text: str) -> bool:
    """Read ``true`` or ``false``."""
    if text.lower() not in ("true", "false"):
        raise ValueError(f"{text!r} is neither true nor false")
    return text.lower() == "true"


def header_name(text: str) -> str:
    """Read the name of an HTTP header (RFC 9110, section 5.1: a token)."""
    if re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", text) is None:
        raise ValueError(f"{text!r} is no name of an HTTP header")
    return text


def protocol(text: str) -> str:
    """Read ``json`` or ``proto``."""
    if text not in ("json", "proto"):
        raise ValueError(f"{text!r} is no message protocol: write json or proto")
    return text


def storage(text: str) -> str:
    """Read ``memory`` or ``redis``."""
    if text not in ("memory", "redis"):
        raise ValueError(f"{text!r} is no storage: write memory or redis")
    return text


def one_of(*words: str) -> Callable[[str], str]:
    """Return what reads one of some words."""

    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"{text!r} is not known: write {', '.join(words[:-1])} or {words[-1]}")
        return text

    return read


def prefix(text: str) -> str:
    """Read what the names of keys begin with. A brace would change where a cluster keeps them."""
    if re.fullmatch(r"[A-Za-z0-9_.:-]{1,64}", text) is None:
        raise ValueError(f"{text!r} is no prefix: write 1 to 64 letters, digits and any of _ . : -")
    return text


def path(text: str) -> str:
    """Read the path of a file."""
    if not text.strip():
        raise ValueError("it is empty: write the path of a file, or leave it out")
    return text


def party(text: str) -> str:
    """Read whom a token is of or for (RFC 7519, section 4.1)."""
    if not text.strip():
        raise ValueError("it is empty: write what the tokens say, or leave it out")
    return text


def audience(text: str) -> str:
    """Read the audience of login tokens, which is not that of the tokens that gim issues."""
    if text in (AUDIENCE, OPEN_AUDIENCE):
        raise ValueError(f"{text!r} is the audience of the tokens that gim issues itself: write another")
    return party(text)


def endpoint(text: str) -> str:
    """Read ``8080``, ``:8080``, ``host:8080``, ``[::1]:8080`` or a Twisted endpoint string.

    Returns the endpoint string.
    """
    if found := _PORT.fullmatch(text):
        return f"tcp:{_port(found[1])}"
    found = _HOST_PORT.fullmatch(text)
    if found and found[1] not in _endpoint_types():
        host = quoteStringArgument(found[1].strip("[]"))
        return f"tcp:{_port(found[2])}:interface={host}"
    if text.partition(":")[0] in _endpoint_types():
        return text
    raise ValueError(f"{text!r} is no address: write 8080, :8080, host:8080, [::1]:8080, unix:/path")


def with_backlog(endpoint: str, backlog: int) -> str:
    """Let an endpoint string say how many connections may wait to be accepted, if it does not yet."""
    if _PROXY.sub("", endpoint).partition(":")[0] not in _WITH_BACKLOG or "backlog=" in endpoint:
        return endpoint
    return f"{endpoint}:backlog={backlog}"


def on_loopback(endpoint: str) -> str:
    """Let an endpoint string of TCP or TLS that names no host name that of this machine to itself."""
    kind, _port, *rest = re.split(r"(?<!\\):", _PROXY.sub("", endpoint))
    positional = kind != "ssl" and any("=" not in word for word in rest)
    if kind not in _LOOPBACK or positional or any(word.startswith("interface=") for word in rest):
        return endpoint
    return f"{endpoint}:interface={_LOOPBACK[kind]}"


def speaks_proxy(endpoint: str) -> bool:
    """Say whether connections to an endpoint string begin with a header of the PROXY protocol."""
    return _PROXY.match(endpoint) is not None


def _port(text: str) -> int:
    port = int(text) if len(text) <= 5 else 65536
    if port > 65535:
        raise ValueError(f"{text} is no port: write 0 to 65535, 0 for any that is free")
    return port


def _endpoint_types() -> set[str]:
    built_in = {"tcp", "ssl", "unix"}
    return built_in | {parser.prefix for parser in getPlugins(IStreamServerEndpointStringParser)}
