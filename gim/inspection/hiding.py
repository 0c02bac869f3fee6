"""What a trace leaves out of packets: tokens, and without permission contents and names."""

from __future__ import annotations

from typing import Any, Final

TOKENS: Final = frozenset({"token"})
PRIVATE: Final = frozenset({"content", "name", "title"})  # the title of a session may be a name
MAX_CHARACTERS: Final = 1000  # of a text
MAX_ITEMS: Final = 20  # of a list


def shown(value: Any, with_contents: bool, field: str = "") -> Any:
    """Return a value of a *field*, made of dicts, lists and scalars, as a trace shows it.

    A token is always hidden; contents and names are, too, unless *with_contents*. Long texts and lists
    are cut, so that the result is never larger than some 130 KiB as JSON.
    """
    if isinstance(value, dict):
        return {name: shown(each, with_contents, name) for name, each in value.items()}
    if isinstance(value, list):
        items = [shown(each, with_contents, field) for each in value[:MAX_ITEMS]]
        return [*items, f"…({len(value) - MAX_ITEMS} more)"] if len(value) > MAX_ITEMS else items
    if not isinstance(value, str) or not value:
        return value
    if field in TOKENS or (field in PRIVATE and not with_contents):
        return f"…({len(value)} characters)"
    return f"{value[:MAX_CHARACTERS]}…({len(value)} characters)" if len(value) > MAX_CHARACTERS else value
