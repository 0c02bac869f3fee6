"""Anything that comes from a WebSocket client, before and after the handshake."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st
from twisted.internet.address import IPv4Address

from gim.gateway.close_codes import CloseCode
from gim.wire import gim_pb2
from tests.support.hostile import http_inputs, inputs
from tests.support.hostile.properties import fuzzed
from tests.support.hostile.watch import Watch
from tests.support.hostile.wire import Wire
from tests.support.pipe import GatewayTestCase
from tests.support.wire import proto_values

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
)
REFUSED = {400, 403, 405, 426, 505}  # a handshake
PUSHED = (207, 213)  # ops that are no replies
CODES = {0, 400, 401, 403, 404, 409, 413}  # of replies
CLOSES = {1000, 1002, 1003, 1007, 1009, 1011, CloseCode.BAD_TOKENS}
ADDRESS = IPv4Address("TCP", "127.0.0.1", 5)

json_frames = st.lists(inputs.frames(inputs.packets()), max_size=8).map(b"".join)


def proto_packet(fields: dict[str, Any]) -> bytes:
    """Write a packet in Protobuf, or junk where its fields can't be."""
    op = fields.pop("op")
    if op not in proto_values.REQUESTS:
        return proto_values.packet(op, repr(fields).encode())
    known = {field.name for field in proto_values.REQUESTS[op].DESCRIPTOR.fields}
    try:
        return proto_values.request(
            op, 1, **{name: value for name, value in fields.items() if name in known}
        )
    except Exception:
        return repr(fields).encode()


proto_packets = st.builds(
    lambda op, body: proto_packet({**body, "op": op}), st.sampled_from(inputs.OPS), inputs.bodies
).flatmap(inputs.hurt)
proto_frames = st.lists(
    (proto_packets | st.binary(max_size=9)).map(lambda payload: inputs.frame(payload, 0x82)),
    max_size=8,
).map(b"".join)


class HostileSocketTests(GatewayTestCase):
    """Whatever comes: refusals and close codes that are documented, and nobody else notices."""

    def setUp(self) -> None:
        super().setUp()
        self.watch = Watch(self)
        self.ann = self.user("ann")
        self.data(self.ann, 301, id="den")

    def play(self, pieces: list[bytes], check: Any) -> None:
        """Let a client send these and go; look at what it got, and what is left of it."""
        wire = Wire(self.gateway, self.clock, ADDRESS)
        check(wire.feed(pieces))
        wire.hang_up()
        self.ann.packets.clear()
        self.pump()
        self.assertIn("server_time", self.data(self.ann, 105))
        self.assertEqual(len(self.gateway.connections), 1)
        self.assertTrue(wire.is_freed(), "it is not freed without the garbage collector")
        self.watch.check()

    def check_handshake(self, written: bytes) -> bytes:
        """See that it is a refusal, or the answer to a handshake; return what follows that."""
        self.assertNotIn(b"Traceback", written)
        if not written:
            return b""
        head, end, rest = written.partition(b"\r\n\r\n")
        self.assertTrue(head.startswith(b"HTTP/1.1 ") and end, written)
        status = int(head.split(b" ")[1])
        if status == 101:
            return rest
        self.assertIn(status, REFUSED)
        self.assertEqual(rest, b"")
        return b""

    def check_json(self, written: bytes) -> None:
        for opcode, payload in frames_of(self.check_handshake(written)):
            if self.check_frame(opcode, payload, 1):
                packet = json.loads(payload)
                body = json.loads(packet["body"])
                self.assertTrue(packet["op"] in PUSHED or body["code"] in CODES, body)

    def check_proto(self, written: bytes) -> None:
        for opcode, payload in frames_of(self.check_handshake(written)):
            if self.check_frame(opcode, payload, 2):
                packet = gim_pb2.Packet.FromString(payload)
                if packet.op not in PUSHED:
                    self.assertIn(gim_pb2.Reply.FromString(packet.body).code, CODES)

    def check_frame(self, opcode: int, payload: bytes, kind: int) -> bool:
        """See that a frame may be sent; say if it holds a packet."""
        if opcode == 8 and payload:
            self.assertIn(int.from_bytes(payload[:2], "big"), CLOSES | set(range(1000, 1016)))
        self.assertIn(opcode, (kind, 8, 9, 10))
        return opcode == kind

    @fuzzed(
        100,
        pieces=inputs.cut_up(st.binary(max_size=300) | http_inputs.handshakes() | http_inputs.requests()),
    )
    def test_bytes_before_the_handshake(self, pieces: list[bytes]) -> None:
        self.play(pieces, self.check_handshake)

    @fuzzed(60, shake=http_inputs.handshakes(), frames=inputs.cut_up(json_frames))
    def test_handshakes_with_frames_at_once(self, shake: bytes, frames: list[bytes]) -> None:
        self.play([shake + b"".join(frames[:1]), *frames[1:]], self.check_handshake)

    @fuzzed(60, pieces=inputs.cut_up(st.binary(max_size=300)))
    def test_bytes_after_the_handshake(self, pieces: list[bytes]) -> None:
        self.play([HANDSHAKE + b"\r\n", *pieces], self.check_json)

    @fuzzed(80, pieces=inputs.cut_up(json_frames))
    def test_frames_of_somebody_unknown(self, pieces: list[bytes]) -> None:
        self.play([HANDSHAKE + b"\r\n", *pieces], self.check_json)

    @fuzzed(150, pieces=inputs.cut_up(json_frames), name=st.sampled_from(("bob", "*", "{u:ann}")))
    def test_frames_of_a_user(self, pieces: list[bytes], name: str) -> None:
        login = inputs.frame(json.dumps({"op": 101, "body": {"id": name}}).encode())
        self.play([HANDSHAKE + b"\r\n", login, *pieces], self.check_json)

    @fuzzed(100, pieces=inputs.cut_up(proto_frames))
    def test_frames_of_a_user_in_protobuf(self, pieces: list[bytes]) -> None:
        shake = HANDSHAKE + b"Sec-WebSocket-Protocol: gim.proto\r\n\r\n"
        login = inputs.frame(proto_values.request(101, 1, id="bob"), 0x82)
        self.play([shake, login, *pieces], self.check_proto)


def frames_of(data: bytes) -> list[tuple[int, bytes]]:
    """Cut what a server sent into opcodes and payloads; a frame that is not whole is an error."""
    found = []
    while data:
        assert data[0] & 0xF0 == 0x80 and not data[1] & 0x80, data[:20]
        length, at = data[1], 2
        if length > 125:
            at = 4 if length == 126 else 10
            length = int.from_bytes(data[2:at], "big")
        assert at + length <= len(data), data[:20]
        found.append((data[0] & 15, data[at : at + length]))
        data = data[at + length :]
    return found
