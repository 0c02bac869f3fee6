"""Events on their way to connections: who gets them, and when."""

from __future__ import annotations

from gim.auth.authenticator import Identity
from gim.ids import CHATROOM, SYSTEM, chatroom_session, private_session
from gim.model import ConnectionState, Counts, Event, MessageStatus, NodeCounts, Sent, User
from gim.push.catchup import PER_PUSH, CatchUp
from gim.push.chatroom import MAX_WAITING_EVENTS
from gim.push.dispatcher import PushDispatcher
from gim.push.settings import PushSettings
from gim.push.writer import PER_TURN
from gim.storage.announcements import ConnectionAction, ConnectionCommand, NodeMessage
from tests.support.world import START, ChatTestCase, Recorder, result_of


class EventTests(ChatTestCase):
    def broadcast(self, content: str) -> None:
        result_of(self.store.nodes.broadcast(Event("broadcast", SYSTEM, content=content)))

    def say_one(self, sender: str, chatroom: str, content: str) -> Sent:
        return result_of(self.chat.send(User(sender, sender), CHATROOM, chatroom, content))

    def order(self, user_id: str, action: str, key: str = "") -> list[ConnectionState]:
        return result_of(self.store.nodes.command_connections(ConnectionCommand(user_id, action, key)))  # type: ignore[arg-type]

    def test_a_broadcast_reaches_all_who_are_connected_in_slices(self) -> None:
        everybody = [self.connect(f"u{n}") for n in range(2 * PER_TURN + 10)]
        self.broadcast("hi")
        told = [sum(len(one.events) for one in everybody)]
        while told[-1] < len(everybody):
            self.clock.advance(0)
            told.append(sum(len(one.events) for one in everybody))
        self.assertEqual(told, [PER_TURN, 2 * PER_TURN + 10])
        self.assertEqual({event.content for one in everybody for event in one.events}, {"hi"})

    def test_messages_of_other_nodes_go_to_their_receiver(self) -> None:
        received = list[tuple[str, bytes]]()
        pushes = PushDispatcher(
            self.store,
            self.clock,
            self.wall,
            PushSettings(self.policy, self.concurrency),
            receive=lambda sender, body: received.append((sender, body)),
        )
        pushes.on_announcement(NodeMessage("another", b"hi"))
        self.assertEqual(received, [("another", b"hi")])

    def test_who_logs_out_while_a_broadcast_is_written_does_not_get_it(self) -> None:
        everybody = [self.connect(f"u{n}") for n in range(PER_TURN + 2)]
        self.broadcast("hi")
        self.disconnect(everybody[-1])
        self.clock.advance(0)
        self.assertEqual([len(one.events) for one in everybody[-2:]], [1, 0])

    def test_nobody_hears_anything_before_the_reply_to_the_login(self) -> None:
        self.join("den", "ann", "bob")
        bob = Recorder(self.clock)
        login, _answer = result_of(self.chat.login(bob, Identity("bob", None), None))
        self.broadcast("hi")
        result_of(self.store.moderation.rename("den", "ann", "New"))
        self.assertEqual(bob.events, [])
        self.chat.catch_up(login)
        self.broadcast("again")
        self.assertEqual([event.content for event in bob.events], ["again"])

    def test_a_slow_reader_hears_of_events_too(self) -> None:
        self.join("den", "ann")
        ann = self.connect("ann")
        ann.congested = True
        result_of(self.store.moderation.rename("den", "ann", "New"))
        self.assertEqual([event.name for event in ann.events], ["New"])

    def test_a_recall_reaches_what_still_waits_to_be_caught_up_on(self) -> None:
        sent = [self.tell("ann", "bob", str(n)) for n in range(PER_PUSH + 1)]
        bob = self.connect("bob", takes_all=False)
        late = self.tell("ann", "bob", "late")
        for recalled in (sent[-1], late):
            result_of(self.store.moderation.recall(private_session("ann", "bob"), "ann", recalled.id))
        for _ in range(3):
            bob.take()
        stubs = [m.id for push in bob.pushes for m in push.items if m.status == MessageStatus.RECALLED]
        self.assertEqual(stubs, [sent[-1].id, late.id])
        self.assertEqual(len(bob.events), 2)

    def test_a_recall_while_the_login_is_under_way_reaches_what_was_looked_up_before(self) -> None:
        sent = self.tell("ann", "bob", "secret")
        catch_up, missed = CatchUp(), result_of(self.store.messages.missed("bob", None, 10))
        catch_up.recall(sent.id)
        catch_up.begin(missed.messages, missed.titles)
        self.assertEqual([message.content for message in catch_up.next()[0].items], [""])

    def test_nobody_hears_of_a_recall_before_the_message(self) -> None:
        names = [f"u{n}" for n in range(3 * PER_TURN)]
        self.join("den", *names)
        everybody = [self.connect(name) for name in names]
        said = self.say_one("u0", "den", "secret")
        result_of(self.store.moderation.recall(chatroom_session("den"), "u0", said.id))
        told = [(len(one.pushes), len(one.events)) for one in everybody]
        self.assertEqual(set(told), {(1, 0), (0, 0)})
        self.clock.advance(0)
        told = [(len(one.pushes), len(one.events)) for one in everybody]
        self.assertEqual(set(told), {(1, 1)})

    def test_an_owner_who_makes_many_events_holds_nobody_up(self) -> None:
        names = [f"u{n}" for n in range(2 * PER_TURN)]
        self.join("den", *names)
        everybody = [self.connect(name) for name in names]
        for number in range(10 * MAX_WAITING_EVENTS):
            result_of(self.store.moderation.rename("den", "u0", str(number)))
        while self.clock.getDelayedCalls():
            self.clock.advance(0)
        told = {tuple(event.name for event in one.events) for one in everybody}
        self.assertEqual(told, {tuple(map(str, range(MAX_WAITING_EVENTS + 1)))})

    def test_a_push_after_a_new_name_bears_it(self) -> None:
        self.join("den", "ann")
        ann = self.connect("ann")
        self.say("ann", "den", "1", "2")
        result_of(self.store.moderation.rename("den", "ann", "New"))
        self.advance_to(1)
        self.assertEqual([push.session.title for push in ann.pushes], ["chatroom:den", "New"])

    def test_orders_list_and_close_connections(self) -> None:
        phone, desktop, other = self.connect("ann"), self.connect("ann"), self.connect("bob")
        at_ms = int(START * 1000)
        states = [
            ConnectionState(one.key, self.store.node, "127.0.0.1:5", at_ms) for one in (phone, desktop)
        ]
        self.assertEqual(self.order("ann", ConnectionAction.LIST), states)
        self.assertEqual(self.order("ann", ConnectionAction.CLOSE, "none"), [])
        self.assertEqual(self.order("ann", ConnectionAction.CLOSE, phone.key), states[:1])
        expelled = [one.is_expelled for one in (phone, desktop, other)]
        self.assertEqual(expelled, [True, False, False])
        self.assertEqual(self.order("ann", ConnectionAction.CLOSE), states)
        self.assertTrue(desktop.is_expelled)
        self.assertEqual(self.order("cat", ConnectionAction.LIST), [])

    def test_counts_are_those_of_what_is_here(self) -> None:
        self.join("den", "ann", "bob", "cat")
        self.join("hut", "cat")
        connections = [self.connect(name) for name in ("ann", "ann", "bob")]
        self.say("ann", "den", "hi")
        expected = NodeCounts(connections=3, users=2, chatrooms=1, messages=1, node=self.store.node)
        self.assertEqual(result_of(self.store.nodes.statistics()), [expected])
        for connection in connections:
            self.disconnect(connection)
        self.assertEqual(self.pushes.counts(), Counts())
