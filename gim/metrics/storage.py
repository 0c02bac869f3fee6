"""A storage whose operations are measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from time import perf_counter_ns
from typing import Any, cast

from gim.errors import GimError, Unavailable
from gim.metrics.durations import Row, add, new_row
from gim.storage.seam import Storage

# All that may wait for the data; what is not here is answered from what the node knows.
OPERATIONS = (
    "append",
    "chatrooms",
    "history",
    "join",
    "leave",
    "mark_read",
    "members",
    "missed",
    "ping",
    "put_user",
    "sessions",
    "user",
    "watch_chatroom",
    "watch_user",
)

_Call = Callable[..., Awaitable[Any]]


class StorageTimes:
    """How long each operation took, and how often it failed: refusals such as a 404 are no failures."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {name: new_row() for name in OPERATIONS}
        self.errors: Counter[str] = Counter()

    def timed(self, name: str, call: _Call, weight: int = 1) -> _Call:
        """Return *call* with each of its calls measured, to count as *weight* of them."""
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
                add(row, began, weight)

        return timed


class _Measured:
    """Has all that a storage has."""

    def __init__(self, store: Storage) -> None:
        for name in dir(store):
            if not name.startswith("_"):
                setattr(self, name, getattr(store, name))


def measured(store: Storage, times: StorageTimes, every: int = 1) -> Storage:
    """Return a storage that does what *store* does and takes the times.

    Of the appends only each *every*-th is measured, and counts for all of these: to store a message in
    memory takes little more than to measure it.
    """
    result = _Measured(store)
    for name in OPERATIONS:
        setattr(result, name, times.timed(name, getattr(store, name)))
    if every > 1:
        append = store.append
        result.append = _some(append, times.timed("append", append, every), every)  # type: ignore[attr-defined]
    return cast(Storage, result)


def _some(call: _Call, timed: _Call, every: int) -> _Call:
    """Return what calls *timed* each *every*-th time, else *call*."""
    left = every

    def some(argument: Any) -> Awaitable[Any]:
        nonlocal left
        left -= 1
        if left:
            return call(argument)
        left = every
        return timed(argument)

    return some
