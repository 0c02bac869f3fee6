"""The differences between the stores that docs/redis.md names, and that steps can show."""

from __future__ import annotations

from typing import Any

from tests.integration.differential.steps import ADMINISTRATOR, Step

LOGIN = 101


def is_allowed(setup: str, step: Step, first: Any, second: Any) -> bool:
    """Say whether what memory and the other side show of a step may differ."""
    if setup == "cluster":
        return _is_lost_before_point(step, first, second)
    return setup == "nodes" and _is_appointment_with_join(step, first, second)


def _is_lost_before_point(step: Step, first: Any, second: Any) -> bool:
    """A login begins 10 s before its ``since``, where messages may be missing that the device has."""
    if step.op != LOGIN or not isinstance(second, list) or second[0]["body"]["code"] != 0:
        return False
    memory, other = first[0]["body"]["data"], second[0]["body"]["data"]
    return bool({**memory, "recovered": False} == other)


def _is_appointment_with_join(step: Step, first: Any, second: Any) -> bool:
    """The administrator adds a member with a role: another node of this user may subscribe after the
    event of the role."""
    if (step.actor, step.method) != (ADMINISTRATOR, "PUT") or not (step.body or {}).get("role"):
        return False
    without = {name: value for name, value in (first or {}).items() if name != "events"}
    return without == second
