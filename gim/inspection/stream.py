"""What live figures and traces are sent to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from msgspec import Struct


class Stream(Protocol):
    """Takes events for one client: a `gim.api.server.event_stream.EventStream`."""

    def send(self, event: str, data: Struct | bytes) -> bool:
        """Send an event; False if it was not sent, as the client is slow or gone."""

    def on_end(self, call: Callable[[], object]) -> None:
        """Call *call* when the stream has ended; at once if it has."""

    def end(self) -> None:
        """End the stream."""
