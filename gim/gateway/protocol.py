"""One WebSocket connection: carries packets between Autobahn, the codec and the operations."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from time import perf_counter_ns
from typing import Any

from autobahn.websocket.types import ConnectionDeny, ConnectionRequest
from msgspec import Struct
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from gim.errors import GimError, InternalError, Misdirected, TooManyRequests
from gim.gateway import closing, handshake, opening
from gim.gateway.autobahn_log import AutobahnLog
from gim.gateway.frames import cut
from gim.gateway.opening import Opening
from gim.gateway.outbound import OutboundQueue
from gim.gateway.packet_rate import TokenBucket
from gim.gateway.request_queue import REQUESTS_PER_LOOK, RequestQueue
from gim.gateway.timed_protocol import TimedProtocol
from gim.gateway.watching import Watcher
from gim.limits import retry_after
from gim.log import logger
from gim.metrics.instruments.durations import add
from gim.model import Sent, User
from gim.push.presence import Connection
from gim.wire.packets import BadPacket, Codec, Packet, reply_op
from gim.wire.requests import Op

MAX_HANDSHAKE = 16 * 1024  # bytes
BYTES_PER_LOOK = 1024  # handed to Autobahn between two looks at the clock: a few dozen small messages
MAX_LOGGED_REASON = 125  # characters of a close reason
MAX_BAD_TOKENS = 5  # logins with a bad token after which the connection is closed


_LOGIN = Op.LOGIN.value
_SEND = Op.SEND.value
_SENT = reply_op(_SEND)
_Answer = tuple[str | None, dict[str, str]]  # to a handshake: a subprotocol, and headers


class GatewayProtocol(TimedProtocol):
    """Decides which bytes become requests, and whether a request is served or rejected for its rate.

    `Operations` serves the requests, `RequestQueue` orders them, `OutboundQueue` writes what goes out,
    and `TimedProtocol` closes the connection when its time is over.
    """

    codec: Codec
    log = AutobahnLog()
    _log = logger.Logger()

    _key = ""
    trace = ""
    address_group = ""  # see `gim.gateway.admission`
    is_upgraded = False  # it began as a connection of HTTP
    answered: Callable[[int], object] | None = None  # called with the status of the handshake's answer
    user: User | None = None
    outbound: OutboundQueue
    _requests: RequestQueue | None = None  # from the handshake to the end
    _packet_rate: TokenBucket  # from the end of the handshake on
    _after_reply: list[Callable[[], None]] | None = None
    _bad_tokens = 0
    read_common = staticmethod(opening.read)  # of requests that do not go to Autobahn
    passed_on = handshake.PASSED_ON  # names of the headers that Autobahn gets
    _headers: Mapping[str, str] = {}  # of the handshake while it is read
    _awaits_admission = False  # the handshake is read, and waits for `Admission.identify`
    watcher: Watcher | None = None

    # the handshake

    def connectionMade(self) -> None:
        super().connectionMade()
        self._key = self.factory.opened(self)
        self._use_codec(self.factory.default_codec)

    def onConnect(self, request: ConnectionRequest) -> Any:  # an _Answer or a Deferred of one
        return self._decide(request.protocols, self._headers)

    def _decide(self, protocols: list[str], headers: Mapping[str, str]) -> _Answer | Deferred[_Answer]:
        identified = self.factory.admission.identify(self, headers.get("x-forwarded-for", ""))
        if identified is None:
            return self._accept(protocols, headers)
        self._awaits_admission = True
        self.transport.pauseProducing()
        return identified.addBoth(self._identified, protocols, headers)

    def _identified(
        self, refusal: Failure | None, protocols: list[str], headers: Mapping[str, str]
    ) -> Any:  # an _Answer, or a Failure
        self._awaits_admission = False
        self.transport.resumeProducing()
        return self._accept(protocols, headers) if refusal is None else refusal

    def _accept(self, protocols: list[str], headers: Mapping[str, str]) -> _Answer:
        settings = self.factory.settings
        if settings.hosts is not None and not settings.hosts.serve(headers.get("host", "")):
            raise ConnectionDeny(421, str(Misdirected()))
        origin = headers.get("origin")
        if origin is not None and "," in origin:
            raise ConnectionDeny(400, "send one header Origin")
        if origin is not None and not settings.origins.allow(origin, headers.get("host", "")):
            raise ConnectionDeny(403, "this origin is not allowed: see --allowed-origins")
        explicit = headers.get(settings.trace_header.lower(), "")
        self.trace = logger.accept_trace(explicit, headers.get("traceparent", ""))
        turns = self.factory.turns
        self._requests = RequestQueue(self.transport, self.trace, self._reply, turns, self._client)
        return self._choose_codec(protocols), {settings.trace_header: self.trace}

    def _choose_codec(self, protocols: list[str]) -> str | None:
        """Use the codec of the first known one of *protocols*; return its name, None for the default."""
        for protocol in protocols:
            if protocol in self.factory.codecs:
                self._use_codec(self.factory.codecs[protocol])
                return str(protocol)
        return None

    def _use_codec(self, codec: Codec) -> None:
        self.codec = codec
        batch, max_unsent = self.factory.write_batch, self.factory.settings.max_unsent
        self.outbound = OutboundQueue(
            self._key, codec, self.transport, batch, max_unsent, self.close_with
        )

    def shake_hands(self, data: bytes) -> None:
        """Hand a complete request to Autobahn, with what comes behind it."""
        self._last_heard = self.factory.timeout_wheel.now  # HTTP may have received it
        end = data.index(handshake.END) + len(handshake.END)
        common = self.read_common(data[:end])
        if common is not None:
            self._answer_common(common, data[end:])
            return
        shake = handshake.read(data[:end], self.passed_on)
        if shake.has_other_version():
            self.failHandshake(f"this server speaks WebSocket version {handshake.VERSION} only", 426)
            return
        self._headers = shake.headers
        self.feed(shake.request + data[end:])
        self._headers = {}

    def _answer_common(self, request: Opening, rest: bytes) -> None:
        """Answer a common handshake as Autobahn does; *rest* came behind it."""
        if rest:
            self.data = rest
        try:
            decided = self._decide(request.protocols, request.headers)
        except Exception as error:
            self._deny(error)
            return
        if isinstance(decided, tuple):
            self._open(decided, request.key)
        else:
            decided.addCallbacks(self._open, lambda failure: self._deny(failure.value), (request.key,))

    def _open(self, accepted: _Answer, key: str) -> None:
        protocol, headers = accepted
        self.transport.write(opening.answer(self.factory.server, key, protocol, headers))
        self.state = self.STATE_OPEN
        self.onOpen()
        if self.data:
            rest, self.data = self.data, b""
            self.dataReceived(rest)

    def _deny(self, error: BaseException) -> None:
        if isinstance(error, ConnectionDeny):
            self.failHandshake(str(error.reason), error.code)
        else:
            self.failHandshake(f"Internal server error: {error}", 500)

    def failHandshake(self, reason: str, code: int = 400, responseHeaders: Any = None) -> None:
        headers = handshake.headers_of_refusal(code, retry_after.CONNECTION)
        super().failHandshake(reason, code, headers)
        self._say_answered(code)

    def _say_answered(self, status: int) -> None:
        answered, self.answered = self.answered, None
        if answered is not None:
            answered(status)

    def onOpen(self) -> None:
        self._say_answered(101)
        self._packet_rate = TokenBucket(
            self.factory.limits, self.factory.hits, self.factory.timeout_wheel.seconds()
        )
        self.logged_out()

    # incoming bytes

    def dataReceived(self, data: bytes) -> None:
        if self._last_heard != self.factory.timeout_wheel.now:
            self._last_heard = self.factory.timeout_wheel.now
            if self.state == self.STATE_OPEN:
                self._packet_rate.refill(self.factory.timeout_wheel.seconds())
        if self.state == self.STATE_CONNECTING:
            self._collect_handshake(data)
            return
        token = logger.TRACE.set(self.trace)  # once for all that was read
        try:
            if (
                self.state == self.STATE_OPEN
                # no frame or message is incomplete, and no extension changes frames
                and not self.data
                and self.current_frame is None
                and not self.inside_message
                and self._perMessageCompress is None
            ):
                used = self._take_common(data)
                if used == len(data):
                    return
                data = data[used:]
            if len(data) > BYTES_PER_LOOK:
                self.factory.turns.run(self._feed_much, data)
            else:
                self.feed(data)
        finally:
            logger.TRACE.reset(token)

    def _take_common(self, data: bytes) -> int:
        """Take the messages in common frames off the front of *data*; return how many bytes they took."""
        messages, used = cut(data, self.factory.maxMessagePayloadSize)
        if len(messages) > REQUESTS_PER_LOOK:
            self.factory.turns.run(self._take_many, messages)
        else:
            for payload, is_binary in messages:
                self.onMessage(payload, is_binary)
        return used

    def _take_many(self, messages: list[tuple[bytes, bool]]) -> None:
        """Take the messages of one read; what is not served in this turn waits for another."""
        for begin in range(0, len(messages), REQUESTS_PER_LOOK):
            self._yield_if_over()
            for payload, is_binary in messages[begin : begin + REQUESTS_PER_LOOK]:
                self.onMessage(payload, is_binary)

    def _feed_much(self, data: bytes) -> None:
        """Hand the bytes of one read to Autobahn; requests not served in this turn wait for another."""
        for begin in range(0, len(data), BYTES_PER_LOOK):
            self._yield_if_over()
            self.feed(data[begin : begin + BYTES_PER_LOOK])

    def _yield_if_over(self) -> None:
        if self._requests is not None and self.factory.turns.is_over():
            self._requests.yield_turn()

    def _client(self) -> str:
        """Return which client this connection takes turns with: its user, else its address."""
        return self.login.user.id if self.login is not None else self.address_group or self._key

    def _collect_handshake(self, data: bytes) -> None:
        if self._awaits_admission:  # TLS hands on what it has read before the pause
            self.data += data
            return
        received = data
        if self.data:
            received, self.data = self.data + data, b""
        if len(received) > MAX_HANDSHAKE:
            self.drop("its handshake is too long")
        elif handshake.END in received:
            self.shake_hands(received)
        else:
            self.data = received

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        requests, rate = self._requests, self._packet_rate
        if requests is None or self.state != self.STATE_OPEN:
            return
        if rate.available:
            rate.available -= 1
        elif rate.reject(self.factory.timeout_wheel.seconds()):
            self._reject(requests, payload, isBinary)
            return
        try:
            packet = self.codec.decode(payload, isBinary)
        except BadPacket as refusal:
            requests.add(self._refuse(refusal.op, refusal.seq, refusal))
        else:
            operations = self.factory.operations
            if packet.op == _SEND and requests.is_idle():
                self._answer_send(requests, packet)
            elif packet.op in operations.overlapping:
                requests.add(self._answer(packet), True)
            elif packet.op in operations.dear:
                if self.factory.login_watch is not None and packet.op == _LOGIN:
                    self.factory.login_watch(self, packet.body.id, payload)
                requests.add_dear(self._answer_dear(packet))
            else:
                requests.add(self._answer(packet))

    def _reject(self, requests: RequestQueue, payload: bytes, is_binary: bool) -> None:
        """Answer a packet above the rate with an error."""
        try:
            packet = self.codec.decode(payload, is_binary)
            op, seq = reply_op(packet.op), packet.seq
        except BadPacket as bad:
            op, seq = bad.op, bad.seq
        rate = self.factory.limits.max_packet_rate
        refusal = TooManyRequests(f"more than {rate} packets a second")
        if self._packet_rate.is_abused():
            requests.add(self._refuse_last(op, seq, refusal))
        else:
            requests.add(self._refuse(op, seq, refusal))

    async def _refuse_last(self, op: int, seq: int, refusal: GimError) -> bytes:
        """Refuse a packet, then close; the replies before it, which may wait for a turn, go out first."""
        self.after_reply(partial(self.close_with, closing.TOO_MANY_REQUESTS))
        return await self._refuse(op, seq, refusal)

    def onPing(self, payload: bytes) -> None:
        """Answer a ping. It costs about as much as a packet, and counts as one."""
        if self._packet_rate.available:
            self._packet_rate.available -= 1
        elif self._packet_rate.reject(self.factory.timeout_wheel.seconds()):
            if self._packet_rate.is_abused():
                self.close_with(closing.TOO_MANY_REQUESTS)
            return
        super().onPing(payload)

    # replies

    async def _refuse(self, op: int, seq: int, refusal: GimError) -> bytes:
        if (metrics := self.factory.requests) is not None:
            metrics.failed(op - 1, refusal.code, 0)
        return self.codec.encode_error(op, seq, refusal)

    async def _answer_dear(self, packet: Packet) -> bytes:
        reply = await self._answer(packet)
        self.factory.operations.answered(self, len(reply))
        return reply

    async def _answer(self, packet: Packet, begun: tuple[int, Awaitable[Struct]] | None = None) -> bytes:
        """Perform an operation; return the reply, and count it.

        *begun* is an operation that has begun: when, as `_begin_timing` returns it, and the rest of it.
        """
        began, work = begun if begun is not None else (self._begin_timing(), None)
        try:
            data = await (work if work is not None else self.factory.operations.perform(self, packet))
            reply = self.codec.encode_reply(reply_op(packet.op), packet.seq, data)
        except Exception as error:
            return self._failed(packet, began, error)
        if (metrics := self.factory.requests) is not None:
            metrics.succeeded(packet.op, began)
        return reply

    def _answer_send(self, requests: RequestQueue, packet: Packet) -> None:
        """Answer a send while no other request waits.

        That is nearly every one, so it goes without a coroutine if the storage answers at once: a third
        less than `_answer` through the queue.
        """
        factory = self.factory
        metrics, began = factory.requests, 0
        if metrics is not None and metrics.to_time:
            began = self._begin_timing()
        try:
            sent = factory.operations.send(self, packet.body)
            if not isinstance(sent, Sent):
                may_overlap = _SEND in factory.operations.overlapping
                requests.add(self._answer(packet, (began, sent)), may_overlap)
                return
            reply = self.codec.encode_reply(_SENT, packet.seq, sent)
        except Exception as error:
            reply = self._failed(packet, began, error)
        else:
            if metrics is not None:  # `RequestMetrics.succeeded` inlined: the call is most of its cost
                metrics.successes[_SEND] += 1
                if began:
                    add(metrics.rows[_SEND], began)
        self._reply(reply)

    def _begin_timing(self) -> int:
        """Return the time of `perf_counter_ns` if a request is to be timed, else 0."""
        metrics = self.factory.requests
        if metrics is None or not metrics.to_time:
            return 0
        metrics.to_time -= 1
        return perf_counter_ns()

    def _failed(self, packet: Packet, began: int, error: Exception) -> bytes:
        """Return the reply for a request that failed, and count it."""
        refusal = error if isinstance(error, GimError) else self._fault(packet)
        if (metrics := self.factory.requests) is not None:
            metrics.failed(packet.op, refusal.code, began)
        return self.codec.encode_error(reply_op(packet.op), packet.seq, refusal)

    def _fault(self, packet: Packet) -> InternalError:
        self._log.failure("serving op {op} from {peer} failed", op=packet.op, peer=self.peer)
        return InternalError(self.trace)

    def _reply(self, payload: bytes) -> None:
        """Write a reply; if too much waits unsent then, no request begins until it has drained."""
        if not self.outbound.send(payload) and self._requests is not None:
            self._requests.hold()
            self.outbound.when_drained(self)
        if self._after_reply is not None:
            self._reply_written(self._after_reply)

    def _reply_written(self, calls: list[Callable[[], None]]) -> None:
        self._after_reply = None
        for call in calls:
            call()

    def after_reply(self, call: Callable[[], None]) -> None:
        """Call *call* once the reply to the request under way has been written."""
        if self._after_reply is None:
            self._after_reply = []
        self._after_reply.append(call)

    def drained(self, connection: Connection) -> None:
        """See `gim.push.presence.Drained`."""
        if self._requests is not None:
            self._requests.release()

    def pong_written(self) -> None:
        """See `BoundedProtocol`."""
        self.outbound.check_backlog(0)

    def can_write(self) -> bool:
        """Return whether a reply can still be written."""
        return bool(self.state == self.STATE_OPEN)

    # what an administrator watches

    def watch(self, watcher: Watcher) -> None:
        """Show *watcher* all messages, in both directions, from now on.

        Only the attributes of this one connection change, so others pay nothing.
        """
        self.watcher = watcher
        self.onMessage = partial(self._watched, watcher)  # type: ignore[method-assign]
        self.outbound.watch(watcher.written)

    def unwatch(self) -> None:
        """End what `watch` began, if anything."""
        if self.watcher is not None:
            self.watcher = None
            del self.onMessage
            self.outbound.unwatch()

    def _watched(self, watcher: Watcher, payload: bytes, is_binary: bool) -> None:
        if self.state == self.STATE_OPEN:
            watcher.received(payload, is_binary)
        type(self).onMessage(self, payload, is_binary)

    # the end

    def token_refused(self) -> None:
        """Count a bad token. The last one allowed closes the connection, after the reply."""
        self._bad_tokens += 1
        if self._bad_tokens >= MAX_BAD_TOKENS:
            self.after_reply(partial(self.close_with, closing.BAD_TOKENS))

    def too_many_connections(self) -> None:
        """Close the connection after the reply: its user has as many as are allowed."""
        self.after_reply(partial(self.close_with, closing.TOO_MANY_CONNECTIONS))

    def sendCloseFrame(self, *args: Any, **kwargs: Any) -> None:
        self.outbound.flush()
        super().sendCloseFrame(*args, **kwargs)
        self.outbound.close()

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        self.outbound.close()
        self.factory.timeout_wheel.cancel(self)
        if self._requests is not None:
            self._requests.stop()
            self._requests = None  # it refers to this connection, which is to be freed at once
        if self.closedByMe:  # otherwise the server's close frame only answered the client's
            code, reason = self.localCloseCode, (self.localCloseReason or b"").decode(errors="replace")
            if code is not None and code in closing.LIMITS:
                self.factory.hits.hit(closing.LIMITS[code])
        if self.watcher is not None:
            self.watcher.closed(code, reason or "")
        with logger.traced(self.trace):
            self._log_end(code, reason or "")
            self.factory.operations.disconnected(self)
        self.factory.closed(self, code)

    def _log_end(self, code: int | None, reason: str) -> None:
        self._log.info(
            "connection of {user} from {peer} ended, {code}",
            user=self.login.user.id if self.login is not None else "unknown user",
            peer=self.peer,
            code="without a close code" if code is None else f"{code} {reason[:MAX_LOGGED_REASON]!r}",
        )
