"""What the two codecs cost: CPU per packet, in this process, without sockets."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from bench.results import Column, Plan, Table, new_table
from gim.model import History, Message, Push, Sent, SessionHead, User
from gim.wire import gim_pb2 as pb
from gim.wire.json import JsonCodec
from gim.wire.packets import Codec, reply_op
from gim.wire.proto import ProtoCodec
from gim.wire.requests import Op

_COLUMNS = (
    Column("read_us", "read a send, µs", 2),
    Column("reply_us", "write its reply, µs", 2),
    Column("push_us", "push of 1 message, µs", 2),
    Column("push_10_us", "of 10, µs", 2),
    Column("history_us", "history of 20, µs", 2),
    Column("push_bytes", "bytes of a push"),
)
LABELS = {"json": "JSON", "proto": "Protobuf"}

_ID = "01a20719ee967000b573b7ad8eb56857"
_SENT = Sent(_ID, "2:1001:1002", 3, 1_795_415_469_718)
_MESSAGE = Message(_ID, "2:1001:1002", User("1001", "Ann"), "text", "x" * 32, 3, 1, 1_795_415_469_718)
_HEAD = SessionHead("2:1001:1002", 2, "Ann")
_BODY = {"type": 2, "target_id": "1002", "content": "x" * 32}


def _requests() -> dict[str, bytes]:
    body = pb.SendRequest(type=2, target_id="1002", content="x" * 32).SerializeToString()
    return {
        "json": json.dumps({"op": Op.SEND, "body": json.dumps(_BODY), "seq": 7}).encode(),
        "proto": pb.Packet(op=Op.SEND, body=body, seq=7).SerializeToString(),
    }


def run(plan: Plan) -> list[Table]:
    """Let both codecs do the same things in turn."""
    table = new_table("codecs", "The codecs", _COLUMNS, LABELS)
    calls = 1_000 if plan.quick else 10_000
    codecs: dict[str, Codec] = {"json": JsonCodec(), "proto": ProtoCodec()}
    requests = _requests()
    for _ in plan.each_round("codecs"):
        for name, codec in codecs.items():
            table.add(name, **_figures(codec, requests[name], calls))
    return [table]


def _figures(codec: Codec, request: bytes, calls: int) -> dict[str, float]:
    one, ten = Push(_HEAD, [_MESSAGE]), Push(_HEAD, [_MESSAGE] * 10)
    history = History([_MESSAGE] * 20, True)
    works: dict[str, Callable[[], object]] = {
        "read_us": lambda: codec.decode(request, codec.is_binary),
        "reply_us": lambda: codec.encode_reply(reply_op(Op.SEND), 7, _SENT),
        "push_us": lambda: codec.encode_push(one),
        "push_10_us": lambda: codec.encode_push(ten),
        "history_us": lambda: codec.encode_reply(reply_op(Op.HISTORY), 7, history),
    }
    figures = {key: _micros(work, calls) for key, work in works.items()}
    return {**figures, "push_bytes": len(codec.encode_push(one))}


def _micros(work: Callable[[], object], calls: int) -> float:
    began = time.process_time()
    for _ in range(calls):
        work()
    return (time.process_time() - began) / calls * 1e6
