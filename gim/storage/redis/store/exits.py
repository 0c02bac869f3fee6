"""The user's part of the end of a membership, where it is a step of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from gim.concurrency.gather import gather
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
        return bool(await self.try_exits([news]))

    async def try_exits(self, news: list[MemberLeft]) -> list[MemberLeft]:
        """Make one attempt for users who leave the same chatroom for the same reason.

        Returns the news of those whose keys named the chatroom.
        """
        some = [[one] for one in news] if self._redis.is_cluster else [news] if news else []
        found = await gather(map(self._exit, some))
        were = [was for each in found for was in each]
        return [one for one, was in zip(news, were, strict=True) if was]

    def _exit(self, news: list[MemberLeft]) -> Awaitable[list[int]]:
        first, users = news[0], [one.user_id for one in news]
        words = self._redis.publish, first.chatroom_id, self._retention.users_ms, first.why, first.by
        return self._redis.run(scripts.EXIT, tuple(map(self._keys.user, users)), *words, *users)

    async def _exit_later(self, news: MemberLeft) -> None:
        """Change the keys of a former member who has not joined again."""
        base = self._keys.session(chatroom_session(news.chatroom_id).id)
        is_back = await self._redis.call(base, "ZSCORE", f"{base}:members", news.user_id) is not None
        if not is_back and await self.try_exit(news):
            self._ended(news)
