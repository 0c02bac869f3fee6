"""Pages of what is kept in order of its ids."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from sortedcontainers import SortedDict, SortedList

MAX_EXAMINED = 1000  # ids that a page passes over at most, in some 2 ms: few of them may be wanted

T = TypeVar("T")


def page_of(
    ids: SortedDict[str, Any] | SortedList[str],
    prefix: str,
    cursor: str,
    count: int,
    state_of: Callable[[str], T | None],
) -> tuple[list[T], str]:
    """Return the states of up to *count* ids with a prefix, and the cursor of the next page.

    *cursor* is the last id that was examined, "" for none. *state_of* returns None for an id that is not
    wanted.
    """
    begin, found = max(prefix, cursor), list[T]()
    following = ids.irange(begin, inclusive=(begin != cursor, True))
    for examined, one in enumerate(following, 1):
        if not one.startswith(prefix):
            break
        if (state := state_of(one)) is not None:
            found.append(state)
        if len(found) == count or examined == MAX_EXAMINED:
            return found, one
    return found, ""
