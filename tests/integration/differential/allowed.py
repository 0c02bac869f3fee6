"""What may differ between one process on memory and another set-up, and steps can show.

Redis: what docs/redis.md names. Workers on memory: nothing. These do not count on any side, as they
depend on the moment (`Received`, `Symbols` and `Side` leave them out):

- how many messages of a chatroom come in one push;
- the order of what is from different chatrooms, and of pushes and events;
- times, and what is made of them; tokens, cursors, addresses and names of nodes;
- whether users and chatrooms of former runs are still counted.

The rate of reading is switched off (`COMMON`), as each node or worker counts it where it is read.
"""

from __future__ import annotations

from typing import Any

from tests.integration.differential.steps import ADMINISTRATOR, Step

LOGIN = 101
SEVERAL_SUBSCRIBERS = ("nodes", "redis-workers")  # each node or worker subscribes to Redis by itself


def is_allowed(setup: str, step: Step, first: Any, second: Any) -> bool:
    """Say whether what memory and the other side show of a step may differ."""
    if setup == "cluster" and isinstance(second, list):
        pairs = zip(step.requests(), first, second, strict=False)
        return all(_is_early_point(*pair) for pair in pairs)
    return setup in SEVERAL_SUBSCRIBERS and _is_appointment_with_join(step, first, second)


def _is_early_point(request: tuple[int, Any], first: Any, second: Any) -> bool:
    """On a Cluster later pages of sessions, and a login with ``since``, begin 10 s earlier."""
    op, body = request
    if first == second or (isinstance(body, dict) and body.get("cursor") == "<sessions>"):
        return True
    if op != LOGIN or (first["body"]["code"], second["body"]["code"]) != (0, 0):
        return False
    memory, other = first["body"]["data"], second["body"]["data"]
    return bool({**memory, "recovered": False} == other)


def _is_appointment_with_join(step: Step, first: Any, second: Any) -> bool:
    """The administrator adds a member with a role: another node of this user may subscribe after the
    event of the role."""
    if (step.actor, step.method) != (ADMINISTRATOR, "PUT") or not (step.body or {}).get("role"):
        return False
    without = {name: value for name, value in (first or {}).items() if name != "events"}
    return without == second
