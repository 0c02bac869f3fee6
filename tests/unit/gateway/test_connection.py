"""What holds for every connection: codec, errors, order of replies, closing."""

import json
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.protocol import Protocol
from twisted.logger import capturedLogs, formatEvent

from gim.errors import Unavailable
from gim.gateway import closing
from gim.gateway.protocol import MAX_HANDSHAKE, GatewayProtocol
from gim.gateway.request_queue import MAX_WAITING
from tests.support.pipe import GatewayTestCase


class PacketTests(GatewayTestCase):
    options = ("--max-packet", "2000", "--max-content", "100")

    def refused(self, payload: bytes, binary: bool = False) -> tuple[int, int, int]:
        client = self.connect()
        (reply,) = self.send_raw(client, payload, binary)
        self.assertIsNone(client.closed)
        return reply["op"], reply["seq"], reply["body"]["code"]

    def test_what_is_no_packet_is_answered_with_op_0(self) -> None:
        for payload in b"", b"x", b"[]", b"1", b'{"seq":7}', b'{"op":"101"}', b'{"op":0}', b'{"op":true}':
            seq = 7 if b"seq" in payload else 0
            self.assertEqual(self.refused(payload), (0, seq, 400), payload)

    def test_an_unknown_op_is_answered_with_the_next_if_it_is_odd(self) -> None:
        self.assertEqual(self.refused(b'{"op":999,"seq":3}'), (1000, 3, 400))
        self.assertEqual(self.refused(b'{"op":202,"seq":3}'), (0, 3, 400))
        self.assertEqual(self.refused(b'{"op":207}'), (208, 0, 400))
        self.assertEqual(self.refused(b'{"op":2147483647}'), (2147483648, 0, 400))

    def test_a_binary_message_is_refused_with_its_seq(self) -> None:
        self.assertEqual(self.refused(b'{"op":105,"seq":9}', binary=True), (0, 9, 400))

    def test_a_bad_body_is_answered_with_the_next_op(self) -> None:
        for body in "[]", "1", '"x"', '"[]"', "true", '{"id":1}', '"{\\"id\\":1}"', "{}":
            self.assertEqual(
                self.refused(f'{{"op":101,"seq":2,"body":{body}}}'.encode()), (102, 2, 400), body
            )

    def test_a_packet_that_is_too_long_closes_with_1009(self) -> None:
        client = self.connect()
        client.sendMessage(b" " * 2001)
        self.pump()
        assert client.closed is not None
        self.assertEqual(client.closed[0], 1009)

    def test_a_packet_of_the_greatest_length_is_served(self) -> None:
        client = self.connect()
        (reply,) = self.send_raw(client, b'{"op":105}'.ljust(2000))
        self.assertEqual(reply["op"], 106)

    def test_what_goes_out_may_be_longer(self) -> None:
        ann = self.user("ann")
        for _ in range(50):
            self.data(ann, 201, type=2, target_id="bob", content="x" * 100)
        self.assertEqual(len(self.data(ann, 203, session_id="2:ann:bob", count=50)["items"]), 50)

    def test_text_that_is_not_utf_8_closes_with_1007(self) -> None:
        client = self.connect()
        client.sendMessage(b'{"op":105,"x":"\xff"}')
        self.pump()
        assert client.closed is not None
        self.assertEqual(client.closed[0], 1007)


