"""The address of a client, behind proxies as well, and which addresses count as one."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from socket import AF_INET6, inet_ntop, inet_pton
from typing import Any

from msgspec import Struct

UNIX = "unix"  # stands for any peer on a UNIX socket
SITE = 64  # bits of an IPv6 address that a provider gives to one site, at least (RFC 6177, RFC 4291)
_WITH_PORT = re.compile(r"\[([^\[\]]+)\](?::\d+)?|([\d.]+):\d+", re.ASCII)


class Proxies(Struct, frozen=True):
    """Proxies that are trusted to name the client they forward."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    unix: bool = False

    def trust(self, host: str) -> bool:
        """Say whether *host* is one of them; "" stands for a UNIX socket."""
        if not host:
            return self.unix
        if not self.networks:
            return False
        address = ip_address(host)
        return any(address in network for network in self.networks)

    def client(self, host: str, forwarded: str) -> str:
        """Return the client's host: *host* itself, unless it is trusted and *forwarded*, the value of
        X-Forwarded-For, names another.

        Each proxy appends the address it was contacted by, so the rightmost untrusted one is the client;
        anything to its left can be forged.
        """
        for word in reversed(forwarded.split(",")):
            if not word.strip():  # empty members of a list do not count (RFC 9110, section 5.6.1)
                continue
            if not self.trust(host) or not (before := _host(word)):
                break
            host = before
        return host


NO_PROXIES = Proxies()


def read(text: str) -> Proxies:
    """Read a list with commas in between. Raises ValueError with what to write."""
    words = [word.strip() for word in text.split(",")]
    networks = tuple(_network(word) for word in words if word != UNIX)
    return Proxies(networks, UNIX in words)


def _network(word: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(word, strict=False)
    except ValueError as error:
        raise ValueError(
            f"{word!r} is not a valid proxy: write 10.0.0.7, 10.0.0.0/8, fd00::/8 or unix, separated by"
            " commas"
        ) from error


def host_of(address: Any) -> str:
    """Return the IP address of a transport's peer, "" for a peer without one."""
    return _canonical(str(getattr(address, "host", "")))


def group_of(host: str) -> str:
    """Return what is counted as one client: an IPv4 address, the first `SITE` bits of an IPv6 one."""
    if ":" not in host:
        return host
    site = inet_pton(AF_INET6, host)[: SITE // 8]
    return f"{inet_ntop(AF_INET6, site.ljust(16, bytes(1)))}/{SITE}"


def _host(word: str) -> str:
    """Return an address in its canonical form, without a port; "" for a word that is not an address."""
    word = word.strip()
    if found := _WITH_PORT.fullmatch(word):
        word = found[1] or found[2]
    return _canonical(word)


@lru_cache(maxsize=1024)  # parsing takes 5 us, and each connection needs its address twice or more
def _canonical(word: str) -> str:
    """Return an address in its canonical form, "" for a word that is not an address."""
    try:
        kind = IPv6Address if ":" in word else IPv4Address  # `ip_address` tries both
        address = kind(word.partition("%")[0])
    except ValueError:
        return ""
    mapped = getattr(address, "ipv4_mapped", None)  # ::ffff:192.0.2.1
    return str(mapped or address)
