"""The JSON codec. A packet's body is a JSON object, or a string that holds one; replies have a string."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec import Raw, Struct

from gim.errors import GimError
from gim.model import Event, Push
from gim.wire.broken_json import explain_broken, fields_of
from gim.wire.packets import BadPacket, OpCode, Packet, SeqNumber, explain, reply_op, unknown_op
from gim.wire.requests import OPERATIONS, Op

NAME = "gim.json"

# what msgspec raises for invalid input; ValueError: invalid UTF-8
_ERRORS = (msgspec.MsgspecError, RecursionError, ValueError)


class _Incoming(Struct):
    op: OpCode
    body: Raw = Raw(b"{}")
    seq: SeqNumber = 0


class _OnlySeq(Struct):
    seq: SeqNumber


class _Refusal(Struct):
    code: int
    msg: str
    data: None = None


_PUSHES = {Push: Op.PUSH.value, Event: Op.EVENT.value}

_PACKET = b'{"op":%d,"body":"%b","seq":%d}'
_SUCCESS = rb"{\"code\":0,\"msg\":\"\",\"data\":"

_encode = msgspec.json.Encoder().encode
_decode_packet = msgspec.json.Decoder(_Incoming).decode
_decode_seq = msgspec.json.Decoder(_OnlySeq).decode
_decode_op_code = msgspec.json.Decoder(OpCode).decode
_decode_seq_number = msgspec.json.Decoder(SeqNumber).decode
_decode_string = msgspec.json.Decoder(str).decode
_decode_body = {op: msgspec.json.Decoder(each.request).decode for op, each in OPERATIONS.items()}


class JsonCodec:
    """Implements `gim.wire.packets.Codec`. Reading or writing a packet takes 1 to 2 us."""

    name = NAME
    is_binary = False

    def decode(self, payload: bytes, is_binary: bool) -> Packet:
        if is_binary:
            refused = "JSON packets travel in text messages: for Protobuf offer gim.proto as subprotocol"
            raise BadPacket(0, _seq_of(payload), refused)
        try:
            packet = _decode_packet(payload)
        except msgspec.ValidationError as error:
            raise BadPacket(0, _seq_of(payload), _explain_packet(error)) from error
        except _ERRORS as error:
            raise _broken(payload, error) from error
        decode = _decode_body.get(packet.op)
        if decode is None:
            raise unknown_op(packet.op, packet.seq)
        try:
            return Packet(packet.op, packet.seq, decode(_body_of(packet.body)))
        except _ERRORS as error:
            text = bytes(packet.body)
            raise BadPacket(reply_op(packet.op), packet.seq, _explain_body(text, error)) from error

    def encode_reply(self, op: int, seq: int, data: Struct) -> bytes:
        return _PACKET % (op, _SUCCESS + _escape(_encode(data)) + b"}", seq)

    def encode_error(self, op: int, seq: int, error: GimError) -> bytes:
        return _PACKET % (op, _escape(_encode(_Refusal(error.code, str(error)))), seq)

    def encode_push(self, push: Push | Event) -> bytes:
        return _PACKET % (_PUSHES[type(push)], _escape(_encode(push)), 0)


def _escape(encoded: bytes) -> bytes:
    """Escape JSON for a JSON string: its control characters are escaped already."""
    return encoded.replace(b"\\", b"\\\\").replace(b'"', b'\\"')


def _body_of(raw: Raw) -> bytes | str:
    """Return the JSON text of a body, which may be inside a JSON string."""
    body = bytes(raw)
    if body[:1] == b'"':
        return _decode_string(body) or b"{}"
    return b"{}" if body == b"null" else body


def _seq_of(payload: bytes) -> int:
    try:
        return _decode_seq(payload).seq
    except _ERRORS:
        return _number(fields_of(payload).values.get("seq", b""), _decode_seq_number)


def _broken(payload: bytes, error: Exception) -> BadPacket:
    """Return the refusal of a packet that is not valid JSON, with its op and seq if they can be read."""
    fields, is_whole = fields_of(payload)
    op = _number(fields.get("op", b""), _decode_op_code) if is_whole else 0
    seq = _number(fields.get("seq", b""), _decode_seq_number)
    return BadPacket(reply_op(op), seq, _explain_broken(payload, op, fields.get("body", b"{}"), error))


def _number(text: bytes, decode: Callable[[bytes], int]) -> int:
    try:
        return decode(text)
    except _ERRORS:
        return 0


def _explain_broken(payload: bytes, op: int, body: bytes, error: Exception) -> str:
    if op in _decode_body:
        try:
            _decode_body[op](_body_of(Raw(body)))
        except _ERRORS as in_body:
            return _explain_body(body, in_body)
    return f'not a packet: {explain_broken(payload, error)}; send a JSON object such as {{"op":105}}'


def _explain_packet(error: msgspec.ValidationError) -> str:
    text = explain(error)
    if ":" in text:  # begins with the name of a field
        return text
    return 'not a packet: send a JSON object such as {"op":105}'


def _explain_body(body: bytes, error: Exception) -> str:
    """Say what is wrong with *body*, as it is written in the packet."""
    if isinstance(error, msgspec.ValidationError):
        text = explain(error)
        return f"body: {text[0].lower()}{text[1:]}" if text[0].isupper() else text  # no name of a field
    try:
        content = _body_of(Raw(body))
    except _ERRORS:  # a string that is broken itself
        content = body
    return f"body: {explain_broken(content.encode() if isinstance(content, str) else content, error)}"
