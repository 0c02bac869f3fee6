"""The memory store: everything in this process, gone with it.

What is kept, and for how long (sizes measured on CPython 3.11, 64 bit):

- a message, about 500 bytes with 100 bytes of content: until it is older than the time to live, until
  its session has ``max_session_messages`` newer ones, or until there are ``max_messages`` newer ones
  in all. An expired message is not handed out; `MemoryStore.sweep` removes it soon after.
- a private session, about 600 bytes with both users' read positions: while it holds messages. The
  sequence goes on after that, for the sessions emptied last: `gim.storage.memory.archive.MAX_EMPTIED`.
- a membership, about 490 bytes: until the user leaves.
- the order of a user's private sessions, 64 bytes each: with many sessions, once they were listed.
- a chatroom, about 350 bytes: while it has a member; one that the server's administrator made, until it
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
from gim.storage.interface import Listener
from gim.storage.membership_limits import MembershipLimits
from gim.storage.memory.announcer import Announcer
from gim.storage.memory.archive import Archive
from gim.storage.memory.bans import Bans
from gim.storage.memory.chatrooms import MemoryChatrooms
from gim.storage.memory.idempotency import IdempotencyCache
from gim.storage.memory.messages import MemoryMessages
from gim.storage.memory.moderation import MemoryModeration
from gim.storage.memory.nodes import MemoryNodes
from gim.storage.memory.people import People
from gim.storage.memory.users import MemoryUsers
from gim.storage.memory.webhook_log import MemoryWebhookLog
from gim.storage.node_names import new_node
from gim.storage.rules import REQUEST_IDS_PER_SENDER
from gim.storage.settings import MemorySettings


class MemoryStore:
    """Implements `gim.storage.interface.Storage` in this process. None of its coroutines ever waits."""

    keeps_order = True
    rows_per_subscription = 1
    outlives_process = False

    def __init__(
        self,
        clock: IReactorTime,
        wall: WallClock,
        settings: MemorySettings,
        rooms: MembershipLimits,
        request_ids_per_sender: int = REQUEST_IDS_PER_SENDER,
    ) -> None:
        self.node = new_node(wall)
        self._epoch, self._token_key = token_hex(8), token_bytes(32)
        self._announcer = announcer = Announcer()
        self._people = people = People(clock, wall, settings.ttl)
        retention = RetentionClock(clock, wall)
        self._archive = archive = Archive(
            wall,
            retention,
            people,
            max_session_messages=settings.max_session_messages,
            max_messages=settings.max_messages,
            ttl=settings.ttl,
            sequences=settings.sequences,
        )
        self._answers = IdempotencyCache(clock, request_ids_per_sender)
        self._bans = Bans(wall, retention)
        self.users = MemoryUsers(people, self._bans)
        self.messages = MemoryMessages(archive, people, self._answers, announcer)
        self.chatrooms = MemoryChatrooms(archive, people, announcer, rooms)
        self.moderation = MemoryModeration(archive, people, self.chatrooms, self._bans, announcer)
        self.nodes = MemoryNodes(self.node, archive, people, announcer)
        self.webhook_log = MemoryWebhookLog(people)

    async def start(self, listener: Listener) -> None:
        self._announcer.listener = listener

    async def stop(self) -> None:
        self._announcer.listener = None

    async def ping(self) -> tuple[str, ...]:
        return ()

    async def epoch(self) -> str:
        return self._epoch

    async def token_key(self) -> bytes:
        return self._token_key

    def sizes(self) -> dict[str, int]:
        """Return how many entries of each kind are kept."""
        return {
            "messages": len(self._archive.messages),
            "conversations": len(self._archive),
            "users": len(self._people),
            "memberships": self.chatrooms.memberships,
            "answers": len(self._answers),
            "bans": len(self._bans),
        }

    def sweep(self, limit: int) -> bool:
        """Remove up to *limit* expired entries of each kind; say whether more may wait."""
        parts = self._archive.expire, self._people.release, self._answers.sweep, self._bans.sweep
        may_wait = [sweep(limit) for sweep in parts]
        return any(may_wait)
