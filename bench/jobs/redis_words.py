"""The command by which a gim node stores private messages in Redis, from gim's own code."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Iterable
from functools import cache
from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from gim.config.options import Options
from gim.config.settings import settings_of
from gim.ids import private_session
from gim.limits.limits import LimitHits
from gim.model import User
from gim.storage.interface import Draft
from gim.storage.redis.client.protocol import Word
from gim.storage.redis.client.script import Script
from gim.storage.redis.store import scripts
from gim.storage.redis.store.keys import Keys
from gim.storage.redis.store.private_sends import PrivateSends
from gim.storage.redis.store.retention import Retention
from gim.storage.redis.store.subscriptions import Subscriptions
from gim.storage.storage_limits import MembershipLimits

SCRIPT = scripts.SEND_PRIVATE
_CONTENT = f"no=0000000001 {'.' * 50}"  # as the generator's
_PREFIX = "benchmark__rand_int__"  # no node has it: nobody hears the announcements
_HOUR_MS = 3_600_000


class _Recorder:
    """Stands where the servers would, and keeps the command that it would have sent."""

    words: tuple[Word, ...] = ()

    def deadline(self, base: str) -> int:
        return int(time.time() * 1000) + _HOUR_MS  # gim's are soon over, and a late message costs nothing

    def run(self, script: Script, bases: tuple[str, ...], *words: Word) -> Awaitable[Any]:
        self.words = "EVALSHA", script.sha, len(bases), *bases, *words
        return Deferred()


@cache
def _limits() -> Retention:
    options = Options()
    options.parseOptions([])
    settings = settings_of(options)
    stored = settings.storage
    rooms = MembershipLimits(settings.limits, LimitHits(settings.are_limits_enforced))
    return Retention(round(stored.ttl * 1000), stored.max_session_messages, stored.sequences, rooms)


def send_private(
    prefix: str = _PREFIX, pairs: Iterable[tuple[str, str]] = (("u0", "u1"),)
) -> tuple[Word, ...]:
    """Return the words of the command that stores a message for each pair of a sender and a receiver, as
    a node with its default options sends it. At most 32 messages share a command.

    Where redis-benchmark puts numbers for ``__rand_int__`` in the prefix, there are sessions and people
    for each of them; they share the clock, as those of a node do.
    """
    recorder: Any = _Recorder()
    heartbeat: Any = SimpleNamespace(retention_start=lambda: "0")
    keys = Keys(prefix)
    keys.data = Keys("benchmark").data
    clock, subscriptions = Clock(), Subscriptions(keys, None)
    sends = PrivateSends(recorder, keys, heartbeat, _limits(), subscriptions, lambda *_: None, clock)
    for sender, receiver in pairs:
        session, user = private_session(sender, receiver), User(sender, sender)
        sends.append(Draft(session, user, _CONTENT, origin="0123abcd-100", is_alone=True))
    clock.advance(0)
    words: tuple[Word, ...] = recorder.words
    return words
