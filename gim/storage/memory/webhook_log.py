"""Webhook numbers in memory."""

from __future__ import annotations

from gim.storage.memory.people import People


class MemoryWebhookLog:
    """Implements `gim.storage.interface.WebhookLog`. Calls do not fail, so *key* is not needed."""

    def __init__(self, people: People) -> None:
        self._people = people

    async def next_event_number(
        self, user_id: str, online: bool | None = None, key: str = ""
    ) -> int | None:
        return self._people.count_event(user_id, online)

    async def users_to_reannounce(self, limit: int) -> list[str]:
        return self._people.take_absent(limit)
