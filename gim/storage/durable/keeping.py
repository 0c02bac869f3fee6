"""Which records of a log are kept when it is written again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from gim.journal.records import kind_of
from gim.model import MessageStatus
from gim.storage.durable.effects import MESSAGE, decode_message, encode
from gim.storage.memory.message_index import MessageIndex

_RECALLED: Final = MessageStatus.RECALLED.value


class Place(Struct, array_like=True, gc=False):
    """The first fields of a `MessageStored`."""

    kind: int
    id: str
    session: str


place_of: Final = msgspec.msgpack.Decoder(Place).decode


def keeper(messages: MessageIndex, is_mixed: bool) -> Callable[[bytes], bytes | None]:
    """Return what `gim.journal.compaction.Compaction` keeps of a log from before the last checkpoint.

    That is the messages that the store still has, recalled ones without their content. With *is_mixed*
    the logs may have a message several times; one of them is kept. 1.5 us a record.
    """

    def keep(payload: bytes) -> bytes | None:
        if kind_of(payload) != MESSAGE:
            return None
        place = place_of(payload)
        message = find(place.session, place.id)
        if message is None or place.id in seen:
            return None
        if is_mixed:
            seen.add(place.id)
        return payload if message.status != _RECALLED else _stub(payload)

    seen: set[str] = set()
    find = messages.get
    return keep


def _stub(payload: bytes) -> bytes:
    """Return a message without its content."""
    return encode(replace(decode_message(payload), content="", status=_RECALLED))
