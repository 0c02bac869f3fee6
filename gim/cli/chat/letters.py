"""Own messages on their way, and failed ones."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from gim.cli.chat.book import Conversation
from gim.client.asyncio import Client, Pending
from gim.client.events import Sent
from gim.client.outcome import GimError


@dataclass(eq=False)
class Letter:
    """A message of the user. ``number`` is what the user calls it once it has failed."""

    conversation: Conversation
    content: str
    pending: Pending
    number: int = 0
    error: GimError | None = None

    @property
    def is_uncertain(self) -> bool:
        return self.error is not None and self.error.code == "uncertain"


@dataclass
class Letters:
    """Sends letters and waits for their ends; ``ended`` hears of each, with None for one that failed."""

    client: Client
    ended: Callable[[Letter, Sent | None], None]
    sending: list[Letter] = field(default_factory=list)
    failed: dict[int, Letter] = field(default_factory=dict)  # by number
    _last_number: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def send(self, conversation: Conversation, content: str) -> None:
        self._watch(Letter(conversation, content, self.client.post(conversation.receiver, content)))

    def retry(self, number: int | None) -> bool:
        """Send a letter that failed once more, the last one without a number; False if there is none."""
        if number is None:
            number = max(self.failed, default=0)
        letter = self.failed.pop(number, None)
        if letter is not None:
            self._watch(Letter(letter.conversation, letter.content, letter.pending.retry()))
        return letter is not None

    async def all_ended(self) -> None:
        """Wait until no letter is on its way."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _watch(self, letter: Letter) -> None:
        self.sending.append(letter)
        task = asyncio.create_task(self._wait(letter))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _wait(self, letter: Letter) -> None:
        sent = None
        try:
            sent = await letter.pending
        except GimError as error:
            letter.error = error
            self._last_number += 1
            letter.number = self._last_number
            self.failed[letter.number] = letter
        self.sending.remove(letter)
        self.ended(letter, sent)
