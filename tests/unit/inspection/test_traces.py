"""Traces of users, from a reader of the stream to the connections of a daemon in memory."""

from __future__ import annotations

import json
import os
from typing import Any

from twisted.internet.defer import Deferred

from gim.inspection import traces, user_watch, watches
from gim.inspection.connection_tap import ConnectionTap
from tests.support.event_reader import Event, EventReader
from tests.support.pipe import Client, GatewayTestCase, ProtoClient

KEY = "a-key-for-these-tests"


class TraceCase(GatewayTestCase):
    def setUp(self) -> None:
        self.patch(os, "environ", os.environ | {"GIM_ADMIN_KEY": KEY})
        super().setUp()

    def trace(self, user_id: str = "ann", query: str = "") -> EventReader:
        return EventReader(self.api, self.clock, f"/v1/admin/users/{user_id}/trace{query}", KEY)

    def seen(self, reader: EventReader) -> list[Event]:
        """Return what the reader has got once the next report is due."""
        self.advance(user_watch.INTERVAL)
        return reader.events()

    def packets(self, reader: EventReader) -> list[Any]:
        return [data for name, data in self.seen(reader) if name == "packet"]

    def proto_user(self, user_id: str) -> Client:
        client = self.connect(protocols=["gim.proto"], kind=ProtoClient)
        self.data(client, 101, id=user_id)
        return client

    def assert_untouched(self) -> None:
        """Check that no connection is changed, and that the login path has nothing to do."""
        self.assertIsNone(self.gateway.login_watch)
        for connection in self.gateway.connections:
            self.assertNotIn("onMessage", vars(connection))
            self.assertIsNone(connection.watcher)
            self.assertEqual(connection.outbound._write, connection.transport.write)


