"""Addresses to listen on: from what people write to endpoint strings, and to endpoints of Twisted."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.interfaces import IStreamServerEndpoint, IStreamServerEndpointStringParser

if TYPE_CHECKING:
    from gim.net.tls import CertificateFiles

# Connections that may wait to be accepted. Twisted's 50 would reset most of the clients that come back at
# once when a server has restarted; the kernel lowers it to net.core.somaxconn.
BACKLOG = 4096

NOWHERE: Final = "none"  # in place of an address

_PORT = re.compile(r":?(\d+)", re.ASCII)
_HOST_PORT = re.compile(r"(\[[^\[\]]+\]|[^:\[\]=]+):(\d+)", re.ASCII)
_PROXY = re.compile("haproxy:")  # Twisted's prefix of an endpoint behind a proxy
_WITH_BACKLOG = ("tcp", "tcp4", "tcp6", "ssl", "tls", "unix")
_LOOPBACK = {"tcp": "127.0.0.1", "tcp4": "127.0.0.1", "ssl": "127.0.0.1", "tcp6": r"\:\:1"}


class NotHandedOver(ValueError):
    """systemd has not handed over the socket; it may do so when its socket unit starts gim."""


def read(text: str) -> str:
    """Read ``8080``, ``:8080``, ``host:8080``, ``[::1]:8080`` or a Twisted endpoint string.

    Returns the endpoint string. Raises ValueError with what to write.
    """
    if found := _PORT.fullmatch(text):
        return f"tcp:{_port(found[1])}"
    found = _HOST_PORT.fullmatch(text)
    if found and found[1] not in _endpoint_types():
        return f"tcp:{_port(found[2])}:interface={_quoted(found[1].strip('[]'))}"
    if text.partition(":")[0] in _endpoint_types():
        return text
    raise ValueError(
        f"{text!r} is not a valid address: write 8080, :8080, host:8080, [::1]:8080, unix:/path"
    )


def read_or_nowhere(text: str) -> str:
    """Read an address as `read` does, or `NOWHERE` for none."""
    return NOWHERE if text == NOWHERE else read(text)


def with_backlog(endpoint: str, backlog: int) -> str:
    """Let an endpoint string say how many connections may wait to be accepted, if it does not yet."""
    if _PROXY.sub("", endpoint).partition(":")[0] not in _WITH_BACKLOG or "backlog=" in endpoint:
        return endpoint
    return f"{endpoint}:backlog={backlog}"


def on_loopback(endpoint: str) -> str:
    """Let an endpoint string of TCP or TLS that names no host listen for this machine only."""
    kind, _port, *rest = re.split(r"(?<!\\):", _PROXY.sub("", endpoint))
    positional = kind != "ssl" and any("=" not in word for word in rest)
    if kind not in _LOOPBACK or positional or any(word.startswith("interface=") for word in rest):
        return endpoint
    return f"{endpoint}:interface={_LOOPBACK[kind]}"


def scheme_and_port(endpoint: str) -> tuple[str, int] | None:
    """Return how the clients of a WebSocket endpoint string write its scheme and its port, 0 for one that
    the system chooses; None for another kind of endpoint than TCP or TLS, or one behind a proxy."""
    kind, _, rest = endpoint.partition(":")
    port = re.match(r"(?:port=)?(\d+)", rest)
    scheme = {"ssl": "wss"}.get(kind, "ws") if kind in _LOOPBACK else None
    return None if scheme is None or port is None else (scheme, int(port[1]))


def speaks_proxy(endpoint: str) -> bool:
    """Say whether connections to an endpoint string begin with a header of the PROXY protocol."""
    return _PROXY.match(endpoint) is not None


def make_endpoint(text: str, reactor: Any, written: str = "") -> IStreamServerEndpoint:
    """Make the endpoint of an endpoint string. Raises ValueError with a sentence that says why not, and
    quotes *written* if the operator wrote the address in another way.

    Nothing is bound yet, but files are read: keys and certificates, for instance.
    """
    from twisted.internet.endpoints import serverFromString  # with all of TLS

    from gim.net.proxy_protocol import take_all_headers

    text = with_backlog(text, BACKLOG)
    try:
        endpoint: IStreamServerEndpoint = serverFromString(reactor, text)
        _check_directory(endpoint)
        _let_certificates_change(endpoint, lambda: serverFromString(reactor, text))
    except Exception as error:  # each type of endpoint has errors of its own: files, keys, numbers
        if text.startswith("systemd:") and isinstance(error, LookupError):
            raise NotHandedOver(
                f"{text!r} can't be used: systemd has handed over no such socket: start its socket unit"
            ) from error
        raise ValueError(f"{(written or text)!r} can't be used: {error}") from error
    return take_all_headers(endpoint)


def unwrapped(endpoint: IStreamServerEndpoint | None) -> Any:
    """Return the endpoint itself, without what `haproxy:` puts around it."""
    return getattr(endpoint, "_wrappedEndpoint", endpoint)


def certificate_files(endpoint: IStreamServerEndpoint | None) -> CertificateFiles | None:
    """Return the certificates of an endpoint made by `make_endpoint`, None for one without TLS.

    One of the kind ``tls`` has none either: Twisted reads its directory again by itself.
    """
    return getattr(unwrapped(endpoint), "_sslContextFactory", None)


def _let_certificates_change(
    endpoint: IStreamServerEndpoint, again: Callable[[], IStreamServerEndpoint]
) -> None:
    """Have an endpoint with TLS take its certificates from `CertificateFiles`; *again* makes another
    endpoint like it, which reads the files."""
    found = unwrapped(endpoint)
    if hasattr(found, "_sslContextFactory"):
        from gim.net.tls import CertificateFiles  # with all of TLS

        found._sslContextFactory = CertificateFiles(
            found._sslContextFactory, lambda: unwrapped(again())._sslContextFactory
        )


def _check_directory(endpoint: IStreamServerEndpoint) -> None:
    """Refuse a UNIX socket in a directory that does not exist."""
    from twisted.internet.endpoints import UNIXServerEndpoint

    found = unwrapped(endpoint)
    if isinstance(found, UNIXServerEndpoint):
        directory = os.path.dirname(os.path.abspath(found._address))
        if not os.path.isdir(directory):
            raise ValueError(f"the directory {directory} does not exist")


def _quoted(host: str) -> str:
    from twisted.internet.endpoints import quoteStringArgument

    return str(quoteStringArgument(host))


def _port(text: str) -> int:
    port = int(text) if len(text) <= 5 else 65536
    if port > 65535:
        raise ValueError(f"{text} is not a valid port: write 0 to 65535, 0 for any that is free")
    return port


def _endpoint_types() -> set[str]:
    from twisted.plugin import getPlugins  # what the plugins of Twisted import

    built_in = {"tcp", "ssl", "unix"}
    return built_in | {parser.prefix for parser in getPlugins(IStreamServerEndpointStringParser)}