class HandshakeTests(GatewayTestCase):
    def test_the_subprotocol_names_the_codec(self) -> None:
        self.assertEqual(self.connect(["gim.json"]).protocol_in_use, "gim.json")
        self.assertEqual(self.connect(["other", "gim.json"]).protocol_in_use, "gim.json")
        self.assertIsNone(self.connect(["other"]).protocol_in_use)
        self.assertIsNone(self.connect().protocol_in_use)

    def test_an_extension_that_is_offered_is_declined(self) -> None:
        client = self.connect(
            headers={"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"}
        )
        self.assertEqual(self.refusal(client, 105)[0], 401)

    def test_options_are_not_copied_to_each_connection(self) -> None:
        self.connect()
        (server,) = self.gateway.connections
        self.assertEqual(server.maxMessagePayloadSize, 65536)
        self.assertNotIn("maxMessagePayloadSize", vars(server))

    def test_a_handshake_without_end_is_dropped(self) -> None:
        client: Any = Protocol()
        server = self.attach(client)
        client.transport.write(b"GET / HTTP/1.1\r\nX: " + b"x" * MAX_HANDSHAKE)
        self.pump()
        self.assertNotIn(server, self.gateway.connections)

    def test_a_handshake_that_takes_too_long_is_dropped(self) -> None:
        client: Any = Protocol()
        server = self.attach(client)
        for _ in range(19):
            client.transport.write(b"G")
            self.advance(0.25)
        self.assertIn(server, self.gateway.connections)
        self.advance(0.75)
        self.assertNotIn(server, self.gateway.connections)


class FaultTests(GatewayTestCase):
    def break_storage(self, error: Exception) -> None:
        def broken(*args: Any) -> None:
            raise error

        self.patch(self.daemon._chat._messages, "history", broken)

    def test_a_fault_is_a_500_with_the_trace_id_and_logged_under_it(self) -> None:
        client = self.connect(headers={"trace": "abc-123"})
        self.data(client, 101, id="ann")
        self.break_storage(ZeroDivisionError("secret"))
        code, text = self.refusal(client, 203, session_id="2:ann:bob")
        self.assertEqual(code, 500)
        self.assertIn("abc-123", text)
        self.assertNotIn("secret", text)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.data(client, 105)  # the connection stays

    def test_storage_out_of_reach_is_a_503(self) -> None:
        client = self.user("ann")
        self.break_storage(Unavailable("the storage can't be reached: try again"))
        self.assertEqual(self.refusal(client, 203, session_id="2:ann:bob")[0], 503)


class OrderTests(GatewayTestCase):
    """With a storage that takes its time."""

    def setUp(self) -> None:
        super().setUp()
        self.waiting: list[Deferred[None]] = []
        messages = self.daemon._chat._messages
        self.history = messages.history
        self.patch(messages, "history", self.slow_history)
        self.ann = self.user("ann")
        self.ann.packets.clear()

    async def slow_history(self, *args: Any) -> Any:
        waiting: Deferred[None] = Deferred()
        self.waiting.append(waiting)
        await waiting
        return await self.history(*args)

    def ask_many(self, count: int) -> None:
        for seq in range(count):
            op, body = (203, {"session_id": "2:ann:bob"}) if seq % 2 == 0 else (105, {})
            self.ann.sendMessage(json.dumps({"op": op, "seq": seq, "body": body}).encode())
        self.pump()

    def answer_all(self) -> None:
        while self.waiting:
            self.waiting.pop(0).callback(None)
            self.pump()

    def test_replies_come_in_the_order_of_the_requests(self) -> None:
        self.ask_many(6)
        self.assertEqual(self.ann.packets, [])
        self.answer_all()
        self.assertEqual([packet["seq"] for packet in self.ann.packets], list(range(6)))

    def test_a_failure_while_waiting_is_answered(self) -> None:
        self.ask_many(2)
        self.waiting.pop().errback(Unavailable("try again"))
        self.pump()
        self.assertEqual([packet["body"]["code"] for packet in self.ann.packets], [503, 0])

    def test_too_many_waiting_requests_stop_the_reading_until_half_are_served(self) -> None:
        (server,) = self.gateway.connections
        calls: list[str] = []
        server.transport.pauseProducing = lambda: calls.append("pause")
        server.transport.resumeProducing = lambda: calls.append("resume")
        self.ask_many(MAX_WAITING + 10)
        self.assertEqual(calls, ["pause"])
        self.answer_all()
        self.assertEqual(calls, ["pause", "resume"])
        self.assertEqual([packet["seq"] for packet in self.ann.packets], list(range(MAX_WAITING + 10)))

    def test_what_waits_when_the_connection_goes_is_dropped(self) -> None:
        self.ask_many(6)
        self.ann.dropConnection(abort=True)
        self.pump()
        self.answer_all()
        self.assertEqual(self.waiting, [])
        self.assertEqual(self.gateway.connections, set())

    def test_a_login_whose_client_has_gone_meanwhile_is_undone(self) -> None:
        users = self.daemon._chat._pushes._users
        enter = users.enter
        gate: Deferred[None] = Deferred()

        async def slow_enter(*args: Any) -> Any:
            await gate
            return await enter(*args)

        self.patch(users, "enter", slow_enter)
        bob = self.connect()
        bob.sendMessage(b'{"op":101,"body":{"id":"bob"}}')
        self.pump()
        bob.dropConnection(abort=True)
        self.pump()
        gate.callback(None)
        self.assertIsNone(self.daemon._chat._pushes._presence.get("bob"))

    def test_a_login_that_fails_leaves_nobody_online(self) -> None:
        def broken(*args: Any) -> Deferred[None]:
            raise Unavailable("try again")

        self.patch(self.daemon._chat._pushes._users, "enter", broken)
        bob = self.connect()
        self.assertEqual(self.refusal(bob, 101, id="bob")[0], 503)
        self.assertIsNone(self.daemon._chat._pushes._presence.get("bob"))


