"""A storage whose operations are measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from time import perf_counter_ns
from typing import Any, ParamSpec, TypeVar

from gim.errors import GimError, Unavailable
from gim.metrics.instruments.durations import Row, add, new_row
from gim.model import Sent
from gim.storage.interface import (
    Chatrooms,
    Draft,
    Messages,
    Moderation,
    Nodes,
    Storage,
    Users,
    WebhookLog,
)
from gim.storage.wrapping import WrappedStorage

# The labels of the operations, a public name each: all that may wait for the data. Not measured are calls
# that are answered from what the node knows, or that no request waits for.
OPERATIONS = (
    "append",
    "appoint",
    "ban",
    "ban_of",
    "broadcast",
    "chatroom",
    "chatrooms",
    "create",
    "dismiss",
    "enter",
    "event_number",
    "find_chatrooms",
    "find_users",
    "history",
    "join",
    "leave",
    "mark_read",
    "members",
    "missed",
    "mute",
    "order",
    "ping",
    "put_user",
    "recall",
    "remove",
    "rename",
    "sessions",
    "statistics",
    "unban",
    "unsettled",
    "user",
    "watch_chatroom",
)

P = ParamSpec("P")
R = TypeVar("R")


class StorageTimes:
    """How long each operation took, and how often it failed. Refusals such as a 404 are not failures."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {name: new_row() for name in OPERATIONS}
        self.errors: Counter[str] = Counter()

    def timed(
        self, operation: str, call: Callable[P, Awaitable[R]]
    ) -> Callable[P, Coroutine[Any, Any, R]]:
        """Return *call* with each of its calls measured as *operation*."""
        row, errors = self.rows[operation], self.errors

        async def timed(*args: P.args, **kwargs: P.kwargs) -> R:
            began = perf_counter_ns()
            try:
                return await call(*args, **kwargs)
            except Exception as error:
                if isinstance(error, Unavailable) or not isinstance(error, GimError):
                    errors[operation] += 1
                raise
            finally:
                add(row, began)

        return timed


class _TimedUsers:
    def __init__(self, users: Users, times: StorageTimes) -> None:
        self.put = times.timed("put_user", users.put)
        self.get = times.timed("user", users.get)
        self.find = times.timed("find_users", users.find)
        self.enter = times.timed("enter", users.enter)
        self.exit = users.exit


class _TimedMessages:
    append_at_once: Callable[[Draft], Sent] | None = None  # what is measured is a coroutine

    def __init__(self, messages: Messages, times: StorageTimes) -> None:
        self.append = times.timed("append", messages.append)
        self.history = times.timed("history", messages.history)
        self.newest_rank = messages.newest_rank
        self.sessions = times.timed("sessions", messages.sessions)
        self.mark_read = times.timed("mark_read", messages.mark_read)
        self.missed = times.timed("missed", messages.missed)
        self.delivered = messages.delivered


class _TimedChatrooms:
    def __init__(self, chatrooms: Chatrooms, times: StorageTimes) -> None:
        self.create = times.timed("create", chatrooms.create)
        self.join = times.timed("join", chatrooms.join)
        self.leave = times.timed("leave", chatrooms.leave)
        self.members = times.timed("members", chatrooms.members)
        self.get = times.timed("chatroom", chatrooms.get)
        self.find = times.timed("find_chatrooms", chatrooms.find)
        self.of_user = times.timed("chatrooms", chatrooms.of_user)
        self.subscribe = times.timed("watch_chatroom", chatrooms.subscribe)
        self.unsubscribe = chatrooms.unsubscribe
        self.observe = chatrooms.observe


class _TimedModeration:
    def __init__(self, moderation: Moderation, times: StorageTimes) -> None:
        self.rename = times.timed("rename", moderation.rename)
        self.dismiss = times.timed("dismiss", moderation.dismiss)
        self.remove = times.timed("remove", moderation.remove)
        self.mute = times.timed("mute", moderation.mute)
        self.appoint = times.timed("appoint", moderation.appoint)
        self.recall = times.timed("recall", moderation.recall)
        self.ban = times.timed("ban", moderation.ban)
        self.unban = times.timed("unban", moderation.unban)
        self.ban_of = times.timed("ban_of", moderation.ban_of)


class _TimedNodes:
    def __init__(self, nodes: Nodes, times: StorageTimes) -> None:
        self.command_connections = times.timed("order", nodes.command_connections)
        self.reply_to_command = nodes.reply_to_command
        self.broadcast = times.timed("broadcast", nodes.broadcast)
        self.statistics = times.timed("statistics", nodes.statistics)
        self.tell = nodes.tell
        self.listeners = nodes.listeners


class _TimedWebhookLog:
    def __init__(self, webhook_log: WebhookLog, times: StorageTimes) -> None:
        self.next_event_number = times.timed("event_number", webhook_log.next_event_number)
        self.users_to_reannounce = times.timed("unsettled", webhook_log.users_to_reannounce)


class TimedStorage(WrappedStorage):
    """Offers what *store* does, and measures it."""

    def __init__(self, store: Storage, times: StorageTimes) -> None:
        super().__init__(store)
        self.users = _TimedUsers(store.users, times)
        self.messages = _TimedMessages(store.messages, times)
        self.chatrooms = _TimedChatrooms(store.chatrooms, times)
        self.moderation = _TimedModeration(store.moderation, times)
        self.nodes = _TimedNodes(store.nodes, times)
        self.webhook_log = _TimedWebhookLog(store.webhook_log, times)
        self.ping = times.timed("ping", store.ping)


class _SampledMessages(_TimedMessages):
    """Puts a call that measures in the place of ``append`` for one message; until then, no other call
    is offered."""

    def __init__(self, messages: Messages, times: StorageTimes) -> None:
        super().__init__(messages, times)
        self._messages, self._timed_append = messages, self.append

    def sample(self) -> None:
        self.append = self._measure_one
        self.append_at_once = None

    def _measure_one(self, draft: Draft, /) -> Coroutine[Any, Any, Sent]:
        self.append = self._messages.append
        self.append_at_once = self._messages.append_at_once
        return self._timed_append(draft)


class SampledAppends(TimedStorage):
    """Measures an append only if `sample` was called since the last one.

    Storing a message in memory takes little more than measuring it. The other appends go straight to the
    store.
    """

    def __init__(self, store: Storage, times: StorageTimes) -> None:
        super().__init__(store, times)
        self.messages = sampled = _SampledMessages(store.messages, times)
        self.sample = sampled.sample  # measures the next append
