"""The two codecs as a client has them: requests to bytes, bytes to packets."""

from __future__ import annotations

import json
from typing import Any, NamedTuple, Protocol

from gim.wire import gim_pb2  # what protoc makes of gim.proto, as any client has it
from tests.integration.chaos.journal import EVENT, PUSH


class Packet(NamedTuple):
    """What came from the server: the body of a push or event, or the data of a reply."""

    op: int
    seq: int
    code: int
    message: str
    data: Any


class Codec(Protocol):
    """A subprotocol."""

    name: str
    is_binary: bool

    def encode(self, op: int, body: dict[str, Any], seq: int) -> bytes: ...

    def decode(self, payload: bytes) -> Packet: ...


class Json:
    name, is_binary = "gim.json", False

    def encode(self, op: int, body: dict[str, Any], seq: int) -> bytes:
        return json.dumps({"op": op, "body": body, "seq": seq}).encode()

    def decode(self, payload: bytes) -> Packet:
        packet = json.loads(payload)
        op, body = packet["op"], json.loads(packet["body"])
        if op in (PUSH, EVENT):
            return Packet(op, 0, 0, "", body)
        return Packet(op, packet["seq"], body["code"], body["msg"], body["data"])


class Protobuf:
    name, is_binary = "gim.proto", True
    _names = {
        101: "Login",
        103: "Logout",
        105: "Heartbeat",
        201: "Send",
        203: "History",
        205: "Sessions",
        209: "MarkRead",
        211: "Recall",
        301: "Join",
        303: "Leave",
    }

    def encode(self, op: int, body: dict[str, Any], seq: int) -> bytes:
        request: Any = getattr(gim_pb2, f"{self._names[op]}Request")(**body)
        packet = gim_pb2.Packet(op=op, body=request.SerializeToString(), seq=seq)
        return bytes(packet.SerializeToString())

    def decode(self, payload: bytes) -> Packet:
        packet = gim_pb2.Packet.FromString(payload)
        if packet.op == PUSH:
            return Packet(PUSH, 0, 0, "", plain(gim_pb2.Push.FromString(packet.body)))
        if packet.op == EVENT:
            return Packet(EVENT, 0, 0, "", plain(gim_pb2.Event.FromString(packet.body)))
        reply = gim_pb2.Reply.FromString(packet.body)
        kind: Any = getattr(gim_pb2, f"{self._names[packet.op - 1]}Data")
        data = None if reply.code else plain(kind.FromString(reply.data))
        return Packet(packet.op, packet.seq, reply.code, reply.msg, data)


def plain(message: Any) -> dict[str, Any]:
    """Return a message of Protobuf as the JSON codec would have it."""
    return {field.name: _value(message, field.name) for field in message.DESCRIPTOR.fields}


def _value(message: Any, name: str) -> Any:
    value = getattr(message, name)
    if isinstance(value, str | int | bytes):
        return value
    if hasattr(value, "DESCRIPTOR"):
        return plain(value) if message.HasField(name) else None
    return [plain(each) for each in value]


CODECS: tuple[Codec, ...] = (Json(), Protobuf())
