"""The requests of docs/protocol.md, section 5, as a table: what each field takes and what it refuses.

What depends on the meaning of an id or on a limit that is set (well-formed ids, the length of content)
is not the codec's to check: there the table has nothing out of range.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from hypothesis import strategies as st

REQUIRED = object()
LEFT_OUT = object()  # the default of a field without one: nothing

NO_STRING: tuple[Any, ...] = (7, -1.5, True, None, [], ["a"], {}, {"a": "b"})
NO_INTEGER: tuple[Any, ...] = ("1", "", 1.5, True, False, None, [], [1], {})


class Field(NamedTuple):
    """A field: its default, values that it takes, and values of its type that are out of range."""

    default: Any
    valid: st.SearchStrategy[Any]
    border: tuple[Any, ...] = ()  # the outermost values that it takes
    outside: tuple[Any, ...] = ()

    @property
    def wrong_type(self) -> tuple[Any, ...]:
        is_integer = bool(self.border) and isinstance(self.border[0], int)
        return NO_INTEGER if is_integer else NO_STRING


def text(default: Any = REQUIRED) -> Field:
    return Field(default, st.text(), ("", "x" * 10_000))


def name(default: Any) -> Field:
    return Field(default, st.text(max_size=64), ("", "x" * 64, "😀" * 64), ("x" * 65, "x" * 5000))


def number(default: Any, low: int, high: int) -> Field:
    outside: tuple[int, ...] = (low - 1, high + 1, -low, -(2**31), 2**31, 2**63, 2**64, -(2**64), 10**30)
    outside = tuple(value for value in outside if not low <= value <= high)
    return Field(default, st.integers(low, high), (low, high), outside)


ID = text()
CONTENT = Field(REQUIRED, st.text(min_size=1), ("x", " ", "\0", "x" * 10_000), ("",))
REQUEST_ID = Field("", st.text(min_size=1, max_size=64), ("x", "😀" * 64), ("", "x" * 65))
CATEGORY = Field(
    "text",
    st.from_regex(r"[A-Za-z0-9_.-]{1,32}", fullmatch=True),
    ("t", "picture", "A-z_0.9", "x" * 32),
    ("", "x" * 33, "a b", "text\n", "\ntext", "é", "a/b", "٣"),
)

NEW_NAME = Field(REQUIRED, st.text(min_size=1, max_size=64), ("x", "😀" * 64), ("", "x" * 65))
ROLE = Field(
    REQUIRED,
    st.sampled_from(["owner", "admin", "member"]),
    ("owner", "admin", "member"),
    ("", "Owner", "boss", "admin "),
)

FIELDS: dict[int, dict[str, Field]] = {
    101: {
        "id": ID,
        "name": name(LEFT_OUT),
        "token": text(LEFT_OUT),
        "since": text(LEFT_OUT),
        "epoch": text(LEFT_OUT),
    },
    103: {},
    105: {},
    201: {
        "type": number(REQUIRED, 1, 2),
        "target_id": ID,
        "content": CONTENT,
        "category": CATEGORY,
        "request_id": REQUEST_ID,
    },
    203: {"session_id": ID, "count": number(20, 1, 100), "message_id": text(LEFT_OUT)},
    205: {"count": number(50, 1, 200), "cursor": text(""), "session_type": number(LEFT_OUT, 1, 2)},
    209: {"session_id": ID, "message_id": ID},
    211: {"session_id": ID, "message_id": ID},
    301: {"id": ID, "name": name("")},
    303: {"id": ID},
    305: {"id": ID, "count": number(100, 1, 1000), "cursor": text("")},
    307: {"id": ID, "name": NEW_NAME},
    309: {"id": ID},
    311: {"id": ID, "user_id": ID},
    313: {"id": ID, "user_id": ID, "seconds": number(REQUIRED, 0, 31_536_000)},
    315: {"id": ID, "user_id": ID, "role": ROLE},
}

EXAMPLES: dict[int, dict[str, Any]] = {  # with the required fields only
    op: {
        name: "x" if field.border[0] == "" else field.border[0]
        for name, field in fields.items()
        if field.default is REQUIRED
    }
    for op, fields in FIELDS.items()
}


def bodies(op: int) -> st.SearchStrategy[dict[str, Any]]:
    """Return bodies that request *op* takes, with any of its optional fields left out."""
    fields = FIELDS[op]
    required = {name: field.valid for name, field in fields.items() if field.default is REQUIRED}
    optional = {name: field.valid for name, field in fields.items() if field.default is not REQUIRED}
    return st.fixed_dictionaries(required, optional=optional)


def with_object(op: int, body: Any, seq: int = 0) -> bytes:
    """Write a packet whose body is the JSON value itself."""
    return json.dumps({"op": op, "body": body, "seq": seq}).encode()


def with_string(op: int, body: Any, seq: int = 0) -> bytes:
    """Write a packet whose body is a string that holds JSON."""
    return json.dumps({"op": op, "body": json.dumps(body), "seq": seq}).encode()


FORMS: tuple[Callable[..., bytes], ...] = (with_object, with_string)
