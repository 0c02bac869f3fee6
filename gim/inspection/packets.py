"""Packets of one connection, in either codec, as plain values for people to read."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from google.protobuf.message import DecodeError
from google.protobuf.message import Message as ProtoMessage
from msgspec import Struct

from gim.model import EventType
from gim.wire import gim_pb2 as pb
from gim.wire.packets import BadPacket, Codec
from gim.wire.requests import OPERATIONS, Op

_NAMES: Final = {op.value: op.name.lower() for op in Op}
_PUSHES: Final = (Op.PUSH, Op.EVENT)
# by the reply's op; the messages of gim.proto are named after the operations
_DATA: Final[dict[int, type[ProtoMessage]]] = {
    op + 1: getattr(pb, f"{known.request.__name__.removesuffix('Request')}Data")
    for op, known in OPERATIONS.items()
}


class ReadPacket(Struct, frozen=True, gc=False):
    """A packet that was read.

    ``code`` is that of a reply, None for other packets. ``body`` holds fields, those of a reply's data
    without the reply around it; of a refusal or a packet that can't be read it holds the reason.
    """

    op: int
    seq: int
    code: int | None
    body: Any

    @property
    def name(self) -> str:
        """The name of the operation, the same for its request and its reply; "" for an unknown op."""
        return _NAMES.get(self.op) or _NAMES.get(self.op - 1, "")


def incoming(codec: Codec, payload: bytes, is_binary: bool) -> ReadPacket:
    """Read what a client sent. The bytes of a packet that can't be read are not shown, as they may hold a
    token."""
    try:
        packet = codec.decode(payload, is_binary)
    except BadPacket as bad:
        return ReadPacket(bad.op - 1 if bad.op else 0, bad.seq, None, {"error": str(bad)})
    return ReadPacket(packet.op, packet.seq, None, msgspec.to_builtins(packet.body))


def outgoing(is_binary: bool, payload: bytes) -> ReadPacket:
    """Read what this server has written."""
    try:
        return _proto(payload) if is_binary else _json(payload)
    except (msgspec.MsgspecError, DecodeError, LookupError) as error:
        return ReadPacket(0, 0, None, {"error": f"not a packet of this server: {error}"})


class _Written(Struct):
    op: int
    body: str
    seq: int


_decode_packet = msgspec.json.Decoder(_Written).decode
_decode_body = msgspec.json.Decoder(dict[str, Any]).decode


def _json(payload: bytes) -> ReadPacket:
    packet = _decode_packet(payload)
    body = _decode_body(packet.body)
    if packet.op in _PUSHES:
        return ReadPacket(packet.op, packet.seq, None, body)
    return _reply(packet.op, packet.seq, body["code"], body["msg"], body["data"])


def _proto(payload: bytes) -> ReadPacket:
    packet = pb.Packet.FromString(payload)
    if packet.op == Op.PUSH:
        return ReadPacket(packet.op, packet.seq, None, _fields(pb.Push.FromString(packet.body)))
    if packet.op == Op.EVENT:
        return ReadPacket(packet.op, packet.seq, None, _event(pb.Event.FromString(packet.body)))
    reply = pb.Reply.FromString(packet.body)
    data = None if reply.code else _fields(_DATA[packet.op].FromString(reply.data))
    return _reply(packet.op, packet.seq, reply.code, reply.msg, data)


def _reply(op: int, seq: int, code: int, msg: str, data: Any) -> ReadPacket:
    return ReadPacket(op, seq, code, {"msg": msg} if code else data)


def _fields(message: ProtoMessage) -> dict[str, Any]:
    """Return the fields of a message as JSON has them; None is for a message that is not there."""
    return {field.name: _value(message, field.name) for field in message.DESCRIPTOR.fields}


def _value(message: ProtoMessage, name: str) -> Any:
    value = getattr(message, name)
    if isinstance(value, ProtoMessage):
        return _fields(value) if message.HasField(name) else None
    return value if isinstance(value, (str, int)) else [_fields(each) for each in value]


def _event(event: pb.Event) -> dict[str, Any]:
    """Return the fields of an event; as in JSON, without those that its type has no use for."""
    used = ("type", "by", "unread") if event.type == EventType.READ else ("type", "by")
    return {name: value for name, value in _fields(event).items() if value or name in used}
