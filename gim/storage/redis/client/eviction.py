"""Whether a server removes keys when its memory is full, and so loses parts of the data in silence."""

from __future__ import annotations

import re
from collections.abc import Iterable

SAFE_POLICY = "noeviction"
QUESTION = ("INFO", "memory")
_POLICY = re.compile(r"^maxmemory_policy:(\S+)", re.MULTILINE)


def policy_in(info: object) -> str:
    """Return the maxmemory-policy that the reply to `QUESTION` names."""
    text = info.decode("utf-8", "replace") if isinstance(info, bytes) else str(info)
    found = _POLICY.search(text)
    return found[1] if found else SAFE_POLICY


def warnings_of(policies: Iterable[str]) -> tuple[str, ...]:
    """Return a sentence for each policy with which data can be lost."""
    return tuple(
        f"Redis may remove chatrooms and messages, as its maxmemory-policy is {policy}: set {SAFE_POLICY}"
        for policy in sorted(set(policies) - {SAFE_POLICY})
    )
