"""One WebSocket connection: carries packets between Autobahn, the codec and the operations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from time import perf_counter_ns
from typing import Any, Protocol

from autobahn.websocket.types import ConnectionDeny, ConnectionRequest
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from gim.errors import GimError, InternalError, TooManyRequests
from gim.gateway import close_codes
from gim.gateway.admission import ConnectionAdmission
from gim.gateway.bounded_protocol import BoundedProtocol
from gim.gateway.frames import cut
from gim.gateway.operations import Operations
from gim.gateway.outbound import OutboundQueue
from gim.gateway.packet_rate import TokenBucket
from gim.gateway.request_queue import RequestQueue
from gim.gateway.timeout_wheel import Timeouts, TimeoutWheel
from gim.gateway.write_batch import WriteBatch
from gim.limits import retry_after
from gim.limits.limits import HANDSHAKE, LOGIN, PACKET, PACKET_RATE, Limits
from gim.log import logger
from gim.metrics.instruments.durations import add
from gim.metrics.instruments.requests import RequestMetrics
from gim.model import User
from gim.net.origins import Origins
from gim.push.presence import Connection, Login
from gim.wire.packets import BadPacket, Codec, Packet, reply_op

MAX_HANDSHAKE = 16 * 1024  # bytes
MAX_REASON = 125  # characters of it that are logged
LINGER = 5.0  # seconds that a peer has to read the rest when all is said
MAX_BAD_TOKENS = 5  # until the connection is closed
_LIMITS = {close_codes.LOGIN_TIMEOUT: LOGIN, 1009: PACKET}  # those that close connections, by code


class _AutobahnLog:
    """Autobahn's logger: it hears of faults only.

    What a peer did wrong is in the line that `GatewayProtocol` logs at the end, with the trace id and
    without raw bytes of the peer.
    """

    _log = logger.Logger(namespace="autobahn")

    def trace(self, text: str, **fields: Any) -> None:
        pass

    debug = info = warn = trace

    def error(self, text: str, **fields: Any) -> None:
        self._log.error(text, **fields)

    def critical(self, text: str, **fields: Any) -> None:
        self._log.critical(text, **fields)

    def failure(self, text: str, **fields: Any) -> None:
        self._log.failure(text, **fields)


class Gateway(Protocol):
    """What all connections share."""

    operations: Operations
    codecs: Mapping[str, Codec]  # by the subprotocols that ask for them
    default_codec: Codec
    timeouts: Timeouts
    deadlines: TimeoutWheel
    turn: WriteBatch
    max_packet: int  # bytes
    max_unsent: int  # bytes
    trace_header: str
    requests: RequestMetrics[int] | None  # counts them, unless nothing is to be counted
    slow_readers: int  # closed so far
    origins: Origins  # of the web pages that may connect
    limits: Limits
    entrance: ConnectionAdmission

    def opened(self, connection: GatewayProtocol) -> str:
        """Take note of a connection and give it a key."""

    def closed(self, connection: GatewayProtocol, code: int | None) -> None:
        """Take note that a connection is gone, and with which close code."""


class GatewayProtocol(BoundedProtocol):
    """Decides nothing: what is asked goes to `Operations`, what is due comes from `TimeoutWheel`."""

    factory: Gateway
    transport: Any  # a stream transport; Twisted declares only what all transports have
    codec: Codec
    log = _AutobahnLog()
    _log = logger.Logger()

    _key = ""
    trace = ""
    place = ""  # see `gim.gateway.admission`
    login: Login | None = None
    user: User | None = None
    after_reply: Callable[[], None] | None = None
    sending: OutboundQueue
    look_at = 0  # the ticks of `TimeoutWheel` from here on
    _serving: RequestQueue | None = None  # until the handshake
    _pace: TokenBucket  # from then on
    _heard = 0
    _pinged = 0  # the `_heard` of the silence that a ping was sent for
    _waits_since = 0  # for a login
    _expires: float | None = None  # the Unix time at which the login's token does
    _bad_tokens = 0

    def connectionMade(self) -> None:
        super().connectionMade()
        self._key = self.factory.opened(self)
        self._speak(self.factory.default_codec)
        deadlines = self.factory.deadlines
        deadlines.look(self, deadlines.after(deadlines.now, self.factory.timeouts.handshake))

    def dataReceived(self, data: bytes) -> None:
        if self._heard != self.factory.deadlines.now:
            self._heard = self.factory.deadlines.now
            if self.state == self.STATE_OPEN:
                self._pace.fill(self.factory.deadlines.seconds())
        if (
            self.state == self.STATE_OPEN
            # nothing read so far waits for its rest, and no extension changes frames
            and not self.data
            and self.current_frame is None
            and not self.inside_message
            and self._perMessageCompress is None
        ):
            messages, used = cut(data, self.factory.max_packet)
            for payload, is_binary in messages:
                self.onMessage(payload, is_binary)
            if used == len(data):
                return
            data = data[used:]
        elif self.state == self.STATE_CONNECTING and len(self.data) + len(data) > MAX_HANDSHAKE:
            self._drop("its handshake is too long")
            return
        self.take(data)

    def onConnect(self, request: ConnectionRequest) -> tuple[str | None, dict[str, str]]:
        name, headers = self.factory.trace_header, request.headers  # with names in lower case
        self.factory.entrance.meet(self, headers.get("x-forwarded-for", ""))
        origin = headers.get("origin")
        if origin is not None and not self.factory.origins.allow(origin, headers.get("host", "")):
            raise ConnectionDeny(403, "this origin is not allowed: see --allowed-origins")
        explicit = headers.get(name.lower(), "")
        self.trace = logger.accept_trace(explicit, headers.get("traceparent", ""))
        self._serving = RequestQueue(self.transport, self.trace, self._reply)
        return self._choose_codec(request.protocols), {name: self.trace}

    def _choose_codec(self, protocols: list[str]) -> str | None:
        """Speak the first of *protocols* that is known, and return it; else stay with the default."""
        for protocol in protocols:
            if protocol in self.factory.codecs:
                self._speak(self.factory.codecs[protocol])
                return str(protocol)
        return None

    def _speak(self, codec: Codec) -> None:
        self.codec = codec
        turn, bound = self.factory.turn, self.factory.max_unsent
        self.sending = OutboundQueue(self._key, codec, self.transport, turn, bound, self._hang_up)

    def failHandshake(self, reason: str, code: int = 400, responseHeaders: Any = None) -> None:
        if code in (429, 503):
            responseHeaders = [("Retry-After", retry_after.CONNECTION)]
        super().failHandshake(reason, code, responseHeaders)

    def onOpen(self) -> None:
        self._pace = TokenBucket(self.factory.limits, self.factory.deadlines.seconds())
        self.logged_out()

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        if self.state != self.STATE_OPEN or self._serving is None:
            return
        if self._pace.left:
            self._pace.left -= 1
        elif self._pace.refuses(self.factory.deadlines.seconds()):
            self._too_fast(self._serving, payload, isBinary)
            return
        try:
            packet = self.codec.decode(payload, isBinary)
        except BadPacket as refusal:
            self._serving.add(self._refuse(refusal.op, refusal.seq, refusal))
        else:
            self._serving.add(self._answer(packet), packet.op in self.factory.operations.overlapping)

    def _too_fast(self, serving: RequestQueue, payload: bytes, is_binary: bool) -> None:
        """Refuse a packet that came too soon, and in the end the connection."""
        try:
            packet = self.codec.decode(payload, is_binary)
            op, seq = reply_op(packet.op), packet.seq
        except BadPacket as bad:
            op, seq = bad.op, bad.seq
        rate = self.factory.limits[PACKET_RATE]
        serving.add(
            self._refuse(op, seq, TooManyRequests(f"more than {rate} packets a second: wait a second"))
        )
        self._give_up_if_hopeless()

    def _give_up_if_hopeless(self) -> None:
        if self._pace.is_hopeless():
            self.sendClose(close_codes.TOO_MANY_REQUESTS, "too many requests")

    def onPing(self, payload: bytes) -> None:
        """Answer a ping, which costs about what a packet does, and counts as one."""
        if self._pace.left:
            self._pace.left -= 1
        elif self._pace.refuses(self.factory.deadlines.seconds()):
            self._give_up_if_hopeless()
            return
        super().onPing(payload)

    def pong_written(self) -> None:
        """See `BoundedProtocol`."""
        self.sending.held(0)

    def lingers(self) -> None:
        """See `BoundedProtocol`."""
        deadlines = self.factory.deadlines
        deadlines.look(self, deadlines.after(deadlines.now, LINGER))

    def sendCloseFrame(self, *args: Any, **kwargs: Any) -> None:
        self.sending.flush()
        super().sendCloseFrame(*args, **kwargs)
        self.sending.close()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        # Each of these Deferreds has the connection for its result. Without that cycle it is freed as
        # soon as it is gone, and not only by the garbage collector.
        self.is_open = self.is_closed = None

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        self.sending.close()
        self.factory.deadlines.forget(self)
        if self._serving is not None:
            self._serving.stop()
            self._serving = None  # which would keep this connection until the collector comes
        if self.closedByMe:  # else what we said was but the answer
            code, reason = self.localCloseCode, self.localCloseReason
            if code is not None and code in _LIMITS:
                self.factory.limits.hit(_LIMITS[code])
        with logger.traced(self.trace):
            self._log_end(code, reason or "")
            self.factory.operations.disconnected(self)
        self.factory.closed(self, code)

    def _log_end(self, code: int | None, reason: str) -> None:
        self._log.info(
            "connection of {user} from {peer} ended, {code} {reason!r}",
            user=self.login.user.id if self.login is not None else "nobody",
            peer=self.peer,
            code=code,
            reason=reason[:MAX_REASON],
        )

    async def _refuse(self, op: int, seq: int, refusal: GimError) -> bytes:
        if (requests := self.factory.requests) is not None:
            requests.failed(op - 1, refusal.code, 0)
        return self.codec.encode_error(op, seq, refusal)

    async def _answer(self, packet: Packet) -> bytes:
        codec, requests = self.codec, self.factory.requests
        began = 0
        if requests is not None and requests.to_time:
            requests.to_time -= 1
            began = perf_counter_ns()
        op, seq, code = reply_op(packet.op), packet.seq, 0
        try:
            reply = codec.encode_reply(op, seq, await self.factory.operations.perform(self, packet))
        except GimError as refusal:
            code, reply = refusal.code, codec.encode_error(op, seq, refusal)
        except Exception:
            code, reply = InternalError.code, codec.encode_error(op, seq, self._fault(packet))
        if requests is not None:
            if code:
                requests.failed(packet.op, code, began)
            else:  # as `RequestMetrics.succeeded`, without the call, which would be most of the cost
                requests.successes[packet.op] += 1
                if began:
                    add(requests.rows[packet.op], began)
        return reply

    def _fault(self, packet: Packet) -> InternalError:
        self._log.failure("serving op {op} from {peer} failed", op=packet.op, peer=self.peer)
        return InternalError(self.trace)

    def _reply(self, payload: bytes) -> None:
        """Write a reply; when too much waits unsent, the next requests wait until it has gone."""
        if not self.sending.send(payload) and self._serving is not None:
            self._serving.hold()
            self.sending.when_drained(self)
        if self.after_reply is not None:
            after_reply, self.after_reply = self.after_reply, None
            after_reply()

    def drained(self, connection: Connection) -> None:
        """See `gim.push.presence.Drained`."""
        if self._serving is not None:
            self._serving.release()

    def _hang_up(self, code: int, reason: str) -> None:
        if self.state == self.STATE_OPEN:
            if code == close_codes.READER_TOO_SLOW:
                self.factory.slow_readers += 1
            self.sendClose(code, reason)

    def can_write(self) -> bool:
        """Say whether a reply can still be written."""
        return bool(self.state == self.STATE_OPEN)

    def logged_out(self) -> None:
        """Begin to wait for a login again."""
        self._waits_since = self.factory.deadlines.now
        self.logged_in_until(None)
        self.factory.deadlines.look(self, self.check())

    def logged_in_until(self, expires: float | None) -> None:
        """Close the connection at a Unix time unless there is another login until then."""
        if expires != self._expires:  # connections without tokens need not keep it
            self._expires = expires
            self.factory.deadlines.look(self, self.check())

    def token_refused(self) -> None:
        """Count a bad token; the reply to the last one that is borne is the last reply."""
        self._bad_tokens += 1
        if self._bad_tokens >= MAX_BAD_TOKENS:
            self.after_reply = partial(self._hang_up, close_codes.BAD_TOKENS, "bad tokens")

    def too_many_connections(self) -> None:
        """Close the connection after the reply: its user has as many as they may."""
        why = "too many connections of this user"
        self.after_reply = partial(self._hang_up, close_codes.TOO_MANY_CONNECTIONS, why)

    # what is due

    def check(self) -> int:
        """See `gim.gateway.timeout_wheel.HasTimeout`."""
        if self.state == self.STATE_CONNECTING:
            self.factory.limits.hit(HANDSHAKE)
            self._drop("it did not complete its handshake in time")
        if self.state == self.STATE_CLOSED:
            self.transport.abortConnection()
        if self.state != self.STATE_OPEN:
            return 0  # while it is closing, Autobahn watches over it
        timeouts, deadlines = self.factory.timeouts, self.factory.deadlines
        login_at = deadlines.after(self._waits_since, timeouts.login)
        silent_at = deadlines.after(self._heard, timeouts.heartbeat)
        if self.login is None and deadlines.now >= login_at:
            self.sendClose(close_codes.LOGIN_TIMEOUT, "no login in time")
            return 0
        if self._expires is not None and deadlines.seconds() >= self._expires:
            self.sendClose(close_codes.TOKEN_EXPIRED, "token expired")
            return 0
        if deadlines.now >= silent_at:
            self.sendClose(close_codes.HEARTBEAT_TIMEOUT, "nothing heard for the heartbeat interval")
            return 0
        look_at = self._ping_or_wait(silent_at)
        if self.login is None:
            return min(look_at, login_at)
        return look_at if self._expires is None else min(look_at, deadlines.at(self._expires))

    def _ping_or_wait(self, silent_at: int) -> int:
        deadlines = self.factory.deadlines
        ping_at = deadlines.after(self._heard, self.factory.timeouts.heartbeat / 2)
        if deadlines.now < ping_at:
            return ping_at
        if self._pinged != self._heard:
            self._pinged = self._heard
            self.sendPing()
        return silent_at

    def _drop(self, why: str) -> None:
        self.wasNotCleanReason = why
        self.dropConnection(abort=True)
