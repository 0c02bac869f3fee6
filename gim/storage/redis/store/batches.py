"""Runs one script for many users or sessions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gim.concurrency.gather import gather_some
from gim.storage.redis.client.protocol import Word
from gim.storage.redis.client.script import Script
from gim.storage.redis.store.reading import READS_AT_A_TIME, Reading

BASES_PER_SCRIPT = 50  # so that one run takes a server less than a millisecond


async def run_for_each(
    reading: Reading, size: int, script: Script, bases: Sequence[str], *words: Word
) -> list[Any]:
    """Run a script that returns an answer for each of its bases; return the answers in their order.

    An answer has *size* bytes. Where some may have more, the script takes the bytes of all as its last
    word, and returns an integer if the answers need more.

    A command costs this node some 30 us, an answer 2. In a cluster each base takes a command of its own,
    as a script can use the keys of one base only there.
    """
    count = 1 if reading.is_of_cluster else BASES_PER_SCRIPT
    parts = await gather_some(
        (
            _run(reading, size, script, bases[start : start + count], *words)
            for start in range(0, len(bases), count)
        ),
        READS_AT_A_TIME,
    )
    return [answer for part in parts for answer in part]


async def _run(reading: Reading, size: int, script: Script, bases: Sequence[str], *words: Word) -> Any:
    bytes_of_all = size * len(bases)
    reply = await reading.run(bytes_of_all, script, tuple(bases), *words, bytes_of_all)
    if not isinstance(reply, int):
        return reply
    if len(bases) == 1:
        return await reading.run_whole(reply, script, tuple(bases), *words)
    half = len(bases) // 2  # so that no reply is larger than it must be
    first = await _run(reading, size, script, bases[:half], *words)
    return [*first, *await _run(reading, size, script, bases[half:], *words)]
