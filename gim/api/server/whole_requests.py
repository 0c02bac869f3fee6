"""Reads a common request that has arrived in one piece, all at once.

Twisted reads every line by itself. Whatever is not common is left to it, such as requests in several
pieces or with a transfer encoding, and all that is not valid.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from twisted.web.http_headers import Headers

MAX_HEAD = 8192  # bytes
MAX_FIELDS = 100
_MAX_LENGTH_DIGITS = 9  # of a Content-Length

# RFC 9112, sections 3 and 5, without folded lines and without bytes that few clients send
_HEAD = re.compile(
    rb"(GET|HEAD|POST|PUT|PATCH|DELETE) (/[!-~]*) HTTP/1\.1\r\n"
    rb"((?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\x00\r\n]*\r\n)*)\r\n"
)
# what changes how a request is read, or what becomes of its connection
_UNCOMMON = frozenset({b"connection", b"expect", b"transfer-encoding", b"upgrade"})


class WholeRequest(NamedTuple):
    """What a request says, and its body."""

    method: bytes
    uri: bytes
    headers: Headers
    body: bytes


def read_whole(data: bytes) -> WholeRequest | None:
    """Return the request that *data* is, None if it is more or less than a common one."""
    head = _HEAD.match(data, 0, MAX_HEAD)
    if head is None:
        return None
    headers, length = Headers(), None
    fields = head[3].split(b"\r\n", MAX_FIELDS)
    if fields.pop():
        return None  # there are more
    for field in fields:
        name, _, value = field.partition(b":")
        value, lower = value.strip(b" \t"), name.lower()
        if lower in _UNCOMMON and not (lower == b"connection" and value.lower() == b"keep-alive"):
            return None
        if lower == b"content-length":
            if length is not None or not value.isdigit() or len(value) > _MAX_LENGTH_DIGITS:
                return None
            length = int(value)
        headers.addRawHeader(name, value)
    if len(data) != head.end() + (length or 0):
        return None
    return WholeRequest(head[1], head[2], headers, data[head.end() :])
