"""How ``gim listen`` writes a message as a line: a text with names in braces."""

from __future__ import annotations

import re
from collections.abc import Mapping
from string import Formatter
from typing import Any

from gim.cli.output import date, safe

DEFAULT = "{time} {session} {sender}: {content}"
FIELDS = ("time", "session", "title", "sender", "name", "content", "category", "id", "sequence")
_RECALLED = 2  # the status of a message
_ESCAPES = {"\\t": "\t", "\\n": "\n", "\\\\": "\\"}


def message_format(text: str) -> str:
    """Read a format. Raises `ValueError` for one that names something else than `FIELDS`."""
    text = re.sub(r"\\[tn\\]", lambda found: _ESCAPES[found[0]], text)
    for _, field, width, conversion in Formatter().parse(text):
        if (field is not None and field not in FIELDS) or width or conversion:
            raise ValueError(f"{text!r} names something else than {', '.join(FIELDS)} in braces")
    return text


def written(format: str, message: Mapping[str, Any]) -> str:
    """Return a message in a format; what its authors wrote is escaped."""
    recalled = message["status"] == _RECALLED
    return format.format(
        time=date(message["created_at"]),
        session=safe(message["session_id"]),
        title=safe(message["title"]),
        sender=safe(message["sender"]["id"]),
        name=safe(message["sender"]["name"]),
        content="(recalled)" if recalled else safe(message["content"]),
        category=safe(message["category"]),
        id=message["id"],
        sequence=message["sequence"],
    )
