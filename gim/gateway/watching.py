"""The seam through which an administrator watches a connection: `gim.inspection` is behind it."""

from __future__ import annotations

from typing import Protocol


class Watcher(Protocol):
    """Sees what passes through one connection. Never raises, never waits."""

    def received(self, payload: bytes, is_binary: bool) -> None:
        """Take a message that came in, before it is served or refused."""

    def written(self, frames: bytes) -> None:
        """Take bytes that are about to go out: one or more whole frames, as `gim.gateway.frames` writes
        them."""

    def closed(self, code: int | None, reason: str) -> None:
        """The connection has ended, and must be unwatched. *code* is None if it ended without a close
        frame."""
