"""The user's part of the end of a membership, where it is a step of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from gim.errors import Unavailable
from gim.ids import chatroom_session
from gim.storage.announcements import MemberLeft
from gim.storage.redis.client.interface import Redis
from gim.storage.redis.store import scripts
from gim.storage.redis.store.keys import Keys
from gim.storage.redis.store.retention import Retention
from gim.storage.redis.store.retries import WriteRetries


class Exits:
    """Takes chatrooms out of the keys of former members, who would otherwise still list and get them.

    This is repeated after a fault, as other users may make a chatroom of the same id.
    """

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        retention: Retention,
        retries: WriteRetries,
        ended: Callable[[MemberLeft], object],
    ) -> None:
        """*ended* is called for a membership that ended with a later attempt."""
        self._redis = redis
        self._keys = keys
        self._retention = retention
        self._retries = retries
        self._ended = ended

    async def exit(self, news: MemberLeft) -> bool:
        """Change the user's keys and announce it; say whether they named the chatroom. May be repeated.

        Raises `Unavailable`; this node then tries again for five minutes, unless it ends before.
        """
        try:
            return await self.try_exit(news)
        except Unavailable:
            self._retries.add(("exit", news.chatroom_id, news.user_id), partial(self._exit_later, news))
            raise

    async def try_exit(self, news: MemberLeft) -> bool:
        """Make one attempt to change the user's keys."""
        words = self._redis.publish, news.user_id, news.chatroom_id, self._retention.users_ms
        bases = (self._keys.user(news.user_id),)
        return bool(await self._redis.run(scripts.EXIT, bases, *words, news.why, news.by))

    async def _exit_later(self, news: MemberLeft) -> None:
        """Change the keys of a former member who has not joined again."""
        base = self._keys.session(chatroom_session(news.chatroom_id).id)
        is_back = await self._redis.call(base, "ZSCORE", f"{base}:members", news.user_id) is not None
        if not is_back and await self.try_exit(news):
            self._ended(news)
