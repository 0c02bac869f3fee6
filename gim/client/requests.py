"""Requests of one connection that wait for their replies: clients/BEHAVIOUR.md, section Q."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gim.client.ops import Op
from gim.client.timers import Timers

ANSWER_TIMEOUT = 30.0  # seconds until a request of the application fails

# takes the code, the msg, the data and the time
OnReply = Callable[[int, str, Mapping[str, Any], float], None]


@dataclass(slots=True)
class _Pending:
    op: Op
    on_reply: OnReply
    on_timeout: Callable[[], None] | None
    deadline: float


class Requests:
    """Numbers the requests of a connection, and matches the replies by ``seq``."""

    def __init__(self, timers: Timers, write: Callable[[str], None]) -> None:
        self._timers = timers
        self._write = write
        self._last_seq = 0
        self._pending: dict[int, _Pending] = {}

    def clear(self) -> None:
        """Begin anew with another connection: no reply comes any more."""
        self._last_seq = 0
        self._pending.clear()
        self._timers.cancel("answers")

    def write(
        self,
        op: Op,
        body: Mapping[str, Any],
        on_reply: OnReply,
        now: float = 0.0,
        on_timeout: Callable[[], None] | None = None,
    ) -> None:
        """Write a request. With *on_timeout*, it is called when no reply comes in `ANSWER_TIMEOUT`."""
        self._last_seq += 1
        pending = _Pending(op, on_reply, on_timeout, now + ANSWER_TIMEOUT)
        self._pending[self._last_seq] = pending
        if on_timeout is not None:
            self._timers.set_sooner("answers", pending.deadline, self._time_out)
        self._write(_text_of({"op": op, "seq": self._last_seq, "body": body}))

    def take(self, op: int, seq: int, body: Mapping[str, Any], now: float) -> bool:
        """Take a reply; say whether it was one of these requests'. One without a code is not a reply."""
        pending = self._pending.get(seq)
        if pending is None or op != pending.op + 1 or not isinstance(body.get("code"), int):
            return False
        del self._pending[seq]
        data = body.get("data")
        pending.on_reply(body["code"], body.get("msg", ""), data if isinstance(data, dict) else {}, now)
        return True

    def _time_out(self, now: float) -> None:
        waiting = {seq: each for seq, each in self._pending.items() if each.on_timeout is not None}
        for seq, each in waiting.items():
            if each.deadline > now:
                self._timers.set("answers", each.deadline, self._time_out)
                return
            del self._pending[seq]
            if each.on_timeout is not None:
                each.on_timeout()


def _text_of(packet: Mapping[str, Any]) -> str:
    """Return a packet as text that UTF-8 can have."""
    text = json.dumps(packet, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair: escaped, so that the server can refuse it
        return json.dumps(packet)
    return text
