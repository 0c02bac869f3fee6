"""The URL of ``--redis-url``: which Redis to use, and how.

Passwords stay secret: no error quotes a part of the URL that could be one, even if the URL is wrong, and
`Target.describe` and the repr leave it out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv6Address
from typing import Literal
from urllib.parse import quote, unquote

from msgspec import Struct

Kind = Literal["server", "sentinel", "cluster"]

_FORMS = (
    "write redis://:password@host:6379/0, rediss:// for TLS, unix:///path/to.sock,"
    " redis+sentinel://host:26379,host:26379/name or redis+cluster://host:6379,host:6379"
)
_URL = re.compile(r"(?P<scheme>[^:/?#]+)://(?P<place>[^/?#]*)(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?")
_HOST = re.compile(r"(?=.{1,253}\Z)[\w-]{1,63}(\.[\w-]{1,63})*\.?", re.ASCII)
_ADDRESS = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::(.*))?")
_SCHEMES: dict[str, tuple[Kind, bool]] = {
    "redis": ("server", False),
    "rediss": ("server", True),
    "unix": ("server", False),
    "redis+sentinel": ("sentinel", False),
    "rediss+sentinel": ("sentinel", True),
    "redis+cluster": ("cluster", False),
    "rediss+cluster": ("cluster", True),
}
_MAX_PATH = 107  # bytes: the limit of the kernel, see unix(7)
_TLS_PARAMETERS = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs")
_SENTINEL_PARAMETERS = ("sentinel_user", "sentinel_password")


class Address(Struct, frozen=True):
    """Where a server listens: a host and a port, or the path of a Unix socket."""

    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        host = f"[{quote(self.host, safe=':')}]" if ":" in self.host else self.host
        return quote(self.path) or f"{host}:{self.port}"


class Tls(Struct, frozen=True):
    """TLS: paths of PEM files, "" for none. Without a CA file the CAs of the system are trusted."""

    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    verify: bool = True


class Target(Struct, frozen=True):
    """The content of a URL. ``master`` is the name by which the sentinels know it; the two ``sentinel_``
    fields log in to them. The other user, the password and the database are for the server itself."""

    kind: Kind
    addresses: tuple[Address, ...]
    user: str = ""
    password: str = ""
    database: int = 0
    master: str = ""
    tls: Tls | None = None
    sentinel_user: str = ""
    sentinel_password: str = ""

    def describe(self) -> str:
        """Return the URL for logs and errors, without user and password, and of TLS only the scheme."""
        places = ",".join(map(str, self.addresses))
        if self.addresses[0].path:
            return f"unix://{places}?db={self.database}"
        scheme = "rediss" if self.tls else "redis"
        if self.kind == "cluster":
            return f"{scheme}+cluster://{places}"
        if self.kind == "sentinel":
            return f"{scheme}+sentinel://{places}/{quote(self.master, safe='')}/{self.database}"
        return f"{scheme}://{places}/{self.database}"

    def __repr__(self) -> str:
        return f"<Target {self.describe()}>"


def read(text: str) -> Target:
    """Read a URL, or raise ValueError with one sentence that says what to write, without the password."""
    parts = _split(text)
    scheme = parts["scheme"].lower()
    user, password, hosts = _credentials(parts["place"])
    if scheme == "unix":
        return _unix(user, password, hosts, parts["path"], parts["query"] or "")
    kind, secure = _SCHEMES[scheme]
    allowed = (_TLS_PARAMETERS if secure else ()) + (_SENTINEL_PARAMETERS if kind == "sentinel" else ())
    addresses = _addresses(hosts, kind)
    master, database = _path(kind, parts["path"])
    parameters = _parameters(parts["query"] or "", allowed)
    return Target(
        kind,
        addresses,
        user,
        password,
        database,
        master,
        _tls(parameters) if secure else None,
        parameters.get("sentinel_user", ""),
        parameters.get("sentinel_password", ""),
    )


def _split(text: str) -> re.Match[str]:
    if " " in text or not text.isprintable():
        raise ValueError("it has a space or a control character: write it as %20 or the like")
    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise ValueError("it has a % without two hexadecimal digits after it: write %25 for a plain %")
    parts = _URL.match(text)
    if parts is None or parts["scheme"].lower() not in _SCHEMES:
        raise ValueError(f"it begins with none of the known schemes: {_FORMS}")
    if "@" in text[parts.end("place") :] or parts["place"].count("@") > 1:
        raise ValueError(
            "it has an @ too many: give user and password once, before the first host, and write"
            " %2F, %3F, %23 and %40 for / ? # and @ in them, %40 for an @ after them"
        )
    if parts.end() != len(text):
        raise ValueError("it has a fragment, which has no meaning here: remove # and the rest")
    return parts


def _credentials(place: str) -> tuple[str, str, str]:
    before, at, hosts = place.rpartition("@")
    user, colon, password = before.partition(":")
    if at and not colon:
        raise ValueError("a colon is missing before the @: write user:password@ or :password@")
    return _decoded(user), _decoded(password), hosts


def _unix(user: str, password: str, hosts: str, path: str, query: str) -> Target:
    if hosts:
        raise ValueError("a Unix socket has no host: write unix:///path/to.sock, with three slashes")
    if path in ("", "/"):
        raise ValueError("the path of the Unix socket is missing: write unix:///path/to.sock")
    address = Address(path=_decoded(path))
    if len(address.path.encode()) > _MAX_PATH:
        raise ValueError(f"the path of the Unix socket is too long: {_MAX_PATH} bytes at most")
    database = _database(_parameters(query, ("db",)).get("db", "0"))
    return Target("server", (address,), user, password, database)


def _addresses(hosts: str, kind: Kind) -> tuple[Address, ...]:
    if kind == "server" and "," in hosts:
        raise ValueError(f"several hosts are for sentinels and clusters only: {_FORMS}")
    return tuple(_address(host, 26379 if kind == "sentinel" else 6379) for host in hosts.split(","))


def _address(text: str, default_port: int) -> Address:
    found = _ADDRESS.fullmatch(text)
    if found is None or not found[1]:
        raise ValueError("a host is missing or not valid: write host:port, or [::1]:port for IPv6")
    return Address(_host(found[1]), default_port if found[2] is None else _port(found[2]))


def _host(text: str) -> str:
    if text.startswith("["):
        try:
            return str(IPv6Address(_decoded(text[1:-1])))
        except ValueError:
            raise ValueError(
                "the text in brackets is not a valid IPv6 address: write [::1]:port"
            ) from None
    if _HOST.fullmatch(text) is None:
        raise ValueError(
            "a host is not a valid host name: write letters, digits, dots and hyphens, or [::1]"
        )
    return text


def _port(text: str) -> int:
    port = _number(text, 5)
    if not 1 <= port <= 65535:
        raise ValueError("a port is not a number from 1 to 65535: write host:port")
    return port


def _path(kind: Kind, path: str) -> tuple[str, int]:
    """Return the master's name, "" where there is none, and the database."""
    if kind == "sentinel":
        name, _slash, number = path[1:].partition("/")
        if name == "":
            raise ValueError("the master's name is missing: write redis+sentinel://host:26379/name")
        return _decoded(name), _database(number or "0")
    database = _database(path[1:] or "0")
    if kind == "cluster" and database:
        raise ValueError("a cluster has database 0 only: end the URL after the last port")
    return "", database


