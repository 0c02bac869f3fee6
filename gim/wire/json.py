"""The JSON codec. A packet's body is a JSON object, or a string that holds one; replies have a string."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec import Raw, Struct

from gim.errors import GimError
from gim.model import Event, Push
from gim.wire.broken_json import explain_broken, fields_of
from gim.wire.packets import BadPacket, OpCode, Packet, SeqNumber, explain, reply_op, unknown_op
from gim.wire.requests import OPERATIONS, Op, SendRequest

NAME = "gim.json"

# what msgspec raises for invalid input; ValueError: invalid UTF-8
_ERRORS = (msgspec.MsgspecError, RecursionError, ValueError)


class _Incoming(Struct):
    op: OpCode
    body: Raw = Raw(b"{}")
    seq: SeqNumber = 0


class _IncomingSend(Struct, gc=False):
    op: OpCode
    body: SendRequest | str
    seq: SeqNumber = 0


class _OnlySeq(Struct):
    seq: SeqNumber


class _Outgoing(Struct, gc=False):
    op: int
    body: str
    seq: int


class _Success(Struct, gc=False):
    code: int
    msg: str
    data: Struct


class _Refusal(Struct):
    code: int
    msg: str
    data: None = None


_PUSHES = {Push: Op.PUSH.value, Event: Op.EVENT.value}

_SEND = Op.SEND.value
_SEND_DIGITS = b"%d" % _SEND
_OP_END = 12  # bytes: what most clients begin a packet with is no longer than ``{ "op": 201,``

_encode = msgspec.json.Encoder().encode
_decode_packet = msgspec.json.Decoder(_Incoming).decode
_decode_send_packet = msgspec.json.Decoder(_IncomingSend).decode
_decode_send = msgspec.json.Decoder(SendRequest).decode
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
        if payload.find(_SEND_DIGITS, 0, _OP_END) > 0 and (send := _read_send(payload)) is not None:
            return send
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
        return _encode(_Outgoing(op, _encode(_Success(0, "", data)).decode(), seq))

    def encode_error(self, op: int, seq: int, error: GimError) -> bytes:
        return _encode(_Outgoing(op, _encode(_Refusal(error.code, str(error))).decode(), seq))

    def encode_push(self, push: Push | Event) -> bytes:
        return _encode(_Outgoing(_PUSHES[type(push)], _encode(push).decode(), 0))


def _read_send(payload: bytes) -> Packet | None:
    """Read a packet that sends a message; None for any other one, and for one with a fault.

    It checks what `JsonCodec.decode` checks, in little more than half the time: the body is read with
    the packet, or as the string that it is.
    """
    try:
        packet = _decode_send_packet(payload)
        if packet.op == _SEND:
            body = packet.body
            return Packet(_SEND, packet.seq, _decode_send(body) if isinstance(body, str) else body)
    except _ERRORS:
        pass  # which one it is takes another look
    return None


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
