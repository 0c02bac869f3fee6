"""The client for Twisted: a service. docs/clients.md shows it at work."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IDelayedCall, IStreamClientEndpoint
from twisted.internet.ssl import optionsForClientTLS
from twisted.logger import Logger

from gim.client import calls
from gim.client.calls import Call, Chatroom, History, Joined, Member, SessionItem
from gim.client.events import Error, Event, Gap, Message, Sent, StateName, User
from gim.client.outbox import Entry
from gim.client.outcome import Ended, GimError
from gim.client.settings import ASK, Fill, Settings
from gim.client.store import Store
from gim.client.twisted_driver import TokenFunction, TwistedDriver

T = TypeVar("T")
E = TypeVar("E")

Handler = Callable[[Any], object]  # takes an event; may return a Deferred or a coroutine


def endpoint_for(url: str, reactor: Any) -> IStreamClientEndpoint:
    """Return where a URL leads: TCP for ws://, TLS for wss://."""
    parts = urlsplit(url)
    secure = parts.scheme == "wss"
    host = parts.hostname or ""
    endpoint = HostnameEndpoint(reactor, host, parts.port or (443 if secure else 80))
    if not secure:
        return endpoint
    return wrapClientTLS(optionsForClientTLS(host), endpoint)


class GimClient(Service):
    """One user at one server, connected as long as the service runs.

    *token* is a text, or a function that returns one, or a Deferred or coroutine of it; when it gives
    None, the client is closed. *store* keeps the state between two runs. ``outbox_age`` is in seconds. A
    Deferred fails with `GimError` when its request is refused or there is no connection.
    """

    _log = Logger()

    def __init__(
        self,
        url: str,
        *,
        id: str,
        name: str | None = None,
        token: str | TokenFunction | None = None,
        store: Store | None = None,
        fill: Fill = "newest",
        outbox_limit: int = 1000,
        outbox_age: float = 3600.0,
        endpoint: IStreamClientEndpoint | None = None,
        reactor: Any = None,
    ) -> None:
        """*endpoint* says where to connect, if the URL alone does not."""
        if reactor is None:
            from twisted.internet import reactor  # late, so that the program can still choose one
        settings = Settings(
            id=id,
            name=name,
            token=ASK if callable(token) else token,
            fill=fill,
            outbox_limit=outbox_limit,
            outbox_age=outbox_age,
            stores=store is not None,
        )
        self._driver = TwistedDriver(
            url,
            endpoint or endpoint_for(url, reactor),
            settings,
            token if callable(token) else None,
            store,
            self._take_end,
            self._happens,
            reactor,
        )
        self._reactor = reactor
        self._core = self._driver.core
        self._replies: dict[int | str, Deferred[Any]] = {}  # by number, or request_id
        self._handlers: list[tuple[type[Any], Handler]] = []
        self._delivering = False
        self._soon: IDelayedCall | None = None  # the delivery that begins next
        self._waiting: list[Deferred[User]] = []  # for the login

    # The connection

    def startService(self) -> None:
        super().startService()
        self._driver.do(self._core.connect)

    def stopService(self) -> Deferred[Any]:
        """Disconnect, and wait until the socket is closed. Sends without an answer become uncertain."""
        super().stopService()
        self._driver.do(self._core.close)
        if self._soon is not None:
            self._soon.cancel()
            self._start_delivery()
        return self._driver.closed()

    @property
    def state(self) -> StateName:
        return self._core.state

    @property
    def user(self) -> User | None:
        """The user as the server knows it since the last login; None before the first one."""
        return self._core.user

    def when_online(self) -> Deferred[User]:
        """Wait until the client is logged in; fails when it is closed instead."""
        waiting: Deferred[User] = Deferred(self._waiting.remove)
        self._waiting.append(waiting)
        self._tell_state()
        return waiting

    def wake(self) -> None:
        """Find out now whether the connection lives, such as after the machine has slept."""
        self._driver.do(self._core.wake)

    def _tell_state(self) -> None:
        if self._core.state == "online" and self._core.user is not None:
            waiting, self._waiting = self._waiting, []
            for each in waiting:
                each.callback(self._core.user)
        elif self._core.state == "closed" and self._core.last_change.code is not None:
            waiting, self._waiting = self._waiting, []
            change = self._core.last_change
            for each in waiting:
                each.errback(GimError(change.code or "closed", change.reason or "the client is closed"))

    # Events

    def on(self, kind: type[E], handler: Callable[[E], object]) -> Callable[[], None]:
        """Call *handler* with each event of a class, in order; the result ends that.

        The next event waits for the Deferred or coroutine that a handler returns. Events `Error` that
        have no handler are logged.
        """
        entry = (kind, handler)
        self._handlers.append(entry)
        return lambda: self._handlers.remove(entry)

    def _happens(self) -> None:
        """Deliver what waits, soon: a handler never runs within a call of the application."""
        if self._core.has_events and self._soon is None and not self._delivering:
            self._soon = self._reactor.callLater(0, self._start_delivery)

    def _start_delivery(self) -> None:
        self._soon = None
        Deferred.fromCoroutine(self._deliver())

    async def _deliver(self) -> None:
        self._delivering = True
        self._tell_state()
        while (event := self._core.next_event()) is not None:
            if isinstance(event, Error) and event.code != "handler" and not self._has_handler_of_errors():
                self._log.error("error {code}: {msg}", code=event.code, msg=event.msg)
            for kind, handler in tuple(self._handlers):
                if isinstance(event, kind):
                    await self._call(handler, event)
        self._delivering = False

    async def _call(self, handler: Handler, event: Event) -> None:
        try:
            await maybeDeferred(handler, event)
        except Exception as error:
            is_of_errors = isinstance(event, Error)  # it would get its own for ever
            if is_of_errors or not self._has_handler_of_errors():
                self._log.failure("a handler of {kind} failed", kind=type(event).__name__)
            if not is_of_errors:
                self._core.report(Error("handler", repr(error)))

    def _has_handler_of_errors(self) -> bool:
        return any(issubclass(Error, kind) for kind, _ in self._handlers)

    # Sending

    def send(self, to: str | Chatroom, content: str, category: str = "text") -> Deferred[Sent]:
        """Send a message, also while there is no connection.

        To cancel the Deferred takes the message back, unless it was written already.
        """
        type, target = calls.target_of(to)

        def send(now: float) -> Deferred[Sent]:
            request_id = self._core.send(type, target, content, category, now)
            sent: Deferred[Sent] = Deferred(lambda _: self._cancel(request_id))
            self._replies[request_id] = sent
            return sent

        return self._driver.do(send)

    def _cancel(self, request_id: str) -> None:
        self._driver.do(lambda now: self._core.cancel(request_id, now))

    def unsent(self, to: str | Chatroom | None = None) -> list[Entry]:
        """Return the outbox in order, or what of it goes to a user or a chatroom."""
        return self._core.unsent(None if to is None else calls.target_of(to))

    # Requests

    def call(self, call: Call[T]) -> Deferred[T]:
        """Send one of the requests of `gim.client.calls`."""
        reply: Deferred[Any] = Deferred()

        def request(now: float) -> None:
            self._replies[self._core.request(call.op, call.body, now)] = reply

        self._driver.do(request)
        return reply.addCallback(call.read)

    def _take_end(self, end: Ended) -> None:
        reply = self._replies.pop(end.key, None)
        if reply is None or reply.called:
            return
        if isinstance(end.result, GimError):
            reply.errback(end.result)
        else:
            reply.callback(end.result)

    def history(self, session: str, before: str | None = None, count: int = 20) -> Deferred[History]:
        """Read the newest *count* messages, 1 to 100, or those just before an id."""
        return self.call(calls.history(session, before, count))

    def all(self, session: str) -> AsyncIterator[Message]:
        """Yield all messages of a session, the newest first."""
        return calls.read_back(self.call, session)

    def fill(self, gap: Gap) -> Deferred[list[Message]]:
        """Read what a gap left out, oldest first."""
        return Deferred.fromCoroutine(calls.messages_in(self.call, gap))

    def sessions(self, type: int | None = None) -> Deferred[list[SessionItem]]:
        """List the sessions of a type, 1 for chatrooms, 2 for private ones, or all."""
        return Deferred.fromCoroutine(calls.all_sessions(self.call, type))

    def join(self, room: str, name: str = "") -> Deferred[Joined]:
        """Join a chatroom, or create it with a name."""
        return self.call(calls.join(room, name))

    def leave(self, room: str) -> Deferred[None]:
        return self.call(calls.leave(room))

    def members(self, room: str) -> Deferred[list[Member]]:
        return Deferred.fromCoroutine(calls.all_members(self.call, room))

    def read(self, session: str, message_id: str) -> Deferred[int]:
        """Mark a session as read up to a message; the result is how many are unread."""
        return self.call(calls.read(session, message_id))

    def recall(self, session: str, message_id: str) -> Deferred[None]:
        return self.call(calls.recall(session, message_id))

    def rename(self, room: str, name: str) -> Deferred[None]:
        return self.call(calls.rename(room, name))

    def dismiss(self, room: str) -> Deferred[None]:
        return self.call(calls.dismiss(room))

    def remove(self, room: str, user: str) -> Deferred[None]:
        return self.call(calls.remove(room, user))

    def mute(self, room: str, user: str, seconds: int) -> Deferred[int]:
        """Mute a member, or end a mute with 0; the result is its end in Unix milliseconds."""
        return self.call(calls.mute(room, user, seconds))

    def appoint(self, room: str, user: str, role: str) -> Deferred[None]:
        """Make a member ``owner``, ``admin`` or ``member``."""
        return self.call(calls.appoint(room, user, role))
