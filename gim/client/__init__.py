"""A client of gim that reconnects, catches up and sends each message once: docs/clients.md.

What is named here needs only the standard library. The modules `asyncio` and `twisted` connect.
"""

from gim.client.calls import Chatroom, History, Joined, Member, SessionItem
from gim.client.events import (
    Appointed,
    Broadcast,
    Dismissed,
    Error,
    Event,
    Failed,
    Gap,
    Message,
    Muted,
    Other,
    Read,
    Recalled,
    Removed,
    Renamed,
    Reset,
    Sent,
    State,
    User,
)
from gim.client.outcome import GimError
from gim.client.store import FileStore, Store

__all__ = [
    "Appointed",
    "Broadcast",
    "Chatroom",
    "Dismissed",
    "Error",
    "Event",
    "Failed",
    "FileStore",
    "Gap",
    "GimError",
    "History",
    "Joined",
    "Member",
    "Message",
    "Muted",
    "Other",
    "Read",
    "Recalled",
    "Removed",
    "Renamed",
    "Reset",
    "Sent",
    "SessionItem",
    "State",
    "Store",
    "User",
]
