"""The base of storages that wrap another one."""

from __future__ import annotations

from gim.storage.interface import (
    Chatrooms,
    Messages,
    Moderation,
    Nodes,
    Storage,
    Users,
    WebhookLog,
)


class WrappedStorage:
    """Offers what *store* does. A subclass replaces the groups that it adds something to."""

    def __init__(self, store: Storage) -> None:
        self.users: Users = store.users
        self.messages: Messages = store.messages
        self.chatrooms: Chatrooms = store.chatrooms
        self.moderation: Moderation = store.moderation
        self.nodes: Nodes = store.nodes
        self.webhook_log: WebhookLog = store.webhook_log
        self.node = store.node
        self.listener = store.listener
        self.keeps_order = store.keeps_order
        self.rows_per_subscription = store.rows_per_subscription
        self.subscribes_new_members = store.subscribes_new_members
        self.outlives_process = store.outlives_process
        self.start = store.start
        self.stop = store.stop
        self.ping = store.ping
        self.epoch = store.epoch
        self.token_key = store.token_key
