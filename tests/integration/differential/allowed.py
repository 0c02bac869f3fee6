"""The differences between the stores that docs/redis.md names, and that steps can show."""

from __future__ import annotations

from typing import Any

from tests.integration.differential.steps import ADMINISTRATOR, Step

LOGIN = 101


def is_allowed(setup: str, step: Step, first: Any, second: Any) -> bool:
    """Say whether what memory and the other side show of a step may differ."""
    if setup == "cluster" and isinstance(second, list):
        pairs = zip(step.requests(), first, second, strict=False)
        return all(_is_early_point(*pair) for pair in pairs)
    return setup == "nodes" and _is_appointment_with_join(step, first, second)


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