class StreamTests(TraceCase):
    def test_it_begins_with_the_connections_that_are_there(self) -> None:
        self.user("bob")
        self.user("ann")
        until = self.wall.now_ms() + 600_000
        reader = self.trace()
        (first, begin), (second, connection) = self.seen(reader)
        self.assertEqual((reader.status, first, second), (200, "begin", "connection"))
        self.assertEqual(begin["user_id"], "ann")
        self.assertEqual(begin["connections"], [connection["key"]])
        self.assertEqual(begin["until"], until)
        self.assertEqual(
            {name: connection[name] for name in ("change", "peer", "code", "reason")},
            {"change": "open", "peer": "unix", "code": None, "reason": ""},
        )

    def test_packets_are_shown_both_ways_with_their_replies(self) -> None:
        ann, bob = self.user("ann"), self.user("bob")
        reader = self.trace()
        self.seen(reader)
        self.data(ann, 201, seq=7, type=2, target_id="bob", content="hello")
        self.data(bob, 201, type=2, target_id="ann", content="hi")
        sent, reply, push = self.packets(reader)
        self.assertEqual(
            [(each["direction"], each["op"], each["name"], each["seq"]) for each in (sent, reply, push)],
            [("in", 201, "send", 7), ("out", 202, "send", 7), ("out", 207, "push", 0)],
        )
        self.assertEqual(sent["body"]["target_id"], "bob")
        self.assertEqual(
            (sent["body"]["content"], push["body"]["items"][0]["content"]),
            ("…(5 characters)", "…(2 characters)"),
        )
        self.assertEqual((reply["code"], reply["body"]["session_id"]), (0, "2:ann:bob"))
        self.assertNotIn("code", sent)
        self.assertEqual({sent["key"], reply["key"], push["key"]}, {sent["key"]})
        self.assertEqual(push["body"]["session"]["title"], "…(3 characters)")
        self.assertGreater(push["bytes"], 100)

    def test_protobuf_is_shown_in_the_same_way(self) -> None:
        ann, bob = self.proto_user("ann"), self.user("bob")
        reader = self.trace(query="?content=true")
        self.seen(reader)
        self.data(ann, 201, type=2, target_id="bob", content="hello")
        self.data(bob, 201, type=2, target_id="ann", content="hi")
        sent, reply, push = self.packets(reader)
        self.assertEqual((sent["body"]["content"], sent["name"]), ("hello", "send"))
        self.assertEqual((reply["code"], reply["body"]["session_id"]), (0, "2:ann:bob"))
        self.assertEqual(push["body"]["items"][0]["content"], "hi")
        self.assertEqual(push["body"]["session"]["title"], "bob")
        self.data(ann, 203, session_id="2:ann:bob")
        _, history = self.packets(reader)
        self.assertEqual([item["content"] for item in history["body"]["items"]], ["hello", "hi"])

    def test_several_frames_of_one_write_are_several_packets(self) -> None:
        ann = self.user("ann")
        reader = self.trace()
        self.seen(reader)
        for seq in range(1, 4):
            ann.say(105, {}, seq)
        self.pump()
        self.assertEqual(
            [(each["direction"], each["seq"]) for each in self.packets(reader)],
            [("in", 1), ("in", 2), ("in", 3), ("out", 1), ("out", 2), ("out", 3)],
        )

    def test_a_login_that_comes_later_is_seen_from_its_first_packet_on(self) -> None:
        reader = self.trace()
        self.assertEqual(self.seen(reader)[0][1]["connections"], [])
        client = self.connect()
        self.data(client, 101, id="ann", name="Ann", token="secret", seq=3)
        opened, login, reply = [data for _, data in self.seen(reader)]
        self.assertEqual(opened["change"], "opened")
        self.assertEqual((login["name"], login["seq"]), ("login", 3))
        self.assertEqual(
            login["body"],
            {
                "id": "ann",
                "name": "…(3 characters)",
                "token": "…(6 characters)",
            },
        )
        self.assertEqual(reply["body"]["user"], {"id": "ann", "name": "…(3 characters)"})
        self.assertRegex(reply["body"]["token"], r"^…\(\d+ characters\)$")
        client.sendClose(4001, "bye")
        self.pump()
        ((name, closed),) = self.seen(reader)
        self.assertEqual(
            (name, closed["change"], closed["code"], closed["reason"]),
            ("connection", "closed", 4001, "bye"),
        )

    def test_a_login_that_was_under_way_at_the_beginning_is_seen_a_moment_later(self) -> None:
        pushes, gate = self.daemon._chat._pushes, Deferred[None]()
        enter = pushes.enter

        async def slow_enter(*args: Any) -> Any:
            await gate
            return await enter(*args)

        self.patch(pushes, "enter", slow_enter)
        client = self.connect()
        client.say(101, {"id": "ann"}, 1)
        self.pump()
        reader = self.trace()
        self.assertEqual([name for name, _ in self.seen(reader)], ["begin"])
        gate.callback(None)
        self.advance(traces.KEEP_INTERVAL)
        ((name, connection),) = self.seen(reader)
        self.assertEqual((name, connection["change"]), ("connection", "open"))
        self.data(client, 105)
        self.assertEqual([each["direction"] for each in self.packets(reader)], ["in", "out"])

    def test_tokens_are_hidden_with_contents_too(self) -> None:
        reader = self.trace(query="?content=true")
        self.seen(reader)
        self.user("ann", name="Ann", token="secret")
        text = json.dumps(self.seen(reader))
        self.assertIn('"Ann"', text)
        self.assertNotIn("secret", text)

    def test_what_can_not_be_read_is_an_error_and_a_number_of_bytes(self) -> None:
        ann, proto = self.user("ann"), self.proto_user("ann")
        reader = self.trace()
        self.seen(reader)
        for client, payload, is_binary in (
            (ann, b'{"op":201,"body":"{secret', False),
            (ann, b'{"op":201,"seq":4,"body":{"content":5,"secret":"secret"}}', False),
            (ann, b'{"op":9999,"body":{"token":"secret"}}', False),
            (ann, b"\xff\xfesecret", True),
            (proto, b"\xff\xff\xffsecret", True),
            (proto, b"secret", False),
        ):
            self.send_raw(client, payload, is_binary)
            received, reply = self.packets(reader)
            self.assertEqual(received["bytes"], len(payload))
            self.assertEqual(list(received["body"]), ["error"])
            self.assertEqual((reply["code"], list(reply["body"])), (400, ["msg"]))
            self.assertNotIn("secret", json.dumps([received, reply]))

    def test_a_connection_that_logs_in_as_another_user_is_not_shown_any_more(self) -> None:
        client = self.user("ann")
        reader = self.trace()
        self.seen(reader)
        self.refusal(client, 101, id="bob")
        self.assertEqual(len(self.packets(reader)), 2)
        self.data(client, 103)
        self.assertEqual([each["name"] for each in self.packets(reader)], ["logout", "logout"])
        self.data(client, 101, id="bob")
        self.assertEqual([each["name"] for each in self.packets(reader)], ["login"])
        self.data(client, 105)
        self.assertEqual(self.packets(reader), [])


