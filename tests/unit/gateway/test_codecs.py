"""Clients of both codecs at one gateway."""

from __future__ import annotations

import json
from typing import Any

from tests.support.pipe import Client, GatewayTestCase, ProtoClient
from tests.support.wire import proto_values

PROTO, JSON = "gim.proto", "gim.json"


class CodecsTestCase(GatewayTestCase):
    def proto(self, user_id: str = "", **body: Any) -> Client:
        """Return a Protobuf client, logged in if an id is given."""
        client = self.connect([PROTO], kind=ProtoClient)
        if user_id:
            self.data(client, 101, id=user_id, **body)
        return client


class ChoiceTests(CodecsTestCase):
    def test_of_both_codecs_the_first_that_is_offered_is_taken(self) -> None:
        for offered in ([PROTO], [PROTO, JSON], ["other", PROTO, JSON]):
            client = self.connect(offered, kind=ProtoClient)
            self.assertEqual(client.protocol_in_use, PROTO)
            self.assertEqual(self.refusal(client, 105)[0], 401)
        client = self.connect([JSON, PROTO])
        self.assertEqual(client.protocol_in_use, JSON)
        self.assertEqual(self.refusal(client, 105)[0], 401)

    def test_who_offers_none_gets_json(self) -> None:
        self.assertEqual(self.refusal(self.connect(), 105)[0], 401)


class DefaultTests(CodecsTestCase):
    options = ("--message-protocol", "proto")

    def test_who_offers_none_or_another_gets_the_default(self) -> None:
        for offered in (None, ["other"]):
            client = self.connect(offered, kind=ProtoClient)
            self.assertIsNone(client.protocol_in_use)
            self.assertEqual(self.refusal(client, 105)[0], 401)

    def test_json_is_there_for_who_offers_it(self) -> None:
        self.assertEqual(self.refusal(self.connect([JSON]), 105)[0], 401)


class ProtoPacketTests(CodecsTestCase):
    options = ("--max-packet", "2000", "--max-content", "100")

    def refused(self, payload: bytes, binary: bool = True) -> tuple[int, int, int]:
        client = self.proto()
        (reply,) = self.send_raw(client, payload, binary)
        self.assertIsNone(client.closed)
        return reply["op"], reply["seq"], reply["body"]["code"]

    def test_what_is_no_packet_is_answered_with_op_0(self) -> None:
        for payload in b"", b"hello", b'{"op":105}', b"\x08":
            self.assertEqual(self.refused(payload), (0, 0, 400), payload)

    def test_a_bad_body_is_answered_with_the_next_op(self) -> None:
        self.assertEqual(self.refused(proto_values.packet(101, b"\x0a\x01\xff", 3)), (102, 3, 400))
        self.assertEqual(self.refused(proto_values.packet(999, b"", 3)), (1000, 3, 400))
        self.assertEqual(self.refused(proto_values.packet(2**31 - 1, b"", 3)), (2**31, 3, 400))

    def test_a_text_message_is_refused_with_its_seq(self) -> None:
        self.assertEqual(self.refused(proto_values.packet(105, b"", 9), binary=False), (0, 9, 400))

    def test_a_packet_that_is_too_long_closes_with_1009(self) -> None:
        client = self.proto()
        client.sendMessage(proto_values.packet(105, b"x" * 2000), True)
        self.pump()
        assert client.closed is not None
        self.assertEqual(client.closed[0], 1009)

    def test_what_the_chat_refuses_is_refused_as_in_json(self) -> None:
        for connect in (self.proto, self.user):
            client = connect("ann")
            found = [
                self.refusal(client, 201, type=2, target_id="ann", content="x"),
                self.refusal(client, 201, type=1, target_id="nowhere", content="x"),
                self.refusal(client, 201, type=2, target_id="bob", content="x" * 101),
                self.refusal(client, 101, id="bob"),
                self.refusal(client, 101, id="ann", since="0" * 32),
                self.refusal(client, 203, session_id="2:bob:eve"),
            ]
            self.assertEqual([code for code, _ in found], [400, 404, 413, 409, 400, 403])
            self.data(client, 103)


