"""What every message of a link has, and the messages of the link itself.

A message is a msgspec struct with ``array_like=True``, ``gc=False`` and a ``tag``, a number that no other
message of the link has: 1-9 the link, 10-99 the storage, 100-139 starting and ending workers, 140-169
metrics and profiles, 170-189 sockets that are handed over.
"""

from __future__ import annotations

from typing import Any

from msgspec import Raw, Struct


class Question(Struct, array_like=True, gc=False):
    """The base of messages that want an answer. ``ask`` is a number that the asking channel gives."""

    ask: int = 0


class Reply(Struct, array_like=True, gc=False):
    """The base of answers with a type of their own: they save the detour through `Answer`.

    ``ask`` is the number of the question.
    """

    ask: int


class Ping(Struct, array_like=True, gc=False, tag=1):
    """The other side answers it at once with a `Pong` of this number."""

    number: int = 0


class Pong(Struct, array_like=True, gc=False, tag=2):
    """See `Ping`."""

    number: int = 0


class Answer(Struct, array_like=True, gc=False, tag=3):
    """The result of a question, msgpack of the type that the asking side expects."""

    ask: int
    result: Raw


class Refused(Struct, array_like=True, gc=False, tag=4):
    """The `GimError` that a question ends in: the name of its class, its text and its attributes."""

    ask: int
    kind: str
    text: str
    attributes: dict[str, Any]
