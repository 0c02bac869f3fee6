"""A storage whose operations are measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from time import perf_counter_ns
from typing import Any

from gim.errors import GimError, Unavailable
from gim.metrics.instruments.durations import Row, add, new_row
from gim.storage.interface import Draft, Storage

# All that may wait for the data; what is not here is answered from what the node knows, or
# nobody waits for it.
OPERATIONS = (
    "append",
    "appoint",
    "ban",
    "ban_of",
    "broadcast",
    "chatrooms",
    "create",
    "dismiss",
    "next_event_number",
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
    "users_to_reannounce",
    "user",
    "subscribe_chatroom",
    "subscribe_user",
)

_Call = Callable[..., Awaitable[Any]]


class StorageTimes:
    """How long each operation took, and how often it failed: refusals such as a 404 are no failures."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {name: new_row() for name in OPERATIONS}
        self.errors: Counter[str] = Counter()

    def timed(self, name: str, call: _Call) -> _Call:
        """Return *call* with each of its calls measured."""
        row, errors = self.rows[name], self.errors

        async def timed(*args: Any, **kwargs: Any) -> Any:
            began = perf_counter_ns()
            try:
                return await call(*args, **kwargs)
            except Exception as error:
                if isinstance(error, Unavailable) or not isinstance(error, GimError):
                    errors[name] += 1
                raise
            finally:
                add(row, began)

        return timed


class TimedStorage:
    """Has all that a storage has, with the times taken."""

    append: _Call  # and all the others

    def __init__(self, store: Storage, times: StorageTimes) -> None:
        for name in dir(store):
            if not name.startswith("_"):
                setattr(self, name, getattr(store, name))
        for name in OPERATIONS:
            setattr(self, name, times.timed(name, getattr(store, name)))


class SampledAppends(TimedStorage):
    """Takes the time of an append only when `sample` was called since the last one: to store a message in
    memory takes little more than to measure it. The other appends go straight to the store."""

    def __init__(self, store: Storage, times: StorageTimes) -> None:
        super().__init__(store, times)
        self._append, self._timed = store.append, self.append

    def sample(self) -> None:
        """Measure the next append."""
        self.append = self._measure_one

    def _measure_one(self, draft: Draft) -> Awaitable[Any]:
        self.append = self._append
        return self._timed(draft)
