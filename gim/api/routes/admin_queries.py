"""Queries of the administrator, as docs/administration.md has them."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from gim.wire.fields import Cursor, SessionCount, SessionType


class SessionsQuery(Struct, frozen=True):
    """Which sessions of a user, of which type, or of both."""

    count: SessionCount = 50
    cursor: Cursor = ""
    type: SessionType | UnsetType = UNSET
