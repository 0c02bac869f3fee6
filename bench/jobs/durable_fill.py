"""Makes a data directory of many users, as a gim that ran for long has it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

from gim.journal.directory import open_directory
from gim.journal.files import LOG, path_of
from gim.journal.records import BEGIN, MAGIC, encode, frame
from gim.model import MessageStatus
from gim.storage.durable import effects

BUSY_SESSIONS = 100
BUSY_SHARE = 0.9  # of all messages, in the busy sessions; the others are in two for each quiet one
ROOMS, MEMBERS = 1000, 50
SEGMENT_SIZE = 8 * 1024 * 1024  # bytes
CONTENT = "x" * 64  # as long as those of the generator
_SEED = 1


def fill(directory: Path, messages: int) -> None:
    """Write so many messages, and a tenth as many users, in the order in which they would come."""
    os.makedirs(directory, mode=0o700)
    open_directory(str(directory)).close()
    number, size, parts = 1, len(MAGIC), _begin(1)
    for effect in _effects(messages):
        parts.append(frame(effects.encode(effect)))
        size += len(parts[-1])
        if size >= SEGMENT_SIZE:
            _write(directory, number, parts)
            number, size, parts = number + 1, len(MAGIC), _begin(number + 1)
    _write(directory, number, parts)


def _begin(number: int) -> list[bytes]:
    return [MAGIC, frame(encode((BEGIN, number, None)))]


def _write(directory: Path, number: int, parts: list[bytes]) -> None:
    Path(path_of(str(directory), LOG, number)).write_bytes(b"".join(parts))


def _effects(messages: int) -> Iterator[effects.LogRecord]:
    ids = _ids(messages)
    users = [f"p{number}" for number in range(messages // 10)]
    yield from (effects.UserNamed(user, user) for user in users)
    for number in range(ROOMS):
        members = [users[(number * MEMBERS + place) % len(users)] for place in range(MEMBERS)]
        created = next(ids)
        yield effects.RoomSet(f"r{number}", created, "", False, members[0], ())
        yield from (effects.MemberJoined(f"r{number}", user, created, created) for user in members)
    yield from _messages(messages, users, ids)


def _messages(count: int, users: list[str], ids: Iterator[str]) -> Iterator[effects.MessageStored]:
    dice = Random(_SEED)
    sequences: dict[int, int] = {}
    quiet = len(users) // 2 - BUSY_SESSIONS
    for number in range(count):
        if dice.random() < BUSY_SHARE:
            pair = dice.randrange(BUSY_SESSIONS)
        else:
            pair = BUSY_SESSIONS + number % quiet
        one, other = users[2 * pair], users[2 * pair + 1]
        sequences[pair] = sequences.get(pair, 0) + 1
        session = ":".join(("2", *sorted((one, other))))
        yield effects.MessageStored(
            id=next(ids),
            session=session,
            sender_id=one,
            sender_name=one,
            category="",
            content=CONTENT,
            sequence=sequences[pair],
            request_id="",
            status=MessageStatus.NORMAL,
        )


def _ids(messages: int) -> Iterator[str]:
    """Return ids of the last day, one for each millisecond."""
    first_ms = time.time_ns() // 1_000_000 - messages - ROOMS - 60_000
    return (f"{first_ms + number:012x}7000{1 << 63:016x}" for number in range(messages + ROOMS))
