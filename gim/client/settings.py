"""How a client is set up."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from random import random
from typing import Literal

Fill = Literal["none", "newest", "all"]
Draw = Callable[[str], float]


class Ask(Enum):
    """Stands for a token that the application is asked for."""

    ASK = "ask"


ASK = Ask.ASK


def _draw(name: str) -> float:
    return random()


def _new_request_id() -> str:
    return secrets.token_hex(16)


@dataclass(frozen=True)
class Settings:
    """The options of a client; clients/BEHAVIOUR.md says what they do.

    ``draw`` gives a random number from 0 up to 1 for a named purpose. ``stores`` says whether the client
    saves its state.
    """

    id: str
    name: str | None = None
    token: str | Ask | None = None
    fill: Fill = "newest"
    outbox_limit: int = 1000
    outbox_age: float = 3600.0  # seconds
    event_limit: int = 10_000
    stores: bool = False
    draw: Draw = field(default=_draw)
    new_request_id: Callable[[], str] = field(default=_new_request_id)
