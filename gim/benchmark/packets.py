"""Packets of a benchmark: what it sends, and what it reads of what comes (docs/protocol.md).

A message of a benchmark has a number and the moment when it was due, both in its content; the number is
the ``seq`` of its packet as well. They have the same length in all messages, so a frame is made by
filling in a template. What comes is not parsed as JSON where the few bytes that matter can be found.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from gim.benchmark.frames import TEXT, head

LOGIN, SEND, JOIN, DISMISS = 101, 201, 301, 309  # ops
CHATROOM, PERSON = 1, 2  # types of targets
FIRST_NUMBER = 10**9  # so that all numbers have ten digits
MIN_SIZE = len(b"no=1000000000 at=0000000000000000")  # bytes of content

SEND_REPLY = b'{"op":202,'
PUSH = b'{"op":207,'
_ACCEPTED = b'{"op":202,"body":"{\\"code\\":0,'
_NUMBER, _AT, _SKIPPED = b"no=", b" at=", b'\\"skipped\\":'


class Refusal(Exception):
    """A reply with another code than 0."""

    def __init__(self, code: int, msg: str) -> None:
        super().__init__(f"{code}, {msg}")
        self.code = code
        self.msg = msg


class Template:
    """Frames with messages to one target."""

    def __init__(self, kind: int, target: str, size: int) -> None:
        """*kind* is a type of targets, *size* the bytes of the content, `MIN_SIZE` or more."""
        body = json.dumps({"type": kind, "target_id": target}, ensure_ascii=False, separators=(",", ":"))
        opening = body[:-1] + ',"content":"'
        padding = b"." * (size - MIN_SIZE - 1)
        begin = b'{"op":201,"body":%b' % json.dumps(opening, ensure_ascii=False)[:-1].encode()
        middle = (b" " + padding if size > MIN_SIZE else b"") + b'\\"}","seq":'
        length = len(begin) + MIN_SIZE + len(middle) + len(b"1000000000}")
        self._begin = head(TEXT, length) + begin + _NUMBER
        self._middle = middle

    def frame(self, number: int, due: float) -> bytes:
        """Return the frame of a message that is *due* at a moment of the monotonic clock."""
        return b"%b%d at=%016d%b%d}" % (self._begin, number, int(due * 1e6), self._middle, number)


def request(op: int, body: dict[str, Any]) -> bytes:
    """Return the text of any request."""
    return json.dumps({"op": op, "body": body}, ensure_ascii=False).encode()


def reply_data(payload: bytes) -> Any:
    """Return the data of a reply. Raises `Refusal`."""
    body = json.loads(json.loads(payload)["body"])
    if body["code"]:
        raise Refusal(body["code"], body["msg"])
    return body["data"]


def number_of_reply(payload: bytes) -> int:
    """Return the number of the message that a reply of op 202 is about."""
    return int(payload[payload.rfind(b":") + 1 : -1])


def refusal_in(payload: bytes) -> Refusal | None:
    """Return why a message was refused, None if the reply of op 202 accepts it."""
    if payload.startswith(_ACCEPTED):
        return None
    try:
        reply_data(payload)
    except Refusal as refusal:
        return refusal
    return None


def numbers_in(payload: bytes) -> list[int]:
    """Return the numbers of the messages in a push."""
    found, at = list[int](), payload.find(_NUMBER)
    while at >= 0:
        found.append(int(payload[at + 3 : at + 13]))
        at = payload.find(_NUMBER, at + 13)
    return found


class Push(NamedTuple):
    """A push of a chatroom: numbers of messages and when they were due, and how many are left out."""

    items: list[tuple[int, float]]
    skipped: int


def push_in(payload: bytes) -> Push:
    """Read a push of a chatroom."""
    items, at = list[tuple[int, float]](), payload.find(_NUMBER)
    while at >= 0:
        due = at + 13 + len(_AT)
        items.append((int(payload[at + 3 : at + 13]), int(payload[due : due + 16]) / 1e6))
        at = payload.find(_NUMBER, due)
    begin = payload.rfind(_SKIPPED) + len(_SKIPPED)
    return Push(items, int(payload[begin : payload.find(b"}", begin)]))
