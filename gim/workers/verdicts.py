"""Why a client is refused, as the parent tells the worker that answers it."""

from __future__ import annotations

from gim.gateway.connection_rules import (
    NO_FILES,
    OVERLOADED,
    TOO_MANY,
    TOO_MANY_OF_ADDRESS,
    Rejection,
)

VERDICTS: tuple[Rejection | None, ...] = (None, NO_FILES, OVERLOADED, TOO_MANY, TOO_MANY_OF_ADDRESS)


def number_of(refusal: Rejection | None) -> int:
    """Return the place of a refusal in `VERDICTS`, 0 for None. Two refusals have equal texts."""
    return (
        0 if refusal is None else next(number for number, each in enumerate(VERDICTS) if each is refusal)
    )
