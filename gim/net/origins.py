"""Which web pages may talk to gim: the Origin header of browsers (RFC 6454) against a list.

A script cannot change its page's origin; other programs send what they like. So this protects users of
browsers from other sites, and authenticates no client.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address
from typing import NamedTuple

SAME_HOST_WORD, ANY, NULL = "same-host", "*", "null"
_DEFAULT_PORTS = {"http": 80, "https": 443}
_HOST = r"(\[[0-9a-f:.]+\]|[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?\.?)"
_ORIGIN = re.compile(rf"([a-z][a-z0-9+.-]*)://(\*\.)?{_HOST}(?::(\d{{1,5}}))?", re.ASCII)
_IPV4 = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}", re.ASCII)
_AUTHORITY = re.compile(rf"{_HOST}(?::\d{{0,5}})?", re.ASCII)


class _Origin(NamedTuple):
    scheme: str
    host: str
    port: int | None
    with_subdomains: bool = False  # of the host, without the host itself

    def covers(self, other: _Origin) -> bool:
        return (self.scheme, self.port) == (other.scheme, other.port) and self.is_at(other.host)

    def is_at(self, host: str) -> bool:
        return host.endswith(f".{self.host}") if self.with_subdomains else host == self.host


class Origins(NamedTuple):
    """The list. The same host is the one of the request's Host header, with any port."""

    same_host: bool = False
    any: bool = False  # but for null
    null: bool = False  # pages without an origin of their own, as of a file or a sandboxed frame
    listed: tuple[_Origin, ...] = ()

    def allow(self, origin: str, host: str) -> bool:
        """Say whether a page of *origin* may talk to gim; *host* is the request's Host header."""
        origin = origin.strip().lower()
        if origin == NULL or origin.startswith("file://"):
            return self.null
        page = _read(origin)
        if page is None or page.with_subdomains:
            return False
        if self.any or (
            self.same_host and page.scheme in _DEFAULT_PORTS and page.host == host_name(host)
        ):
            return True
        return any(entry.covers(page) for entry in self.listed)

    def serve(self, host: str) -> bool:
        """Say whether a Host header has an IP address, localhost or the host of a listed origin.

        Any other name may belong to a web page of another site, whose DNS server has given it the address
        of this server for a moment (DNS rebinding); its requests would come from the same host. Browsers
        always send a host.
        """
        if not host.strip():
            return True
        name = host_name(host)
        if name is None:
            return False
        if self.any or name == "localhost" or name[0] == "[" or _IPV4.fullmatch(name):
            return True
        return any(entry.is_at(name) for entry in self.listed)


SAME_HOST = Origins(same_host=True)


def read(text: str) -> Origins:
    """Read a list with commas in between. Raises ValueError with what to write."""
    words = [word.strip().lower() for word in text.split(",")]
    known = {SAME_HOST_WORD, ANY, NULL}
    return Origins(
        same_host=SAME_HOST_WORD in words,
        any=ANY in words,
        null=NULL in words,
        listed=tuple(_entry(word) for word in words if word not in known),
    )


def _entry(word: str) -> _Origin:
    entry = _read(word)
    if entry is None:
        raise ValueError(
            f"{word!r} is not a valid origin: write same-host, *, null, https://example.com, http://localhost:3000"
            " or https://*.example.com (other alphabets as xn--…), separated by commas"
        )
    return entry


def _read(text: str) -> _Origin | None:
    """Read an origin in lower case; None for a text that is not an origin."""
    found = _ORIGIN.fullmatch(text)
    if found is None:
        return None
    scheme, wildcard, host, port = found.groups()
    number = int(port) if port else _DEFAULT_PORTS.get(scheme)
    written = _canonical(host)
    if written is None or (number or 0) > 65535 or (wildcard and host[0] == "["):
        return None
    return _Origin(scheme, written, number, wildcard is not None)


@lru_cache(maxsize=256)  # nearly all clients name the same host
def host_name(authority: str) -> str | None:
    """Return the host of a Host header without the port; None for a value that is not valid."""
    found = _AUTHORITY.fullmatch(authority.strip().lower())
    return _canonical(found[1]) if found else None


def _canonical(host: str) -> str | None:
    """Return a host in its canonical form: a name without the dot at its end, an IPv6 address in its
    shortest form; None for one that is not valid."""
    if host[0] != "[":
        return host.removesuffix(".")
    try:
        return f"[{IPv6Address(host[1:-1])}]"
    except AddressValueError:
        return None
