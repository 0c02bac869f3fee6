"""A chat on a memory store and a clock moved by hand, with connections that only record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import count
from typing import TypeVar

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gim.auth.api_tokens import ApiTokens
from gim.auth.authenticator import Authenticator, Identity
from gim.chat.chat import Chat, Point
from gim.chat.settings import ChatSettings
from gim.ids import CHATROOM, PRIVATE
from gim.limits.limits import LimitHits
from gim.limits.read_rate import ReadRate
from gim.model import Event, LoggedIn, Push, Sent, User
from gim.push.catchup import MAX_MISSED
from gim.push.chatroom import PushPolicy
from gim.push.dispatcher import PushDispatcher
from gim.push.presence import NO_DESCRIPTOR, Drained, Login
from gim.push.settings import PushSettings
from gim.push.writer import PER_CHUNK, PER_TURN
from gim.storage.interface import Storage
from tests.support.clocks import SettableWallClock
from tests.support.settings import memory_store, no_limits

T = TypeVar("T")
START = 1_800_000_000.0  # a Unix time to begin with

_keys = count(1)


def result_of(work: Awaitable[T]) -> T:
    """Return what a coroutine that never waits comes to, or raise what it raises."""
    try:
        next(work.__await__())
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits")


class Recorder:
    """A connection that records its pushes. Its socket takes all at once, or only when told to."""

    kind = "recorder"
    descriptor = NO_DESCRIPTOR

    def __init__(self, clock: Clock, takes_all: bool = True) -> None:
        self.key = f"c{next(_keys)}"
        self.clock = clock
        self.takes_all = takes_all
        self.peer = "127.0.0.1:5"
        self.events: list[Event] = []
        self.is_expelled = False
        self.pushes: list[Push] = []
        self.times: list[float] = []  # of the pushes, in seconds since the start
        self.congested = False
        self.held_size = 0
        self.waiting: dict[Drained, None] = {}
        self.source: Callable[[], bool] | None = None
        self.login: Login
        self.answer: LoggedIn

    def expel(self) -> None:
        self.is_expelled = True

    def deliver(self, push: Push | Event) -> None:
        if isinstance(push, Event):
            self.events.append(push)
            return
        self.pushes.append(push)
        self.times.append(round(self.clock.seconds() - START, 6))

    def offer(self, push: Push) -> bool:
        if not self.congested:
            self.deliver(push)
        return not self.congested

    def send_later(self, rest: bytes) -> None:
        raise AssertionError("nothing goes to a socket")

    def frame_of(self, push: Push) -> bytes:
        return b""

    def when_drained(self, waiting: Drained) -> None:
        self.waiting[waiting] = None

    def drain(self) -> None:
        """Be no slow reader any more."""
        self.congested = False
        waiting, self.waiting = self.waiting, {}
        for each in waiting:
            each.drained(self)

    def check_backlog(self, extra: int) -> None:
        self.held_size = extra

    def write_while_drained(self, source: Callable[[], bool]) -> None:
        self.source = source
        self.take()

    def take(self) -> None:
        """Take what was written: once, or until there is nothing more."""
        while self.source is not None:
            if not self.source():
                self.source = None
            if not self.takes_all:
                return

    @property
    def contents(self) -> list[list[str]]:
        return [[message.content for message in push.items] for push in self.pushes]

    @property
    def skipped(self) -> list[int]:
        return [push.skipped for push in self.pushes]


class ChatTestCase(SynchronousTestCase):
    """Builds the chat anew for each test."""

    policy = PushPolicy(interval=1.0, count=3)
    concurrency = 64  # pushes written at a time
    per_turn, per_chunk = PER_TURN, PER_CHUNK
    max_missed = MAX_MISSED

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(START)
        self.wall = SettableWallClock(self.clock.seconds)
        self.store = memory_store(self.clock, self.wall)
        self.build_chat(self.store)
        result_of(self.chat.start())

    def build_chat(self, store: Storage) -> None:
        """Build all that uses the store."""
        limits, hits = no_limits(), LimitHits(is_enforced=True)
        self.pushes = PushDispatcher(
            store,
            self.clock,
            self.wall,
            PushSettings(self.policy, self.concurrency),
            per_turn=self.per_turn,
            per_chunk=self.per_chunk,
        )
        tokens = ApiTokens(store.token_key, self.wall, store.moderation.ban_of)
        self.chat = Chat(
            store,
            self.pushes,
            Authenticator(tokens),
            self.wall,
            ChatSettings(max_content=4096),
            hits,
            ReadRate(limits, hits, self.clock),
            max_missed=self.max_missed,
        )

    def connect(
        self,
        user_id: str,
        name: str | None = None,
        point: Point | None = None,
        takes_all: bool = True,
    ) -> Recorder:
        """Log a new connection in and let it catch up."""
        connection = Recorder(self.clock, takes_all)
        login = self.chat.login(connection, Identity(user_id, name), point)
        connection.login, connection.answer = result_of(login)
        self.chat.catch_up(connection.login)
        return connection

    def disconnect(self, connection: Recorder) -> None:
        self.chat.logout(connection.login)

    def join(self, chatroom_id: str, *user_ids: str) -> None:
        for user_id in user_ids:
            result_of(self.chat.join(User(user_id, user_id), chatroom_id, ""))

    def tell(self, sender: str, target: str, content: str, origin: str = "") -> Sent:
        """Send a private message."""
        return result_of(self.chat.send(User(sender, sender), PRIVATE, target, content, origin=origin))

    def say(self, sender: str, chatroom: str, *contents: str) -> None:
        """Send messages to a chatroom."""
        for content in contents:
            result_of(self.chat.send(User(sender, sender), CHATROOM, chatroom, content))

    def advance_to(self, seconds: float) -> None:
        """Move the clock to so many seconds after the start, each timer firing at its time."""
        while calls := self.clock.getDelayedCalls():
            due = min(call.getTime() for call in calls)
            if due > START + seconds:
                break
            self.clock.advance(max(0.0, due - self.clock.seconds()))
        self.stall_to(seconds)

    def stall_to(self, seconds: float) -> None:
        """Move the clock as if the reactor had been busy: timers that were due meanwhile are late."""
        self.clock.advance(START + seconds - self.clock.seconds())
