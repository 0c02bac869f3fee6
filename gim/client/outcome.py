"""How requests and sends end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gim.client.events import Code, Sent

_TEMPORARY = frozenset((429, 503, "closed", "timeout"))


class GimError(Exception):
    """A request or a send failed.

    ``code`` is that of the server's reply, or a word: ``uncertain``, ``closed``, ``timeout``, ``full``,
    ``expired``, ``cancelled``. ``temporary`` says whether to try again may help.
    """

    def __init__(self, code: Code, msg: str) -> None:
        super().__init__(f"{code}, {msg}")
        self.code = code
        self.msg = msg

    @property
    def temporary(self) -> bool:
        return self.code in _TEMPORARY


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a request (by its number) or a send (by its request_id)."""

    key: int | str
    result: Sent | dict[str, Any] | GimError