def _database(text: str) -> int:
    database = _number(text, 10)
    if not 0 <= database < 2**31:
        raise ValueError("the database is not a whole number from 0 to 2147483647: write /0")
    return database


def _number(text: str, max_digits: int) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= max_digits else -1


def _parameters(query: str, allowed: tuple[str, ...]) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for part in filter(None, query.split("&")):
        name, equals, value = part.partition("=")
        if not equals or not value:
            raise ValueError("a parameter after ? has no value: write name=value, with & in between")
        if name not in allowed:
            raise ValueError(_unknown(name, parameters, allowed))
        if name in parameters:
            raise ValueError(f"parameter {name} is given twice: write it once")
        parameters[name] = _decoded(value)
    return parameters


def _unknown(name: str, before: Iterable[str], allowed: tuple[str, ...]) -> str:
    if "sentinel_password" in before:  # with an & in it, the name would be the rest of it
        return "what follows sentinel_password is not a parameter: write %26 for an & in the password"
    if name in _TLS_PARAMETERS:
        return f"parameter {name} is for TLS only: write rediss:// for redis://"
    return f"parameter {name!r} is not known here: write {' or '.join(allowed) or 'none'}"


def _tls(parameters: dict[str, str]) -> Tls:
    verify = parameters.get("ssl_cert_reqs", "required")
    if verify not in ("none", "required"):
        raise ValueError("ssl_cert_reqs is not valid: write none or required")
    ca_file, cert_file, key_file = (parameters.get(name, "") for name in _TLS_PARAMETERS[:3])
    if key_file and not cert_file:
        raise ValueError("ssl_keyfile is given without its certificate: add ssl_certfile")
    return Tls(ca_file, cert_file, key_file, verify == "required")


def _decoded(text: str) -> str:
    try:
        decoded = unquote(text, errors="strict")
    except UnicodeDecodeError:
        decoded = "\0"
    if "\0" in decoded:
        raise ValueError(
            "a %XX stands for a zero byte, or for text that is not UTF-8: encode the text as UTF-8"
        )
    return decoded
