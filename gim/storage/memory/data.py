"""What the memory store keeps: everything in this process, gone with it unless a recorder keeps it too.

What is kept, and for how long (sizes measured on CPython 3.11, 64 bit):

- a message, about 400 bytes with 100 bytes of content: until it is older than the time to live, until
  its session has ``max_session_messages`` newer ones, or until there are ``max_messages`` newer ones
  in all. An expired message is not handed out; `MemoryData.sweep` removes it soon after.
- a private session, about 800 bytes with both users' read positions: while it holds messages. The
  sequence goes on after that, for the sessions emptied last: `gim.storage.memory.archive.MAX_EMPTIED`.
- a membership, about 490 bytes: until the user leaves.
- the order of a user's private sessions, 64 bytes each: with many sessions, once they were listed.
- a chatroom, about 440 bytes: while it has a member; one that the server's administrator made, until it
  is dismissed. Its messages go with it. Its mutes, 100 bytes each: ended ones
  until the number of mutes has doubled.
- a ban, about 300 bytes: until it has ended and all tokens from before it have expired.
- a user, about 300 bytes: while a connection of theirs is logged in, while they are a member of a
  chatroom, while a message that they sent or got is kept; and for a while after that, with 150 bytes
  more: see `gim.storage.memory.people`.
- the number of a user's last event, about 100 bytes, where events are counted: as long as the user.
- the answer to a ``request_id``, about 450 bytes: see `gim.storage.memory.idempotency`.
"""

from __future__ import annotations

from secrets import token_bytes, token_hex

from twisted.internet.interfaces import IReactorTime

from gim.concurrency.clocks import RetentionClock, WallClock
from gim.storage.memory.archive import Archive
from gim.storage.memory.bans import Bans
from gim.storage.memory.endings import Endings
from gim.storage.memory.idempotency import IdempotencyCache
from gim.storage.memory.inbox import Inbox
from gim.storage.memory.memberships import Memberships
from gim.storage.memory.nodes import Commands
from gim.storage.memory.people import People
from gim.storage.memory.recorder import Recorder
from gim.storage.memory.subscribers import Subscribers
from gim.storage.node_names import new_node
from gim.storage.rules import REQUEST_IDS_PER_SENDER
from gim.storage.settings import MemorySettings
from gim.storage.storage_limits import StorageLimits


class MemoryData:
    """All that is kept, for one `gim.storage.memory.store.MemoryStore` or for several that share it."""

    def __init__(
        self,
        clock: IReactorTime,
        wall: WallClock,
        settings: MemorySettings,
        limits: StorageLimits,
        request_ids_per_sender: int = REQUEST_IDS_PER_SENDER,
        *,
        recorder: Recorder | None = None,
        epoch: str | None = None,
        token_key: bytes | None = None,
    ) -> None:
        """Changes go to *recorder* before they are made.

        *epoch* and *token_key* are those of a data set that is restored, None for a new one.
        """
        self.node = new_node(wall)
        self.recorder = recorder = recorder if recorder is not None else Recorder()
        self.epoch = epoch if epoch is not None else token_hex(8)
        self.token_key = token_key if token_key is not None else token_bytes(32)
        self.settings = settings
        self.limits = limits
        retention = RetentionClock(clock, wall)
        self.people = People(clock, wall, settings.ttl, recorder)
        self.archive = Archive(
            wall,
            retention,
            self.people,
            recorder,
            max_session_messages=settings.max_session_messages,
            max_messages=settings.max_messages,
            ttl=settings.ttl,
            sequences=settings.sequences,
        )
        self.inbox = Inbox(self.archive, self.people, recorder)
        self.answers = IdempotencyCache(clock, request_ids_per_sender)
        self.bans = Bans(wall, retention, recorder)
        self.memberships = Memberships(self.archive, self.people)
        self.endings = Endings(clock)
        self.subscribers = Subscribers()
        self.commands = Commands(clock)

    def sizes(self) -> dict[str, int]:
        """Return how many entries of each kind are kept."""
        return {
            "messages": self.kept_messages,
            "conversations": len(self.archive),
            "users": len(self.people),
            "memberships": len(self.memberships),
            "answers": len(self.answers),
            "bans": len(self.bans),
        }

    @property
    def online_users(self) -> int:
        """Users with a connection, wherever it is."""
        return self.people.online

    @property
    def watched_chatrooms(self) -> int:
        """Chatrooms with a connected member, wherever they are connected."""
        return self.archive.watched

    @property
    def stored_messages(self) -> int:
        """Messages since the start."""
        return self.archive.stored

    @property
    def kept_messages(self) -> int:
        """Messages, with expired ones that are not removed yet."""
        return len(self.archive.messages)

    def sweep(self, limit: int) -> bool:
        """Remove up to *limit* expired entries of each kind; return whether more may wait."""
        parts = self.archive.expire, self.people.release, self.answers.sweep, self.bans.sweep
        may_wait = [sweep(limit) for sweep in parts]
        return any(may_wait)
