"""The life of a client's connection: clients/BEHAVIOUR.md, sections S, D, H and T."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gim.client.backoff import (
    AT_ONCE,
    BAD_TOKENS,
    DATA_LOST,
    STABLE_AFTER,
    TOKEN_EXPIRED,
    Backoff,
    Delay,
)
from gim.client.commands import AskToken, Close, Command, Open, Write
from gim.client.event_queue import EventQueue
from gim.client.events import Code, State, StateName, User
from gim.client.heartbeat import Heartbeat
from gim.client.ops import Op
from gim.client.requests import Requests
from gim.client.settings import ASK, Settings
from gim.client.timers import Timers
from gim.client.token import expiry_of

OPEN_TIMEOUT = 10.0  # seconds until a socket is open
LOGIN_TIMEOUT = 10.0  # seconds until a login is answered
TOKEN_TIMEOUT = 30.0  # seconds until the application has found a token
TOKEN_MARGIN = 30.0  # seconds before its end from which a token is not used any more
CLOSED_BY_US, GIVEN_UP = 1000, 4000
TOO_BIG = 1009


class Connection:
    """Connects, logs in, notices the end, and comes back. A subclass does the rest in the hooks.

    All times are Unix seconds and never go back.
    """

    def __init__(self, settings: Settings) -> None:
        self.commands: list[Command] = []  # the shell takes them out
        self.state: StateName = "closed"
        self.last_change = State("closed")
        self.user: User | None = None  # since the first login
        self._settings = settings
        self._timers = Timers()
        self._events = EventQueue(settings.event_limit)
        self._requests = Requests(self._timers, self._write)
        self._backoff = Backoff(settings.draw, settings.token is ASK)
        self._heartbeat = Heartbeat(self._timers, self._beat, self._lost)
        self._sockets = 0  # how many have been opened
        self._socket: int | None = None  # the current one
        self._open = False  # whether it is
        self._token = settings.token if isinstance(settings.token, str) else None
        self._asking = False
        self._ordered = False  # whether the delay under way must not be shortened
        self._online_since = 0.0
        self._skew = 0.0  # seconds that the server's clock is ahead

    # Hooks

    def _position(self) -> dict[str, str]:
        """Return what the login sends besides who logs in."""
        raise NotImplementedError

    def _on_online(self, data: Mapping[str, Any], now: float) -> None:
        """The login was accepted."""
        raise NotImplementedError

    def _on_offline(self) -> None:
        """The socket has ended, or is given up."""
        raise NotImplementedError

    def _on_data_lost(self) -> None:
        """The server has lost its data."""
        raise NotImplementedError

    def _on_too_big(self) -> None:
        """The server has refused a packet because of its size. Comes before `_on_offline`."""
        raise NotImplementedError

    def _on_closed(self, reason: str, now: float) -> None:
        """The client does not come back by itself."""
        raise NotImplementedError

    def _settle(self, now: float) -> None:
        """Do what follows from an input."""
        raise NotImplementedError

    # What the application calls

    def connect(self, now: float) -> None:
        """Connect, and stay connected."""
        if self.state == "closed":
            self._connect(now)
            self._settle(now)

    def close(self, now: float) -> None:
        """Disconnect for good."""
        if self.state != "closed":
            self._drop(CLOSED_BY_US, now)
            self._end(CLOSED_BY_US, "", now)

    def wake(self, now: float) -> None:
        """The program may have been frozen, or the network changed."""
        if self.state == "online":
            self._heartbeat.wake(now)
        elif self.state == "waiting" and not self._ordered:
            self._timers.cancel("delay")
            self._connect(now)
        self._settle(now)

    # What the shell reports

    def deadline(self) -> float | None:
        """Return when to call `tick`; None for not at all."""
        return self._timers.next()

    def tick(self, now: float) -> None:
        """Do what is due."""
        self._timers.run(now)
        self._settle(now)

    def token(self, token: str | None, now: float) -> None:
        """Take the application's token; None means that it has none, which ends the client."""
        if not self._asking:
            return
        self._stop_asking()
        if token is None:
            self._end(401, "there is no token", now)
        else:
            self._token = token
            self._open_socket(now)
        self._settle(now)

    def token_failed(self, reason: str, now: float) -> None:
        """The application could not get a token."""
        if self._asking:
            self._stop_asking()
            self._come_back(self._backoff.after_failed_token(), "token", reason, now)
            self._settle(now)

    def opened(self, socket: int, now: float) -> None:
        """A socket is open."""
        if socket == self._socket and not self._open:
            self._open = True
            self._timers.cancel("open")
            self._log_in(now)
            self._settle(now)

    def refused(self, socket: int, status: int, retry_after: float | None, now: float) -> None:
        """The handshake of a socket was refused with an HTTP status. *retry_after* is in seconds."""
        if socket == self._socket:
            self._disconnected(now)
            delay = self._backoff.after_refused_handshake(status, retry_after)
            self._come_back(delay, status, f"the server refuses with {status}", now)
            self._settle(now)

    def ended(self, socket: int, code: int, reason: str, now: float) -> None:
        """A socket has ended, or could not be opened."""
        if socket == self._socket:
            self._after_end(code, reason, now)
            self._settle(now)

    # Connecting

    def _connect(self, now: float) -> None:
        self._change(State("connecting"))
        if self._settings.token is ASK and not self._token_is_good(now):
            self._asking = True
            self._timers.set("token", now + TOKEN_TIMEOUT, self._token_late)
            self.commands.append(AskToken())
        else:
            self._open_socket(now)

    def _token_is_good(self, now: float) -> bool:
        if self._token is None:
            return False
        exp = expiry_of(self._token)
        return exp is None or exp - (now + self._skew) >= TOKEN_MARGIN

    def _token_late(self, now: float) -> None:
        self.token_failed("no token in time", now)

    def _stop_asking(self) -> None:
        self._asking = False
        self._timers.cancel("token")

    def _open_socket(self, now: float) -> None:
        self._sockets += 1
        self._socket, self._open = self._sockets, False
        self.commands.append(Open(self._socket))
        self._timers.set("open", now + OPEN_TIMEOUT, self._too_late)

    def _too_late(self, now: float) -> None:
        self._drop(GIVEN_UP, now)
        self._after_end(GIVEN_UP, "no answer in time", now)

    def _log_in(self, now: float) -> None:
        body: dict[str, Any] = {"id": self._settings.id}
        if self._settings.name is not None:
            body["name"] = self._settings.name
        if self._token is not None:
            body["token"] = self._token
        self._timers.set("login", now + LOGIN_TIMEOUT, self._too_late)
        self._requests.write(Op.LOGIN, {**body, **self._position()}, self._login_answered)

    def _login_answered(self, code: int, msg: str, data: Mapping[str, Any], now: float) -> None:
        if code:
            self._refuse(code, msg, now)
            return
        user, skew = User(data["user"]["id"], data["user"]["name"]), data["server_time"] / 1000 - now
        if not data["epoch"]:
            raise ValueError("no epoch")
        self.user, self._skew = user, skew
        self._timers.cancel("login")  # only now: a reply that lacks a field is not an answer
        self._backoff.logged_in()
        self._online_since = now
        self._change(State("online"))
        self._heartbeat.start(now)
        self._on_online(data, now)

    def _refuse(self, code: int, msg: str, now: float) -> None:
        """Come back after a login that was refused, or after a 401 to any request."""
        self._drop(CLOSED_BY_US, now)
        if code == 401:
            self._forget_token()
        self._come_back(self._backoff.after_refused_login(code), code, msg, now)

    def _forget_token(self) -> None:
        if self._settings.token is ASK:
            self._token = None

    # The end of a connection

    def _lost(self, now: float, at_once: bool) -> None:
        """No sign of life came in time."""
        self._drop(GIVEN_UP, now)
        if at_once:
            self._come_back(AT_ONCE, GIVEN_UP, "", now)
        else:
            self._after_end(GIVEN_UP, "no sign of life", now)

    def _drop(self, code: int, now: float) -> None:
        """Close the current socket, and forget it."""
        if self._socket is not None:
            self.commands.append(Close(self._socket, code))
        self._disconnected(now)

    def _after_end(self, code: int, reason: str, now: float) -> None:
        if code == TOO_BIG:
            self._on_too_big()
        self._disconnected(now)
        if code == DATA_LOST:
            self._on_data_lost()
        if code in (TOKEN_EXPIRED, BAD_TOKENS):
            self._forget_token()
        self._come_back(self._backoff.after_end(code, reason), code, reason, now)

    def _disconnected(self, now: float) -> None:
        """Forget all that belongs to the current socket."""
        if self.state == "online" and now - self._online_since >= STABLE_AFTER:
            self._backoff.stable()
        self._socket = None
        self._timers.cancel("open", "login")
        self._heartbeat.stop()
        self._requests.clear()
        self._on_offline()

    def _come_back(self, delay: Delay | None, code: Code, reason: str, now: float) -> None:
        """Connect after a delay, or end."""
        if delay is None:
            self._end(code, reason, now)
        elif delay.seconds <= 0:
            self._connect(now)
        else:
            self._ordered = delay.ordered
            self._timers.set("delay", now + delay.seconds, self._connect)
            self._change(State("waiting", delay.seconds, code, reason))

    def _end(self, code: Code, reason: str, now: float) -> None:
        self._stop_asking()
        self._timers.clear()
        self._change(State("closed", None, code, reason))
        self._on_closed(reason or "the client is closed", now)

    def _change(self, state: State) -> None:
        self.state, self.last_change = state.now, state
        self._events.put(state)

    def _write(self, text: str) -> None:
        self.commands.append(Write(text))

    def _beat(self) -> None:
        self._requests.write(Op.HEARTBEAT, {}, lambda *answer: None)
