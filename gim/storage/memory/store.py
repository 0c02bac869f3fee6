"""The memory store, as one listener uses it."""

from __future__ import annotations

from gim.storage.interface import Listener
from gim.storage.memory.chatrooms import MemoryChatrooms
from gim.storage.memory.data import MemoryData
from gim.storage.memory.messages import MemoryMessages
from gim.storage.memory.moderation import MemoryModeration
from gim.storage.memory.nodes import MemoryNodes
from gim.storage.memory.subscribers import Subscriber
from gim.storage.memory.users import MemoryUsers
from gim.storage.memory.webhook_log import MemoryWebhookLog


class MemoryStore:
    """Implements `gim.storage.interface.Storage` on the data of this process.

    Stores that share the data are one node, each with a listener of its own. Only commands to the
    connections of other listeners ever wait.
    """

    keeps_order = True
    rows_per_subscription = 1
    subscribes_new_members = True

    def __init__(self, data: MemoryData, listener: str = "") -> None:
        """*listener* is the name of the listener, "" for the only one of the data."""
        self.data = data
        self.outlives_process = data.recorder.lasts
        self.node = data.node
        self.listener = listener or data.node
        self._subscriber = own = Subscriber(self.listener)
        self.users = MemoryUsers(
            data.archive, data.people, data.bans, data.inbox, data.limits.connections, own
        )
        self.messages = MemoryMessages(
            data.archive, data.people, data.inbox, data.answers, data.recorder, data.limits.send_rate, own
        )
        self.chatrooms = MemoryChatrooms(
            data.archive,
            data.people,
            data.memberships,
            data.subscribers,
            data.recorder,
            data.limits.rooms,
            data.endings,
            own,
        )
        self.moderation = MemoryModeration(
            data.archive, data.people, self.chatrooms, data.bans, data.recorder
        )
        self.nodes = MemoryNodes(
            data.node, data.archive, data.people, data.subscribers, data.commands, own
        )
        self.webhook_log = MemoryWebhookLog(data.people)

    async def start(self, listener: Listener) -> None:
        self.data.subscribers.add(self._subscriber, listener)

    async def stop(self) -> None:
        self.data.subscribers.remove(self._subscriber)
        self.data.commands.gone(self._subscriber)

    async def ping(self) -> tuple[str, ...]:
        self.data.recorder.check()
        return ()

    async def epoch(self) -> str:
        return self.data.epoch

    def token_key(self) -> bytes:
        return self.data.token_key
