"""The files that an endpoint string names."""

from __future__ import annotations

import re
from collections.abc import Callable

# the arguments of an ``ssl`` endpoint, by position: docs.twisted.org, serverFromString
_ARGUMENTS = (
    "kind", "port", "privateKey", "certKey", "sslmethod", "interface", "backlog", "extraCertChain",
    "dhParameters",
)  # fmt: skip
_FILES = ("privateKey", "certKey", "extraCertChain", "dhParameters")
_DEFAULT_KEY = "server.pem"  # Twisted's
_SSL = re.compile(r"((?:haproxy:)?)(ssl:.*)", re.DOTALL)
_FIELD = re.compile(r"(?:[^:\\]|\\.)+", re.DOTALL)
_NAMED = re.compile(r"(\w+)=(.*)", re.DOTALL)


def map_files(endpoint: str, path_of: Callable[[str], str]) -> str:
    """Return an endpoint string of the kind ``ssl`` with the paths that *path_of* returns for its files,
    any other endpoint string as it is."""
    found = _SSL.fullmatch(endpoint)
    if found is None:
        return endpoint
    arguments = _arguments(found[2])
    arguments.setdefault("privateKey", _DEFAULT_KEY)
    for name in _FILES:
        if name in arguments:
            arguments[name] = _escaped(path_of(_plain(arguments[name])))
    kind, port = arguments.pop("kind"), arguments.pop("port", "0")
    return found[1] + ":".join([kind, port, *(f"{name}={text}" for name, text in arguments.items())])


def _arguments(endpoint: str) -> dict[str, str]:
    """Return the arguments of an ``ssl`` endpoint by name, their special characters escaped."""
    found, positions = {}, iter(_ARGUMENTS)
    for text in _FIELD.findall(endpoint):
        named = _NAMED.fullmatch(text)
        name, value = named.groups() if named else (next(positions), text)
        found[name] = value
    return found


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


def _escaped(text: str) -> str:
    return re.sub(r"([:\\])", r"\\\1", text)
