"""The names of users and chatrooms: what other people see."""

from __future__ import annotations

import re
from typing import Final

from gim.characters import INVISIBLE, NOT_IN_NAMES, class_of
from gim.errors import BadRequest

SYSTEM_NAME: Final = "system"  # of the sender of the administrator's messages

_find_forbidden = re.compile(class_of(NOT_IN_NAMES)).search
_without_invisible = re.compile(class_of(INVISIBLE)).sub


def check_name(name: str, field: str) -> str:
    """Return *name*, or raise `BadRequest` that names *field*. An empty name stands for a default."""
    forbidden = _find_forbidden(name)
    if forbidden is not None:
        raise BadRequest(
            f"{field}: leave out U+{ord(forbidden[0]):04X}: a name has no control characters, line breaks"
            " and marks of writing direction"
        )
    visible = _without_invisible("", name)
    if name and not visible:
        raise BadRequest(f"{field}: want a visible character, or no name")
    if visible.casefold() == SYSTEM_NAME:
        raise BadRequest(f"{field}: {SYSTEM_NAME!r} is the administrator's name: choose another")
    return name
