"""The parent's ends of the links to many workers, in one process without workers.

It measures itself for each line that it reads, and writes the answer as JSON. A line names a kind of
question, how many links ask in an iteration of the reactor, and how often each of them asks. The answer
is the CPU time that the parent needs for that, in microseconds. Usage: ``python -m bench.jobs.hub_child``
"""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import reduce
from operator import or_
from typing import Any

from msgspec import Struct
from msgspec.msgpack import Decoder
from twisted.internet import reactor as _reactor

from bench.jobs.store_child import finish, no_limits
from gim.concurrency.clocks import WallClock
from gim.ids import chatroom_session, private_session
from gim.link.channel import Channel
from gim.link.flushes import Flushes
from gim.link.frames import FrameCutter, encode, frames_of
from gim.link.messages import Refused
from gim.link.transport import connect
from gim.model import User
from gim.storage.linked.calls import TO_STORE, TO_WORKER, Append, Delivered, Enter, Exit, MessageNews
from gim.storage.linked.news import EncodedNews
from gim.storage.linked.server import StoreServer
from gim.storage.memory.data import MemoryData
from gim.storage.memory.store import MemoryStore
from gim.storage.settings import MemorySettings

reactor: Any = _reactor

LINKS = 64  # the most
USERS = 64  # of each link
CONTENT = "." * 64
REPEATS = 30  # of what is measured, for one figure
_READ_SIZE = 1 << 20  # bytes
_SOON = 60.0  # seconds until an answer is wanted
_known = reduce(or_, (*TO_WORKER, Refused))
_decode: Callable[[bytes], list[Any]] = Decoder(list[_known]).decode  # type: ignore[valid-type]


class Link:
    """Both ends of a link. The worker's is a socket without a reactor."""

    def __init__(self, number: int, data: MemoryData, news: EncodedNews, flushes: Flushes) -> None:
        self.number = number
        self.users = [f"u{number}-{user}" for user in range(USERS)]
        self._socket, theirs = socket.socketpair()
        self._socket.setblocking(False)
        self._cutter = FrameCutter()
        self._marks: dict[str, str] = {}
        channel = Channel(TO_STORE, reactor, on_end=lambda why: None, flushes=flushes)
        self.store = MemoryStore(data)
        finish(StoreServer(self.store, channel, news, reactor).start())
        connect(theirs, channel, reactor)

    def send(self, messages: list[Struct]) -> None:
        self._socket.sendall(frames_of([encode(message) for message in messages]))

    def confirm(self) -> list[Struct]:
        """Return what a worker tells after it has delivered messages."""
        marks, self._marks = self._marks, {}
        return [Delivered(marks)] if marks else []

    def receive(self) -> int:
        """Read what is there; return how many messages that is."""
        count = 0
        with suppress(BlockingIOError):
            for frame in self._cutter.cut(self._socket.recv(_READ_SIZE)):
                for message in _decode(frame):
                    if isinstance(message, Refused):
                        raise AssertionError(message.text)
                    if isinstance(message, MessageNews) and message.reader:
                        self._marks[message.reader] = message.id
                    count += 1
        return count


class Hub:
    """A store, all links, and what is asked through them."""

    def __init__(self) -> None:
        settings = MemorySettings(
            max_session_messages=10_000, max_messages=2_000_000, ttl=30 * 86400.0, sequences=False
        )
        data = MemoryData(reactor, WallClock(), settings, no_limits(reactor))
        news, flushes = EncodedNews(), Flushes(reactor)
        self._links = [Link(number, data, news, flushes) for number in range(LINKS)]
        self._asked = 0
        self._ask_all([(link, [self._enter(user) for user in link.users]) for link in self._links])

    def measure(self, kind: str, links: int, each: int) -> float:
        """Return the CPU time of what so many links ask, each of them so often, in microseconds."""
        if kind == "chatroom":
            self._fill_chatroom(links)
        self._once(kind, links, each)  # warm up
        return sum(self._once(kind, links, each) for _ in range(REPEATS)) / REPEATS / 1000

    def _once(self, kind: str, links: int, each: int) -> int:
        some = self._links[:links]
        asked: list[tuple[Link, list[Any]]]
        if kind == "private":
            asked = [(link, [self._private(link, n, links) for n in range(each)]) for link in some]
            used = self._ask_all(asked, news=links * each)
        elif kind == "chatroom":  # of one link, to members at all
            asked = [(some[0], [self._to_chatroom(links) for _ in range(each)])]
            used = self._ask_all(asked, news=links * each)
        else:
            asked = [
                (link, [self._enter(f"late{link.number}-{n}") for n in range(each)]) for link in some
            ]
            used = self._ask_all(asked)
            self._ask_all(
                [(link, [Exit(f"late{link.number}-{n}") for n in range(each)]) for link in some]
            )
        return used

    def _ask_all(self, asked: list[tuple[Link, list[Any]]], news: int = 0) -> int:
        """Ask, and read all answers and *news*; return the CPU time of the parent in nanoseconds."""
        missing = news + sum(
            not isinstance(message, Exit) for _, messages in asked for message in messages
        )
        for link, messages in asked:
            link.send(messages)
        used = self._iterate()
        while missing > 0:
            missing -= sum(link.receive() for link in self._links)
            if missing > 0:
                used += self._iterate()
        for link in self._links:
            if marks := link.confirm():
                link.send(marks)
        return used + self._iterate()

    def _iterate(self) -> int:
        """Let the reactor read and answer, then write what it has collected."""
        began = time.thread_time_ns()
        reactor.iterate()
        reactor.iterate()
        return time.thread_time_ns() - began

    # questions

    def _private(self, link: Link, number: int, links: int) -> Append:
        sender, peer = link.users[number], self._links[(link.number + 1) % links]
        receiver = peer.users[number - 1]  # another one, even if the link is the same
        return self._append(private_session(sender, receiver).id, sender)

    def _to_chatroom(self, links: int) -> Append:
        return self._append(chatroom_session(f"room{links}").id, self._links[0].users[0])

    def _append(self, session_id: str, sender: str) -> Append:
        return Append(
            self._next(),
            session_id=session_id,
            sender_id=sender,
            sender_name=sender,
            content=CONTENT,
            category="text",
            request_id="",
            origin="1",
            is_alone=True,
            as_admin=False,
            answer_by=reactor.seconds() + _SOON,
        )

    def _enter(self, user_id: str) -> Enter:
        answer_by = reactor.seconds() + _SOON
        return Enter(self._next(), user_id=user_id, name=None, since=None, limit=100, answer_by=answer_by)

    def _next(self) -> int:
        self._asked += 1
        return self._asked

    def _fill_chatroom(self, links: int) -> None:
        """Let a user of each link be a member."""
        for link in self._links[:links]:
            user = User(link.users[0], link.users[0])
            finish(link.store.chatrooms.join(f"room{links}", user, "", True))
        self._iterate()
        for link in self._links:
            link.receive()


def main() -> None:
    hub = Hub()
    for line in sys.stdin:
        kind, links, each = line.split()
        print(json.dumps(hub.measure(kind, int(links), int(each))), flush=True)


if __name__ == "__main__":
    main()
