"""Protobuf messages as plain values, and the packets that a client makes and reads."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

from gim.wire import gim_pb2 as pb
from gim.wire.requests import OPERATIONS

# The messages of gim.proto are named after the operations: HistoryRequest, HistoryData.
_NAMES = {op: known.op.name.title().replace("_", "") for op, known in OPERATIONS.items()}
REQUESTS: dict[int, type[Message]] = {op: getattr(pb, f"{name}Request") for op, name in _NAMES.items()}
DATA: dict[int, type[Message]] = {  # by the reply's op
    op + 1: getattr(pb, f"{name}Data") for op, name in _NAMES.items()
}


def request(op: int, seq: int = 0, **body: Any) -> bytes:
    """Write a packet."""
    return packet(op, REQUESTS[op](**body).SerializeToString(), seq)


def packet(op: int, body: bytes, seq: int = 0) -> bytes:
    return pb.Packet(op=op, body=body, seq=seq).SerializeToString()


def read(payload: bytes) -> dict[str, Any]:
    """Read a reply or push to what its JSON counterpart would be once its body is decoded."""
    found = pb.Packet.FromString(payload)
    if found.op == 207:
        body: Any = plain(pb.Push.FromString(found.body))
    elif found.op == 213:  # JSON leaves out what its type has no use for
        event = plain(pb.Event.FromString(found.body))
        has = ("type", "by", "unread") if event["type"] == "read" else ("type", "by")
        body = {name: value for name, value in event.items() if value or name in has}
    else:
        reply = pb.Reply.FromString(found.body)
        body = {"code": reply.code, "msg": reply.msg, "data": None}
        if reply.code:
            assert reply.data == b"", reply
        else:
            body["data"] = plain(DATA[found.op].FromString(reply.data))
    return {"op": found.op, "body": body, "seq": found.seq}


def plain(message: Message) -> dict[str, Any]:
    """Return the fields in the order of gim.proto; None is for a message that is not there."""
    assert not list_unknown(message), message
    return {field.name: _value(message, field) for field in message.DESCRIPTOR.fields}


def _value(message: Message, field: Any) -> Any:
    value = getattr(message, field.name)
    if field.message_type is None:
        return value
    if field.is_repeated:
        return [plain(one) for one in value]
    return plain(value) if message.HasField(field.name) else None


def list_unknown(message: Message) -> list[Any]:
    """Return the fields that gim.proto does not know."""
    fields: Any = UnknownFieldSet(message)
    return list(fields)