class AfterReplyTests(GatewayTestCase):
    def test_all_calls_are_made_once_in_order_when_the_reply_is_written(self) -> None:
        log: list[str] = []
        self.user("ann")
        (server,) = self.gateway.connections
        write = server._reply
        server._requests._write = lambda payload: (log.append("reply"), write(payload))  # type: ignore[union-attr]
        for name in "ab":
            server.after_reply(lambda name=name: log.append(name))  # type: ignore[misc]
        server.onMessage(b'{"op":105}', False)
        server.onMessage(b'{"op":105}', False)
        self.assertEqual(log, ["reply", "a", "b", "reply"])


class ClosingTests(GatewayTestCase):
    def test_stopping_flushes_chatrooms_and_closes_with_3001(self) -> None:
        ann = self.user("ann")
        idle = self.connect()
        self.data(ann, 301, id="den")
        for content in "abc":
            self.data(ann, 201, type=1, target_id="den", content=content)
        self.assertEqual(self.contents(ann), [["a"]])
        stopped = self.daemon.stopService()
        self.pump()
        self.assertEqual(self.contents(ann), [["a"], ["b", "c"]])
        self.assertEqual([client.closed and client.closed[0] for client in (ann, idle)], [3001, 3001])
        self.successResultOf(stopped)
        self.daemon.stopService = lambda: succeed(None)

    def test_a_client_that_does_not_answer_is_dropped_in_time(self) -> None:
        self.user("ann")
        stopped = self.daemon.stopService()
        self.assertNoResult(stopped)
        self.pumps.clear()  # nothing the client says arrives any more
        self.clock.pump([0.5] * 8)
        self.successResultOf(stopped)
        self.daemon.stopService = lambda: succeed(None)

    def test_the_log_says_how_a_connection_ended(self) -> None:
        for close, said in (
            (lambda client: client.sendClose(), "ended, without a close code"),
            (lambda client: client.sendClose(4000, "bye"), "ended, 4000 'bye'"),
            (lambda client: client.sendClose(1000), "ended, 1000 ''"),
        ):
            client = self.connect()
            with capturedLogs() as lines:
                close(client)
                self.pump()
            texts = [formatEvent(line) for line in lines]
            self.assertTrue(any(said in text for text in texts), texts)

    def test_the_log_has_the_reason_as_text(self) -> None:
        ends: list[tuple[int | None, str]] = []
        self.patch(GatewayProtocol, "_log_end", lambda _self, *end: ends.append(end))
        ann, bob = self.user("ann"), self.user("bob")
        ann.sendClose(4000, "enough")
        self.pump()
        self.gateway.close_all(closing.DATA_SET_CHANGED)
        self.pump()
        self.assertEqual(bob.closed, closing.DATA_SET_CHANGED)
        self.assertEqual(ends, [(4000, "enough"), closing.DATA_SET_CHANGED])
