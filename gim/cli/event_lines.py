"""The lines of a stream of server-sent events, read as they come.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def parse_events(lines: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the data of each event; data has one line each, as gim sends it."""
    name, data = "", b""
    for line in lines:
        field, _, value = line.rstrip(b"\r\n").partition(b": ")
        if field == b"event":
            name = value.decode(errors="replace")
        elif field == b"data":
            data = value
        elif not field and not value and data:
            yield name, data
            name, data = "", b""