class MixedTests(CodecsTestCase):
    """Whoever speaks whatever, all see the same."""

    def test_every_operation_answers_the_same_in_both(self) -> None:
        clients = self.user("ann"), self.proto("ann")
        for client in (*clients, self.user("bob")):
            self.data(client, 301, id="den")
        sent = self.data(clients[0], 201, type=2, target_id="bob", content="hi ☺", request_id="r")
        asked: list[tuple[int, dict[str, Any]]] = [
            (105, {}),
            (201, {"type": 2, "target_id": "bob", "content": "hi ☺", "request_id": "r"}),
            (203, {"session_id": "2:ann:bob", "count": 5}),
            (203, {"session_id": "2:ann:bob", "message_id": sent["id"]}),
            (205, {}),
            (205, {"count": 1, "session_type": 1}),
            (209, {"session_id": "2:ann:bob", "message_id": sent["id"]}),
            (305, {"id": "den", "count": 1}),
            (301, {"id": "den"}),
            (303, {"id": "den"}),
            (303, {"id": "den"}),
            (103, {}),
        ]
        for op, body in asked:
            answers = [self.ask(client, op, **body) for client in clients]
            self.assertEqual(*answers)

    def test_a_chatroom_push_reaches_clients_of_both(self) -> None:
        clients = self.user("ann"), self.proto("bob"), self.user("cat"), self.proto("dan")
        for client in clients:
            self.data(client, 301, id="den")
        for client, content in zip(clients, "abcd", strict=True):
            self.data(client, 201, type=1, target_id="den", content=content)
        self.advance(1.1)
        for client in clients:
            self.assertEqual(self.contents(client), [["a"], ["b", "c", "d"]])
            self.assertEqual(self.pushes(client), self.pushes(clients[0]))

    def test_a_push_is_encoded_once_for_all_connections_of_a_codec(self) -> None:
        clients = [self.user("ann"), self.user("bob"), self.proto("cat"), self.proto("dan")]
        for client in clients:
            self.data(client, 301, id="den")
        made: list[str] = []
        for name, codec in self.gateway.codecs.items():
            encode = codec.encode_push

            def counted(push: Any, name: str = name, encode: Any = encode) -> bytes:
                made.append(name)
                return bytes(encode(push))

            self.patch(codec, "encode_push", counted)
        self.data(clients[0], 201, type=1, target_id="den", content="x")
        self.assertEqual([self.contents(client) for client in clients], [[["x"]]] * 4)
        self.assertEqual(sorted(made), [JSON, PROTO])

    def test_private_messages_and_missed_ones(self) -> None:
        ann = self.proto("ann", name="Änn")
        self.data(ann, 201, type=2, target_id="bob", content="while away")
        bob, bob_too = self.user("bob"), self.proto("bob")
        self.data(ann, 201, type=2, target_id="bob", content="now")
        self.assertEqual(self.contents(bob), [["while away"], ["now"]])
        self.assertEqual(self.contents(bob_too), [["now"]])
        self.assertEqual(self.pushes(bob)[1], self.pushes(bob_too)[0])
        self.data(bob_too, 201, type=2, target_id="ann", content="back")
        self.assertEqual(self.contents(ann), [["back"]])
        self.assertEqual(self.contents(bob)[-1], ["back"])

    def test_a_chatroom_is_moderated_in_both_and_all_hear_the_same_of_it(self) -> None:
        ann, bob, sue = self.user("ann"), self.proto("bob"), self.proto("sue")
        for client in (ann, bob, sue):
            self.data(client, 301, id="den")
        sent = self.data(sue, 201, type=1, target_id="den", content="hi")
        until = self.data(ann, 313, id="den", user_id="sue", seconds=60)["until"]
        self.data(ann, 315, id="den", user_id="bob", role="admin")
        self.assertEqual(self.data(bob, 313, id="den", user_id="sue", seconds=0), {"until": 0})
        self.data(bob, 307, id="den", name="The den")
        self.data(bob, 211, session_id="1:den", message_id=sent["id"])
        roles = [item["role"] for item in self.data(bob, 305, id="den")["items"]]
        self.assertEqual(roles, ["owner", "admin", "member"])
        self.data(bob, 311, id="den", user_id="sue")
        self.data(ann, 309, id="den")
        self.advance(2)
        heard = [self.events(client) for client in (ann, bob, sue)]
        kinds = ["muted", "appointed", "muted", "renamed", "recalled", "removed", "dismissed"]
        self.assertEqual([event["type"] for event in heard[0]], kinds)
        self.assertEqual([event.get("until") for event in heard[0]][:3], [until, None, None])
        self.assertEqual(heard[0][:6], heard[1][:6])
        self.assertEqual(heard[0][:6], heard[2])

    def test_reading_is_told_alike_in_both(self) -> None:
        ann, bob, bob_too = self.user("ann"), self.user("bob"), self.proto("bob")
        sent = [self.data(ann, 201, type=2, target_id="bob", content="hi") for _ in range(2)]
        for message in sent:
            self.data(bob_too, 209, session_id="2:ann:bob", message_id=message["id"])
        self.advance(0)
        self.assertEqual([event["unread"] for event in self.events(bob)], [1, 0])
        self.assertEqual(self.events(bob), self.events(bob_too))

    def events(self, client: Client) -> list[Any]:
        """Return the events that came, as JSON has them."""
        packets = [packet for packet in client.packets if packet["op"] == 213]
        bodies = [packet["body"] for packet in packets]
        return [json.loads(body) if isinstance(body, str) else body for body in bodies]
