"""What the operator sets of pushes."""

from __future__ import annotations

from msgspec import Struct

from gim.push.chatroom import PushPolicy


class PushSettings(Struct, frozen=True):
    """*concurrency* is how many chatroom pushes are written out at a time."""

    policy: PushPolicy
    concurrency: int
