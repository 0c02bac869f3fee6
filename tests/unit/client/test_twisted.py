"""The Twisted client with a whole daemon, without sockets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from twisted.internet.address import IPv4Address
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.error import ConnectionRefusedError
from twisted.logger import capturedLogs, formatEvent
from twisted.test import iosim

from gim.client import clock
from gim.client.calls import Chatroom, Member
from gim.client.events import Error, Event, Failed, Message, Renamed, Reset, Sent, State
from gim.client.outcome import GimError
from gim.client.store import Store
from gim.client.twisted import GimClient, endpoint_for
from tests.support.pipe import GatewayTestCase

WHEN = "going away: reconnect in 7.00 s"


class MemoryStore(Store):
    """Keeps a state in memory, or fails to."""

    def __init__(self) -> None:
        self.state: dict[str, Any] | None = None
        self.is_full = False

    def load(self) -> dict[str, Any] | None:
        return self.state

    def save(self, state: dict[str, Any]) -> None:
        if self.is_full:
            raise OSError("no space left")
        self.state = state


class Endpoint:
    """Connects to the gateway of a test, as often as it is allowed to."""

    def __init__(self, test: TwistedClientTests) -> None:
        self._test = test
        self.answer: Callable[[], Deferred[Any]] | None = None  # in place of a connection
        self.servers: list[Any] = []
        self.clients: list[Any] = []

    def connect(self, factory: Any) -> Deferred[Any]:
        if self.answer is not None:
            return self.answer()
        client = factory.buildProtocol(None)
        server = self._test.gateway.buildProtocol(IPv4Address("TCP", "127.0.0.1", 2))
        ends = iosim.FakeTransport(server, True), iosim.FakeTransport(client, False)
        for end in ends:
            end.abortConnection = end.loseConnection
        self._test.pumps.append(iosim.connect(server, ends[0], client, ends[1]))
        self.servers.append(server)
        self.clients.append(client)
        return succeed(client)


class TwistedClientTests(GatewayTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.patch(clock, "monotonic", self.clock.seconds)
        self.endpoints: dict[str, Endpoint] = {}

    def gim(self, id: str, **options: Any) -> tuple[GimClient, list[Event]]:
        """Return a client that runs, and the list of its events."""
        self.endpoints[id] = endpoint = Endpoint(self)
        endpoint.answer = options.pop("answer", None)
        where: Any = endpoint
        client = GimClient("ws://localhost:9000", id=id, endpoint=where, reactor=self.clock, **options)
        events: list[Event] = []
        client.on(object, lambda event: events.append(cast(Event, event)))
        client.startService()
        self.addCleanup(self.end, client)
        self.pump()
        return client, events

    def end(self, client: GimClient) -> None:
        stopped = client.stopService()
        self.advance(3, 0.5)
        self.successResultOf(stopped)

    def done(self, deferred: Deferred[Any]) -> Any:
        """Return what a Deferred brings after all bytes have arrived."""
        self.pump()
        return self.successResultOf(deferred)

    def refused(self, deferred: Deferred[Any]) -> Any:
        """Return the code with which a Deferred fails."""
        self.pump()
        return self.failureResultOf(deferred, GimError).value.code

    def cut(self, id: str) -> None:
        """Break the connection of a user."""
        self.endpoints[id].clients[-1].transport.loseConnection()
        self.endpoints[id].servers[-1].transport.loseConnection()
        self.pump()

    def texts(self, events: list[Event]) -> list[str]:
        return [event.content for event in events if isinstance(event, Message)]

    def states(self, events: list[Event]) -> list[str]:
        return [event.now for event in events if isinstance(event, State)]

    def test_users_talk(self) -> None:
        ann, events = self.gim("ann", name="Ann")
        _, got = self.gim("bob")
        self.assertEqual(self.done(ann.when_online()).name, "Ann")
        self.assertEqual((ann.state, ann.user and ann.user.id), ("online", "ann"))
        sent = self.done(ann.send("bob", "hello", "picture"))
        (message,) = [event for event in got if isinstance(event, Message)]
        self.assertEqual((message.id, message.category), (sent.id, "picture"))
        kinds = [type(event) for event in events]
        self.assertEqual(kinds, [State, State, Reset, Sent])

    def test_every_request_has_a_method(self) -> None:
        ann, _ = self.gim("ann")
        bob, got = self.gim("bob")
        self.assertEqual(self.done(ann.join("9999", "The den")).session_id, "1:9999")
        self.assertEqual(self.done(bob.join("9999")).total, 2)
        self.done(ann.appoint("9999", "bob", "admin"))
        self.done(ann.rename("9999", "The attic"))
        self.assertEqual([event.name for event in got if isinstance(event, Renamed)], ["The attic"])
        members = self.done(ann.members("9999"))
        self.assertEqual(members[1], Member("bob", "bob", True, "admin"))
        self.assertGreater(self.done(ann.mute("9999", "bob", 60)), 0)
        self.assertEqual(self.refused(bob.send(Chatroom("9999"), "hi")), 403)
        sent = self.done(ann.send(Chatroom("9999"), "hello"))
        self.assertEqual(self.done(bob.read("1:9999", sent.id)), 0)
        self.assertEqual([each.content for each in self.done(bob.history("1:9999")).items], ["hello"])
        self.done(ann.recall("1:9999", sent.id))
        self.assertEqual([each.id for each in self.done(bob.sessions(1))], ["1:9999"])
        self.done(ann.remove("9999", "bob"))
        self.done(bob.join("9999"))
        self.done(bob.leave("9999"))
        self.done(ann.dismiss("9999"))
        self.assertEqual(self.refused(ann.members("9999")), 404)

    def test_all_messages_of_a_session_can_be_read(self) -> None:
        ann, _ = self.gim("ann")
        for number in range(150):
            self.done(ann.send("bob", str(number)))

        async def read() -> list[str]:
            return [message.content async for message in ann.all("2:ann:bob")]

        found = self.done(Deferred.fromCoroutine(read()))
        self.assertEqual(found, [str(number) for number in reversed(range(150))])

    def test_a_send_outlives_a_break(self) -> None:
        ann, events = self.gim("ann")
        _, got = self.gim("bob")
        self.cut("ann")
        waiting = ann.send("bob", "later")
        self.assertEqual([entry.content for entry in ann.unsent("bob")], ["later"])
        self.assertEqual(ann.unsent(Chatroom("9999")), [])
        self.assertEqual(self.refused(ann.history("2:ann:bob")), "closed")
        self.advance(1)
        self.done(waiting)
        self.assertEqual(self.texts(got), ["later"])
        self.assertEqual(self.states(events), ["connecting", "online", "waiting", "connecting", "online"])

    def test_a_close_frame_counts_though_tcp_breaks_after_it(self) -> None:
        ann, events = self.gim("ann")
        client = self.endpoints["ann"].clients[-1]
        client.onCloseFrame(3001, WHEN.encode())
        client.wasClean = False
        self.cut("ann")
        waiting = events[-1]
        self.assertEqual((waiting, ann.state), (State("waiting", 7.0, 3001, WHEN), "waiting"))

    def test_waking_up_ends_the_waiting(self) -> None:
        ann, _ = self.gim("ann")
        self.cut("ann")
        ann.wake()
        self.pump()
        self.assertEqual(ann.state, "online")

    def test_a_cancelled_send_is_taken_back(self) -> None:
        ann, _ = self.gim("ann")
        self.cut("ann")
        waiting = ann.send("bob", "later")
        waiting.cancel()
        self.assertEqual(self.refused(waiting), "cancelled")
        self.assertEqual(ann.unsent(), [])

    def test_a_silent_server_is_left(self) -> None:
        _, events = self.gim("ann")
        pumps, self.pumps = self.pumps, []  # nothing arrives any more
        self.clock.pump([1.0] * 36)
        self.assertEqual(self.states(events)[2], "waiting")
        self.pumps += pumps

    def test_a_server_that_can_not_be_reached_is_tried_again(self) -> None:
        ann, events = self.gim("ann", answer=lambda: fail(ConnectionRefusedError()))
        self.assertEqual(self.states(events), ["connecting", "waiting"])
        self.endpoints["ann"].answer = None
        self.advance(1)
        self.assertEqual(ann.state, "online")

    def test_stopping_while_connecting_gives_up(self) -> None:
        connecting: Deferred[Any] = Deferred()
        ann, _ = self.gim("ann", answer=lambda: connecting)
        self.successResultOf(ann.stopService())
        self.assertEqual(ann.state, "closed")
        self.failureResultOf(ann.when_online(), GimError)

    def test_stopping_in_the_handshake_gives_up(self) -> None:
        client, _ = self.gim("ann")
        self.cut("ann")
        client.wake()  # nothing is pumped yet
        stopped = client.stopService()
        self.done(stopped)

    def test_stopping_tells_the_last_events(self) -> None:
        ann, events = self.gim("ann")
        self.cut("ann")
        waiting = ann.send("bob", "later")
        ann.stopService()
        self.assertEqual(self.refused(waiting), "closed")
        self.assertEqual([type(event) for event in events[-2:]], [State, Failed])

    def test_a_refused_login_fails_when_online(self) -> None:
        ann, _ = self.gim("a b")
        self.assertEqual(self.refused(ann.when_online()), 400)

    def test_waiting_for_the_login_can_be_cancelled(self) -> None:
        ann, _ = self.gim("ann", answer=Deferred)
        waiting = ann.when_online()
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)

    def test_the_token_function_may_return_a_text_or_wait_for_one(self) -> None:
        later: Deferred[str | None] = Deferred()

        async def coroutine() -> str:
            return "t"

        for number, answer in enumerate((lambda: "t", lambda: later, coroutine)):
            client, _ = self.gim(f"u{number}", token=answer)
            if not later.called:
                self.assertEqual(client.state, "connecting" if number == 1 else "online")
        later.callback("t")
        self.pump()
        for id in "u0", "u1", "u2":
            self.assertEqual(len(self.endpoints[id].servers), 1)

    def test_a_token_function_that_fails_is_asked_again(self) -> None:
        answers = [fail(ValueError("not now")), succeed("t")]
        ann, events = self.gim("ann", token=lambda: answers.pop(0))
        self.assertEqual([getattr(event, "code", 0) for event in events], [None, "token"])
        self.advance(1)
        self.assertEqual(ann.state, "online")

    def test_a_token_function_is_cancelled_when_the_client_stops(self) -> None:
        question: Deferred[str | None] = Deferred()
        ann, _ = self.gim("ann", token=lambda: question)
        ann.stopService()
        self.assertTrue(question.called)
        self.assertEqual(ann.state, "closed")

    def test_the_next_event_waits_for_a_handler(self) -> None:
        ann, _ = self.gim("ann")
        bob, _ = self.gim("bob")
        turns: list[Deferred[None]] = []
        seen: list[str] = []

        def handle(message: Message) -> Deferred[None]:
            seen.append(message.content)
            turns.append(Deferred())
            return turns[-1]

        stop = bob.on(Message, handle)
        for text in "1", "2", "3":
            self.done(ann.send("bob", text))
        self.assertEqual(seen, ["1"])
        turns[0].callback(None)
        self.pump()
        self.assertEqual(seen, ["1", "2"])
        stop()
        turns[1].callback(None)
        self.pump()
        self.assertEqual(seen, ["1", "2"])

    def test_a_handler_that_raises_is_an_error_event(self) -> None:
        ann, _ = self.gim("ann")
        bob, events = self.gim("bob")
        bob.on(Message, lambda message: 1 / 0)
        bob.on(Error, lambda error: 1 / 0)
        self.done(ann.send("bob", "hello"))
        self.assertEqual([event.code for event in events if isinstance(event, Error)], ["handler"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)  # of the handler of errors

    def test_errors_are_logged_where_nothing_handles_them(self) -> None:
        ann, _ = self.gim("ann")
        store = MemoryStore()
        bob, _ = self.gim("bob", store=store)
        bob._handlers.clear()  # that of this test
        bob.on(Message, lambda message: 1 / 0)
        with capturedLogs() as logs:
            self.done(ann.send("bob", "hello"))
            store.is_full = True
            self.done(bob.send("ann", "hi"))
            self.advance(2, 0.5)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        lines = [formatEvent(each) for each in logs]
        self.assertIn("a handler of Message failed", lines)
        self.assertIn("error store: the state could not be saved: OSError('no space left')", lines)

    def test_a_store_brings_the_state_back(self) -> None:
        store = MemoryStore()
        ann, _ = self.gim("ann")
        bob, _ = self.gim("bob", store=store)
        self.done(ann.send("bob", "1"))
        self.end(bob)
        self.done(ann.send("bob", "2"))
        _, events = self.gim("bob", store=store)
        self.assertEqual(self.texts(events), ["2"])
        self.assertFalse(any(isinstance(event, Reset) for event in events))

    def test_a_store_that_fails_is_an_error_event(self) -> None:
        store = MemoryStore()
        store.is_full = True
        ann, events = self.gim("ann", store=store)
        self.assertEqual(ann.state, "online")
        self.assertEqual([event.code for event in events if isinstance(event, Error)], ["store"])

    def test_the_url_says_where_to_connect(self) -> None:
        for url, shown in (
            ("ws://example.com", "example.com:80"),
            ("ws://example.com:8080/x", "example.com:8080"),
        ):
            endpoint: Any = endpoint_for(url, self.clock)
            self.assertEqual(f"{endpoint._hostText}:{endpoint._port}", shown)
        secure: Any = endpoint_for("wss://example.com", self.clock)
        self.assertEqual(secure._wrappedEndpoint._port, 443)
        with self.assertRaises(ValueError):
            GimClient("http://example.com", id="ann", reactor=self.clock)
