"""Properties that hold for whatever comes in, and how they are tried.

A test run draws the same few examples each time, no more than its profile says. `make fuzz` draws
others, and more: see `fuzz.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy

SETTINGS = settings(
    derandomize=False,
    print_blob=False,
    suppress_health_check=list(HealthCheck),
)
BOUNDED = settings(SETTINGS, derandomize=True, phases=[Phase.explicit, Phase.generate, Phase.shrink])

Property = Callable[..., None]


def fuzzed(examples: int, **drawn: SearchStrategy[Any]) -> Callable[[Property], Any]:
    """Let a test method be tried with at most so many *examples* of what is *drawn*."""
    bounded = settings(BOUNDED, max_examples=min(examples, settings().max_examples))

    def decorate(method: Property) -> Any:
        def prepare(case: Any) -> Any:
            """Return what tries the method of a test case; it can be given settings and a seed."""

            @given(**drawn)
            def holds(**values: Any) -> None:
                method(case, **values)

            return holds

        @wraps(method)
        def test(case: Any) -> None:
            bounded(prepare(case))()

        test.prepare = prepare  # type: ignore[attr-defined]
        return test

    return decorate
