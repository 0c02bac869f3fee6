"""Runs a core: what the shells for asyncio and Twisted share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar
from urllib.parse import urlsplit

from gim.client.clock import SteadyClock
from gim.client.commands import AskToken, Close, Command, Open, Save, Write
from gim.client.core import Core
from gim.client.events import Error
from gim.client.outcome import Ended
from gim.client.settings import Settings
from gim.client.store import Store

T = TypeVar("T")


class Socket(Protocol):
    """A WebSocket."""

    def open(self) -> None:
        """Begin to open it. It may report an end at once."""

    def write(self, text: str) -> None:
        """Send a text message, in order."""

    def close(self, code: int) -> None:
        """Close it with a code, or stop opening it."""


def check_url(url: str) -> str:
    """Return the URL of a WebSocket. Raises `ValueError` for another, or one whose host or port no
    network can have."""
    if not url.startswith(("ws://", "wss://")):
        raise ValueError(f"{url!r} is not the URL of a WebSocket: it begins with ws:// or wss://")
    parts = urlsplit(url)
    try:
        (parts.hostname or ".").encode("idna")
        _ = parts.port
    except ValueError as error:
        raise ValueError(f"{url!r} is not the URL of a WebSocket: {error}") from error
    return url


S = TypeVar("S", bound=Socket)


class Driver(Generic[S]):
    """Does what the core commands, and reports to it what happens. A subclass has the event loop."""

    def __init__(
        self, settings: Settings, store: Store | None, ended: Callable[[Ended], None], clock: SteadyClock
    ) -> None:
        """*ended* takes the ends of requests and sends."""
        self._store = store
        self._ended = ended
        self._clock = clock
        self.core = self._restored(settings)
        self._socket: S | None = None

    def _restored(self, settings: Settings) -> Core:
        """Return a core that goes on from the store; one that begins anew if that can't be read."""
        now = self._clock.now()
        try:
            return Core(settings, now, self._store.load() if self._store else None)
        except Exception as error:  # of the store, or because of what it kept
            core = Core(settings, now)
            core.report(Error("store", f"the state could not be loaded: {error!r}"))
            return core

    # What the event loop does

    def _make_socket(self, number: int) -> S:
        """Return a socket that will report with this number."""
        raise NotImplementedError

    def _leave(self, socket: S) -> None:
        """Remember that a socket is being closed."""
        raise NotImplementedError

    def _ask_token(self) -> None:
        """Ask the application for a token, in place of a question under way."""
        raise NotImplementedError

    def _set_timer(self, delay: float | None) -> None:
        """Call `tick` after so many seconds; None for not at all. It replaces the former timer."""
        raise NotImplementedError

    def _happens(self) -> None:
        """Tell the application's side that something has happened."""
        raise NotImplementedError

    # The core

    def do(self, act: Callable[[float], T]) -> T:
        """Call the core with the time, and do what it commands."""
        result = act(self._clock.now())
        self._follow()
        return result

    def _follow(self) -> None:
        core = self.core
        while core.commands:
            commands, core.commands = core.commands, []
            for command in commands:
                self._perform(command)
        deadline = core.deadline()
        self._set_timer(None if deadline is None else max(0.0, deadline - self._clock.now()))
        ends, core.ends = core.ends, []
        for end in ends:
            self._ended(end)
        self._happens()

    def _perform(self, command: Command) -> None:
        match command:
            case Write(text):
                if self._socket is not None:
                    self._socket.write(text)
            case Open(number):
                self._socket = self._make_socket(number)
                self._socket.open()
            case Close(_, code):
                if self._socket is not None:
                    self._socket.close(code)
                    self._leave(self._socket)
                    self._socket = None
            case AskToken():
                self._ask_token()
            case Save(state):
                self._save(state)

    def _save(self, state: dict[str, Any]) -> None:
        assert self._store is not None
        try:
            self._store.save(state)
        except Exception as error:
            self.core.report(Error("store", f"the state could not be saved: {error!r}"))

    def tick(self) -> None:
        """A deadline has come."""
        self.do(self.core.tick)

    # What a token function and a socket report

    def on_token(self, token: str | None) -> None:
        self.do(lambda now: self.core.token(token, now))

    def on_no_token(self, reason: str) -> None:
        self.do(lambda now: self.core.token_failed(reason, now))

    def on_opened(self, number: int) -> None:
        self.do(lambda now: self.core.opened(number, now))

    def on_refused(self, number: int, status: int, retry_after: float | None) -> None:
        self.do(lambda now: self.core.refused(number, status, retry_after, now))

    def on_ended(self, number: int, code: int, reason: str) -> None:
        self.do(lambda now: self.core.ended(number, code, reason, now))

    def on_received(self, number: int, text: str | bytes) -> None:
        self.do(lambda now: self.core.received(number, text, now))