class EndTests(TraceCase):
    def test_when_its_time_is_over_it_says_so_and_ends(self) -> None:
        self.user("ann")
        reader = self.trace(query="?seconds=2")
        self.advance(2.1)
        self.assertEqual(reader.events()[-1], ("end", {"reason": "time"}))
        reader.text()
        self.assertFalse(reader.is_open)
        self.assert_untouched()

    def test_when_its_reader_is_gone_nothing_is_changed_any_more(self) -> None:
        self.user("ann")
        self.assert_untouched()
        one, other = self.trace(), self.trace()
        self.seen(one)
        one.hang_up()
        (connection,) = self.gateway.connections
        self.assertIsInstance(connection.watcher, ConnectionTap)
        other.hang_up()
        self.assert_untouched()

    def test_a_connection_that_ends_is_freed(self) -> None:
        self.user("ann")
        self.trace()
        self.pump()
        (connection,) = self.gateway.connections
        connection.transport.loseConnection()
        self.pump()
        self.assertIsNone(connection.watcher)
        self.assertNotIn("onMessage", vars(connection))

    def test_there_are_ten_at_most(self) -> None:
        readers = [self.trace(f"user-{number}") for number in range(traces.MAX_TRACES)]
        self.assertEqual(self.trace().status, 429)
        readers[0].hang_up()
        self.assertEqual(self.trace().status, 200)

    def test_a_node_that_hears_nothing_more_of_a_trace_ends_it(self) -> None:
        self.patch(traces, "KEEP_INTERVAL", 1000.0)
        self.user("ann")
        self.trace()
        self.advance(watches.LEASE - 0.1)
        self.assertIsNotNone(self.gateway.login_watch)
        self.advance(0.2)
        self.assert_untouched()

    def test_ids_and_queries_are_checked(self) -> None:
        for user_id, query in (
            ("a:b", ""),
            ("ann", "?seconds=0"),
            ("ann", "?seconds=601"),
            ("ann", "?content=perhaps"),
        ):
            self.assertEqual(self.trace(user_id, query).status, 400)
        self.assert_untouched()


class BoundTests(TraceCase):
    def test_a_flood_costs_no_more_than_the_queue(self) -> None:
        ann = self.user("ann")
        reader = self.trace()
        self.seen(reader)
        for _ in range(2 * user_watch.QUEUE):
            ann.say(105, {}, 1)
        self.pump()
        events = self.seen(reader)
        packets = [data for name, data in events if name == "packet"]
        (dropped,) = [data for name, data in events if name == "dropped"]
        self.assertEqual(len(packets), user_watch.QUEUE)
        self.assertEqual(len(packets) + dropped["count"], 4 * user_watch.QUEUE)
        self.advance(1.0)
        for _ in range(user_watch.QUEUE):
            ann.say(105, {}, 1)
        self.pump()
        taken = len(self.packets(reader))  # what a second and the one report before it allow
        self.assertTrue(user_watch.RATE <= taken <= 1.2 * user_watch.RATE, taken)

    def test_the_end_of_a_connection_is_seen_in_a_flood_too(self) -> None:
        ann = self.user("ann")
        reader = self.trace()
        self.seen(reader)
        for _ in range(user_watch.QUEUE):
            ann.say(105, {}, 1)
        ann.sendClose(4001, "enough")
        self.pump()
        events = self.seen(reader)
        (closed,) = [data for name, data in events if name == "connection"]
        self.assertEqual((closed["change"], closed["reason"]), ("closed", "enough"))
        self.assertIn("dropped", [name for name, _ in events])

    def test_one_process_traces_only_so_many_connections_of_a_user(self) -> None:
        self.patch(watches, "MAX_CONNECTIONS", 2)
        for _ in range(2):
            self.user("ann")
        reader = self.trace()
        self.user("ann")
        changes = [data["change"] for name, data in self.seen(reader) if name == "connection"]
        self.assertEqual(changes, ["open", "open"])

    def test_a_fault_of_a_trace_does_not_end_the_connection(self) -> None:
        ann = self.user("ann")
        self.trace()
        self.pump()
        self.patch(user_watch, "shown", None)
        self.data(ann, 105)
        self.data(ann, 105)
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)
        (connection,) = self.gateway.connections
        self.assertIsNone(connection.watcher)

    def test_a_reader_that_does_not_read_misses_packets_and_learns_how_many(self) -> None:
        ann = self.user("ann")
        reader = self.trace()
        self.seen(reader)
        reader.pause()
        self.advance(2.0)
        for _ in range(900):
            ann.say(105, {}, 1)
        self.advance(0.2)
        before = reader.events()
        self.advance(2.0)
        for _ in range(100):
            ann.say(105, {}, 1)
        self.advance(0.2)
        reader.resume()
        self.data(ann, 105)
        events = before + self.seen(reader)
        packets = [data for name, data in events if name == "packet"]
        dropped = sum(data["count"] for name, data in events if name == "dropped")
        self.assertGreater(dropped, 0)
        self.assertEqual(len(packets) + dropped, 2 * 1001)

    def test_long_texts_and_lists_are_cut(self) -> None:
        ann = self.user("ann")
        for _ in range(30):
            self.data(ann, 201, type=2, target_id="bob", content="x" * 4000)
        reader = self.trace(query="?content=true")
        self.seen(reader)
        self.data(ann, 203, session_id="2:ann:bob", count=30)
        _, history = self.packets(reader)
        items = history["body"]["items"]
        self.assertEqual(len(items), 21)
        self.assertEqual(items[-1], "…(10 more)")
        self.assertEqual(items[0]["content"], "x" * 1000 + "…(4000 characters)")
