"""The short way in beside Autobahn's own: whatever comes, in whatever reads, the same comes of it."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import txaio
from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from gim.gateway.factory import GatewayFactory
from gim.gateway.frames import cut, frame
from gim.gateway.protocol import GatewayProtocol
from gim.gateway.timeout_wheel import Timeouts, TimeoutWheel
from gim.gateway.write_batch import WriteBatch
from gim.wire.json import JsonCodec

FIN, CONTINUED, TEXT, BINARY, CLOSE, PING, PONG = 0x80, 0, 1, 2, 8, 9, 10
NO_MASK = b"\0\0\0\0"  # a mask, but one that changes nothing
MASK = b"\x9a\x00\xff\x31"
ANY_LIMIT = 2**32
HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: localhost:8080\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\ntrace: t-1\r\nSec-WebSocket-Version: 13\r\n\r\n"
)

quick = settings(
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=300,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)


class Encoded(NamedTuple):
    """A frame as it goes over the wire."""

    head: bytes
    body: bytes

    def __bytes__(self) -> bytes:
        return self.head + self.body


def xor(mask: bytes, payload: bytes) -> bytes:
    masked = bytearray(payload)
    for place, key in enumerate(mask):
        masked[place::4] = masked[place::4].translate(bytes(byte ^ key for byte in range(256)))
    return bytes(masked)


def encode(
    first: int,
    payload: bytes,
    mask: bytes | None = NO_MASK,
    form: int | None = None,
    length: int | None = None,
) -> Encoded:
    """Write any frame, right or wrong.

    *form* is how its length is written: 0 in one byte, 126 in two more, 127 in eight more, None as
    briefly as can be. *length* is what is said instead of the true one.
    """
    if length is None:
        length = len(payload)
    if form is None:
        form = 0 if length < 126 else 126 if length < 65536 else 127
    more = {0: b"", 126: length.to_bytes(8, "big")[-2:], 127: length.to_bytes(8, "big")}[form]
    second = (form or length) | (0 if mask is None else 0x80)
    if mask is not None and mask != NO_MASK:
        payload = xor(mask, payload)
    return Encoded(bytes([first, second]) + more + (mask or b""), payload)


def decode(data: bytes) -> tuple[int, bool, bytes, int] | None:
    """Read one frame: its first byte, whether it is masked, payload, end; None if it is
    incomplete or its length is not as short as it could be written."""
    if len(data) < 2:
        return None
    length, begin, least = data[1] & 0x7F, 2, 0
    if length > 125:
        begin, least = (4, 126) if length == 126 else (10, 65536)
        length = int.from_bytes(data[2:begin], "big")
    is_masked = data[1] >= 0x80
    mask = data[begin : begin + 4] if is_masked else NO_MASK
    begin += 4 * is_masked
    end = begin + length
    if length < least or len(data) < end:
        return None
    payload = data[begin:end]
    return data[0], is_masked, payload if mask == NO_MASK else xor(mask, payload), end


def plain_cut(data: bytes, limit: int) -> tuple[list[tuple[bytes, bool]], int]:
    """What `cut` says it does, by other means."""
    messages: list[tuple[bytes, bool]] = []
    at = 0
    while decoded := decode(data[at:]):
        first, is_masked, payload, size = decoded
        is_common = is_masked and first in (FIN | TEXT, FIN | BINARY) and len(payload) < 65536
        is_bad_text = first == FIN | TEXT and "\ufffd" in payload.decode(errors="replace")
        if not is_common or len(payload) > limit or is_bad_text:
            break
        messages.append((payload, first == FIN | BINARY))
        at += size
    return messages, at


# Streams: what a peer may send, right or wrong

edges = [0, 1, 2, 3, 4, 5, 124, 125, 126, 127, 128, 65534, 65535, 65536, 65537]
sizes = st.one_of(st.integers(0, 200), st.integers(0, 10), st.sampled_from(edges))
limits = st.sampled_from([10, 125, 126, 127, 65535, 65536, *[80_000] * 6])
masks = st.sampled_from([NO_MASK, NO_MASK, MASK, b"\x80\x00\x01\x02"])
texts = ["x", "ab", "é", "a€", "\U0001f600b", "\x00", "퟿", "\U0010ffff"]
bytes_of_no_text = [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"ab\x80", b"\xe2\x82"]
deeds = [b"say close", b"say drop", b"say abort", b"say fail"]  # see `Recording.onMessage`

# what looks like the beginning of a frame where it is none
decoys = [bytes(encode(FIN | TEXT, b"decoy")), bytes(encode(FIN | BINARY, b"", MASK)), b"\x82\x80"]


@st.composite
def payloads(draw: st.DrawFn, is_text: bool) -> bytes:
    """Of any size, but drawn as a pattern that is repeated."""
    patterns = [text.encode() for text in texts] if is_text else [*decoys, *bytes_of_no_text]
    pattern, size = draw(st.sampled_from(patterns)), draw(sizes)
    return (pattern * (size // len(pattern))).ljust(size, b"y")


@st.composite
def messages(draw: st.DrawFn) -> list[Encoded]:
    opcode = draw(st.sampled_from([TEXT, BINARY]))
    return [encode(FIN | opcode, draw(payloads(opcode == TEXT)), draw(masks))]


@st.composite
def sayings(draw: st.DrawFn) -> list[Encoded]:
    return [encode(FIN | TEXT, draw(st.sampled_from(deeds)), draw(masks))]


@st.composite
def controls(draw: st.DrawFn) -> list[Encoded]:
    payload = draw(st.sampled_from([b"", b"z", b"z" * 125, *decoys, *decoys]))
    return [encode(FIN | draw(st.sampled_from([PING, PONG])), payload, draw(masks))]


@st.composite
def fragments(draw: st.DrawFn) -> list[Encoded]:
    """A message in frames, with control frames in between; now and then without its end."""
    opcode = draw(st.sampled_from([TEXT, BINARY]))
    payload, count = draw(payloads(opcode == TEXT)), draw(st.integers(2, 4))
    size, frames = len(payload) // count + 1, []
    for number in range(count):
        fin = FIN if number == count - 1 and draw(st.integers(0, 9)) else 0
        part = payload[number * size : (number + 1) * size]
        frames.append(encode(fin | (CONTINUED if number else opcode), part, draw(masks)))
        if draw(st.booleans()):
            frames += draw(controls())
    return frames


@st.composite
def closes(draw: st.DrawFn) -> list[Encoded]:
    code = draw(st.sampled_from([0, 999, 1000, 1001, 1005, 1007, 1015, 2999, 3000, 4999, 5000]))
    reason = draw(st.sampled_from([b"", b"bye", "é".encode(), b"\xff", b"\xe2\x82", b"x" * 124]))
    payload = draw(st.sampled_from([b"", b"\x03", code.to_bytes(2, "big") + reason]))
    return [encode(FIN | CLOSE, payload, draw(masks))]


@st.composite
def faults(draw: st.DrawFn) -> list[Encoded]:
    """Frames that the RFC forbids, bytes that are none, lengths that nothing follows."""
    kind, payload = draw(st.integers(0, 5)), draw(payloads(draw(st.booleans())))
    if kind == 0:  # reserved bits, reserved opcodes, fragmented or long control frames
        return [encode(draw(st.integers(0, 255)), payload, draw(masks))]
    if kind == 1:
        return [encode(FIN | draw(st.sampled_from([TEXT, BINARY, PING])), payload, None)]
    if kind == 2:  # a length not as short as it could be
        form = draw(st.sampled_from([126, 127]))
        return [encode(FIN | draw(st.sampled_from([TEXT, BINARY])), payload[:65535], MASK, form)]
    if kind == 3:  # text that is none
        bad = draw(st.sampled_from(bytes_of_no_text))
        return [encode(FIN | TEXT, payload[:100] + bad + payload[:3], draw(masks))]
    if kind == 4:  # a length that nothing follows
        length = draw(st.sampled_from([2**63 - 1, 2**63, 2**64 - 1, 65536, 70_000]))
        return [encode(FIN | draw(st.sampled_from([TEXT, BINARY])), b"", MASK, 127, length)]
    return [Encoded(draw(st.binary(max_size=20)), b"")]


right = st.one_of(messages(), messages(), fragments(), controls())
other = st.one_of(sayings(), closes(), faults())


@st.composite
def streams(draw: st.DrawFn) -> list[Encoded]:
    """Some frames that are right, often something else after them, and some more."""
    groups = draw(st.lists(right, min_size=1, max_size=6))
    if draw(st.booleans()):
        groups += [draw(other), *draw(st.lists(right, max_size=3))]
    return [each for group in groups for each in group]


@st.composite
def reads(draw: st.DrawFn) -> list[bytes]:
    """A stream in the pieces that it is read in."""
    frames = draw(streams())
    data = b"".join(map(bytes, frames))
    edges = list(accumulate(len(part) for each in frames for part in each))
    how = draw(st.sampled_from(["edges", "edges", "near edges", "even", "whole"]))
    if how == "even":
        step = max(draw(st.sampled_from([1, 2, 3, 5, 7, 100, 4096])), len(data) // 500)
        cuts = list(range(0, len(data), step))
    elif how == "edges":
        cuts = draw(st.lists(st.sampled_from(edges), min_size=1, max_size=9))
    elif how == "near edges":
        near = st.tuples(st.sampled_from(edges), st.integers(-3, 7))
        cuts = [edge + offset for edge, offset in draw(st.lists(near, min_size=1, max_size=6))]
    else:
        cuts = []
    places = sorted({0, len(data), *(place for place in cuts if 0 < place < len(data))})
    return [data[begin:end] for begin, end in pairwise(places)]


# The two sides


class Wire:
    """A transport that notes what is done to it in a log that others write to as well."""

    def __init__(self, log: list[Any]) -> None:
        self.log = log
        self.is_aborted = False

    def write(self, data: bytes) -> None:
        self.log.append(("write", data))

    def loseConnection(self) -> None:
        self.log.append("lose")

    def abortConnection(self) -> None:
        self.log.append("abort")
        self.is_aborted = True

    def getPeer(self) -> IPv4Address:
        return IPv4Address("TCP", "127.0.0.1", 2)

    getHost = getPeer

    def setTcpNoDelay(self, enabled: bool) -> None:
        pass

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        pass

    def unregisterProducer(self) -> None:
        pass


class Recording:
    """Mixed into a protocol: logs what it is told, and does what it is asked for in a message."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Any] = []

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        if self.state != self.STATE_OPEN:
            return
        self.events.append(("message", payload, isBinary))
        if payload == b"say close":
            self.sendClose(3000, "as you say")
        elif payload == b"say drop":
            self.dropConnection()
        elif payload == b"say abort":
            self.dropConnection(abort=True)
        elif payload == b"say fail":
            self._fail_connection(1008, "as you say")

    def onPing(self, payload: bytes) -> None:
        self.events.append(("ping", payload))
        super().onPing(payload)

    def onPong(self, payload: bytes) -> None:
        self.events.append(("pong", payload))

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        self.events.append(("close", wasClean, code, reason))
        super().onClose(wasClean, code, reason)


class Ours(Recording, GatewayProtocol):
    pass


class Stock(Recording, WebSocketServerProtocol):
    log = GatewayProtocol.log  # says as little


class NoOperations:
    def disconnected(self, connection: Any) -> None:
        pass


ENDS = (  # what Autobahn knows of the end of a connection
    "state",
    "wasClean",
    "wasNotCleanReason",
    "closedByMe",
    "failedByMe",
    "droppedByMe",
    "localCloseCode",
    "localCloseReason",
    "remoteCloseCode",
    "remoteCloseReason",
    "wasMaxFramePayloadSizeExceeded",
    "wasMaxMessagePayloadSizeExceeded",
)


class BothSidesTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.patch(txaio.config, "loop", self.clock)  # Autobahn's timers ask this one
        self.patch(GatewayProtocol, "_log_end", lambda *args: None)
        self.factories: dict[tuple[type[Recording], int], Any] = {}

    def factory(self, kind: type[Recording], limit: int) -> Any:
        if (kind, limit) not in self.factories:
            self.factories[kind, limit] = self.make(kind, limit)
        return self.factories[kind, limit]

    def make(self, kind: type[Recording], limit: int) -> Any:
        if kind is Ours:
            codec, deadlines = JsonCodec(), TimeoutWheel(self.clock, 1.0)
            shared: list[Any] = [codec, Timeouts(), deadlines, WriteBatch(self.clock), self.clock]
            ours = GatewayFactory(NoOperations(), {}, *shared, max_packet=limit)
            ours.protocol = Ours
            return ours
        model = self.factory(Ours, limit)
        stock = WebSocketServerFactory(server=model.server, headers={"trace": "t-1"}, reactor=self.clock)
        stock.protocol = Stock
        for name in Stock.CONFIG_ATTRS:  # all that `setProtocolOptions` sets
            setattr(stock, name, getattr(model, name))
        return stock

    def connect(self, kind: type[Recording], limit: int = 65536) -> Any:
        protocol = self.factory(kind, limit).buildProtocol(None)
        protocol.makeConnection(Wire(protocol.events))
        return protocol

    def open(self, limit: int = 65536) -> Any:
        """Return one of ours after its handshake, with an empty log."""
        protocol = self.connect(Ours, limit)
        protocol.dataReceived(HANDSHAKE)
        self.assertEqual(protocol.state, protocol.STATE_OPEN)
        protocol.events.clear()
        return protocol

    def play(self, kind: type[Recording], limit: int, pieces: list[bytes]) -> list[Any]:
        """Return all that comes of *pieces*, each a read."""
        protocol = self.connect(kind, limit)
        for piece in pieces:
            protocol.events.append("read")
            if not protocol.transport.is_aborted:
                protocol.dataReceived(piece)
                protocol.events.append(("state", protocol.state))
        rest = [protocol.data] if protocol.state != protocol.STATE_CLOSED else []
        self.clock.advance(protocol.closeHandshakeTimeout + 1)
        protocol.connectionLost(Failure(ConnectionDone()))
        return [*protocol.events, ("rest", *rest), *((name, getattr(protocol, name)) for name in ENDS)]

    def assertSame(self, limit: int, pieces: list[bytes]) -> list[Any]:
        """Compare all that happens, and in which read; what Autobahn counts alone may differ."""
        ours = self.play(Ours, limit, pieces)
        self.assertEqual(ours, self.play(Stock, limit, pieces))
        return ours


def received(events: list[Any]) -> list[tuple[bytes, bool]]:
    return [event[1:] for event in events if event[0] == "message"]


class AsOnAutobahnTests(BothSidesTestCase):
    @quick
    @given(reads(), limits)
    def test_any_frames_in_any_reads(self, pieces: list[bytes], limit: int) -> None:
        self.assertSame(limit, [HANDSHAKE, *pieces])

    @settings(quick, max_examples=100)
    @given(streams(), st.integers(0, len(HANDSHAKE) + 20))
    def test_frames_in_the_same_read_as_the_handshake(self, frames: list[Encoded], at: int) -> None:
        data = HANDSHAKE + b"".join(map(bytes, frames))[:8000]
        self.assertSame(4000, [data[:at], data[at:]] if at else [data])

    @quick
    @given(st.lists(st.one_of(messages(), controls()), max_size=6), st.data())
    def test_what_is_right_all_arrives(self, groups: list[list[Encoded]], data: st.DataObject) -> None:
        """Not only the same on both sides: the right."""
        frames = [bytes(each) for group in groups for each in group]
        parsed = [decoded for each in frames if (decoded := decode(each))]
        self.assertEqual(len(parsed), len(frames))
        sent = [
            (payload, first == FIN | BINARY)
            for first, _, payload, _ in parsed
            if first in (FIN | TEXT, FIN | BINARY)
        ]
        stream = b"".join(frames)
        cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=5))
        places = sorted({0, len(stream), *cuts})
        pieces = [stream[begin:end] for begin, end in pairwise(places)]
        self.assertEqual(received(self.play(Ours, 80_000, [HANDSHAKE, *pieces])), sent)

    def cut_everywhere(self, frames: list[Encoded], limit: int = 1000) -> list[Any]:
        """Play *frames* in two reads, and in three with one byte alone, cut at each place."""
        stream = b"".join(map(bytes, frames))
        for at in range(1, len(stream)):
            self.assertSame(limit, [HANDSHAKE, stream[:at], stream[at:]])
            three = [stream[:at], stream[at : at + 1], stream[at + 1 :]]
            self.assertSame(limit, [HANDSHAKE, *filter(None, three)])
        return self.assertSame(limit, [HANDSHAKE, stream])

    def test_two_messages_cut_everywhere(self) -> None:
        events = self.cut_everywhere(
            [encode(FIN | TEXT, "h€llo".encode(), MASK), encode(FIN | BINARY, b"x" * 130, MASK)]
        )
        self.assertEqual(received(events), [("h€llo".encode(), False), (b"x" * 130, True)])

    def test_a_ping_that_holds_a_frame_cut_everywhere(self) -> None:
        decoy = bytes(encode(FIN | TEXT, b"decoy"))
        events = self.cut_everywhere([encode(FIN | PING, decoy), encode(FIN | TEXT, b"after", MASK)])
        self.assertEqual(received(events), [(b"after", False)])
        self.assertIn(("write", bytes(encode(FIN | PONG, decoy, None))), events)

    def test_a_message_that_holds_frames_cut_everywhere(self) -> None:
        decoy = bytes(encode(FIN | TEXT, b"decoy"))
        events = self.cut_everywhere(
            [encode(FIN | BINARY, decoy * 2), encode(BINARY, decoy), encode(FIN, decoy)]
        )
        self.assertEqual(received(events), [(decoy * 2, True), (decoy * 2, True)])

    def test_heads_that_go_on_like_a_frame_cut_everywhere(self) -> None:
        """What follows the first byte could be an empty frame."""
        events = self.cut_everywhere(
            [encode(FIN | TEXT, b"t", b"\x80abc"), encode(FIN | BINARY, b"bb", b"\x80abc")]
        )
        self.assertEqual(received(events), [(b"t", False), (b"bb", True)])

    def test_fragments_around_a_ping_cut_everywhere(self) -> None:
        events = self.cut_everywhere(
            [
                encode(TEXT, b"a\xe2\x82", MASK),
                encode(FIN | PING, b"?", MASK),
                encode(FIN, b"\xac", MASK),
                encode(FIN | TEXT, b"b"),
            ]
        )
        self.assertEqual(received(events), [("a€".encode(), False), (b"b", False)])

    def test_a_close_between_messages_cut_everywhere(self) -> None:
        events = self.cut_everywhere(
            [
                encode(FIN | TEXT, b"before"),
                encode(FIN | CLOSE, b"\x03\xe8bye", MASK),
                encode(FIN | TEXT, b"after"),
            ]
        )
        self.assertEqual(received(events), [(b"before", False)])

    def test_a_fault_between_messages_cut_everywhere(self) -> None:
        for fault, code in (
            (encode(FIN | TEXT, b"\xff", MASK), 1007),
            (encode(FIN | TEXT, b"x" * 1001), 1009),
            (encode(FIN | TEXT, b"unmasked", None), 1002),
            (encode(FIN | TEXT, b"long form", MASK, 126), 1002),
            (encode(FIN | 0x40 | TEXT, b"reserved bit", MASK), 1002),
            (encode(FIN | 3, b"reserved opcode", MASK), 1002),
            (encode(FIN, b"nothing to continue", MASK), 1002),
        ):
            before, after = encode(FIN | TEXT, b"before"), encode(FIN | TEXT, b"after")
            if len(fault.body) < 1000:
                self.cut_everywhere([before, fault, after])
            events = self.assertSame(1000, [HANDSHAKE, bytes(before) + bytes(fault) + bytes(after)])
            self.assertEqual(received(events), [(b"before", False)], fault)
            (close,) = [event[1] for event in events if event[0] == "write" and event[1][0] == 0x88]
            self.assertEqual(int.from_bytes(close[2:4], "big"), code, fault)

    def test_what_follows_a_close_of_our_own_in_the_same_read_is_not_heard(self) -> None:
        for deed in deeds:
            pieces = [encode(FIN | TEXT, each) for each in (b"before", deed, b"after", b"after")]
            events = self.assertSame(1000, [HANDSHAKE, b"".join(map(bytes, pieces))])
            self.assertEqual(received(events), [(b"before", False), (deed, False)])


class ShortWayTests(BothSidesTestCase):
    """Which reads go which way."""

    def setUp(self) -> None:
        super().setUp()
        self.one = bytes(encode(FIN | TEXT, b"one", MASK))
        self.two = bytes(encode(FIN | BINARY, b"two", MASK))
        self.ping = bytes(encode(FIN | PING, b"ping", MASK))

    def watched(self, limit: int = 65536) -> tuple[Any, list[bytes]]:
        """Return a connection and what Autobahn gets of it from now on."""
        protocol, handed_over = self.open(limit), []
        autobahn = protocol._dataReceived

        def note(data: bytes) -> None:
            handed_over.append(data)
            autobahn(data)

        protocol._dataReceived = note
        return protocol, handed_over

    def test_common_frames_never_come_to_autobahn(self) -> None:
        protocol, handed_over = self.watched()
        sent = [(b"x" * size, bool(size % 2)) for size in (0, 1, 125, 126, 127, 5000, 65535)]
        frames = [bytes(encode(FIN | TEXT + kind, text, MASK)) for text, kind in sent]
        for each in frames:
            protocol.dataReceived(each)
        protocol.dataReceived(b"".join(frames))
        self.assertEqual(handed_over, [])
        self.assertEqual(received(protocol.events), sent + sent)
        self.assertEqual({type(payload) for payload, _ in received(protocol.events)}, {bytes})

    def test_all_from_the_first_other_frame_on_goes_to_autobahn(self) -> None:
        protocol, handed_over = self.watched()
        rest = self.ping + self.two + self.one
        protocol.dataReceived(self.one + self.two + rest)
        self.assertEqual(handed_over, [rest])
        sent = [(b"one", False), (b"two", True)]
        self.assertEqual(received(protocol.events), [*sent, *reversed(sent)])

    def test_an_incomplete_frame_goes_to_autobahn_with_the_read_that_ends_it(self) -> None:
        for at in range(1, len(self.two)):
            protocol, handed_over = self.watched()
            protocol.dataReceived(self.one + self.two[:at])
            protocol.dataReceived(self.two[at:] + self.one)
            protocol.dataReceived(self.one)
            self.assertEqual(handed_over, [self.two[:at], self.two[at:] + self.one])
            self.assertEqual(len(received(protocol.events)), 4)

    def test_after_other_frames_the_way_is_short_again(self) -> None:
        first, last = bytes(encode(TEXT, b"be", MASK)), bytes(encode(FIN, b"gin", MASK))
        long = bytes(encode(FIN | BINARY, b"x" * 65536))
        for reads in [self.ping], [self.ping[:4], self.ping[4:]], [first, last], [long]:
            protocol, handed_over = self.watched()
            for read in reads:
                protocol.dataReceived(read)
            self.assertEqual(handed_over, reads)
            protocol.dataReceived(self.one)
            self.assertEqual(handed_over, reads)
            self.assertEqual(received(protocol.events)[-1], (b"one", False))

    def test_within_a_message_in_fragments_all_goes_to_autobahn(self) -> None:
        protocol, handed_over = self.watched()
        reads = [bytes(encode(TEXT, b"be", MASK)), self.ping, self.one]
        for read in reads:
            protocol.dataReceived(read)
        self.assertEqual(handed_over, reads)
        self.assertEqual((received(protocol.events), protocol.localCloseCode), ([], 1002))

    def test_within_a_control_frame_all_goes_to_autobahn(self) -> None:
        for at in range(1, len(self.ping)):
            protocol, handed_over = self.watched()
            protocol.dataReceived(self.ping[:at])
            protocol.dataReceived(self.ping[at:] + self.one)
            self.assertEqual(handed_over, [self.ping[:at], self.ping[at:] + self.one], at)

    def test_once_we_close_all_goes_to_autobahn(self) -> None:
        protocol, handed_over = self.watched()
        protocol.sendClose(3000, "enough")
        protocol.dataReceived(self.one)
        self.assertEqual((handed_over, received(protocol.events)), ([self.one], []))

    def test_with_an_extension_all_goes_to_autobahn(self) -> None:
        protocol = self.open()
        protocol._perMessageCompress = object()
        handed_over: list[bytes] = []
        protocol._dataReceived = handed_over.append
        protocol.dataReceived(self.one)
        self.assertEqual((handed_over, received(protocol.events)), ([self.one], []))

    def test_the_limit_decides(self) -> None:
        protocol, handed_over = self.watched(limit=100)
        fits, longer = (bytes(encode(FIN | TEXT, b"x" * size, MASK)) for size in (100, 101))
        protocol.dataReceived(fits + longer)
        self.assertEqual((handed_over, received(protocol.events)), ([longer], [(b"x" * 100, False)]))
        self.assertEqual(protocol.localCloseCode, 1009)


class CutTests(SynchronousTestCase):
    def assertStops(self, rest: Encoded | bytes, limit: int = ANY_LIMIT) -> None:
        """Whatever came before it, it ends right before *rest*."""
        before = [(b"", False), (b"x" * 125, True), ("€".encode() * 42, False), (b"x" * 300, True)]
        for count in range(len(before) + 1):
            taken = before[:count]
            front = b"".join(bytes(encode(FIN | TEXT + kind, text, MASK)) for text, kind in taken)
            self.assertEqual(cut(front + bytes(rest), limit), (taken, len(front)), rest)

    def test_nothing(self) -> None:
        self.assertEqual(cut(b"", ANY_LIMIT), ([], 0))
        self.assertStops(b"")

    def test_every_length_that_is_common(self) -> None:
        for size in (*range(300), 4095, 4096, 65534, 65535):
            data = bytes(encode(FIN | BINARY, (b"0123456789abc" * (size // 13 + 1))[:size], MASK))
            payload = (b"0123456789abc" * (size // 13 + 1))[:size]
            self.assertEqual(cut(data, size), ([(payload, True)], len(data)), size)

    def test_a_frame_that_is_longer_than_common(self) -> None:
        self.assertStops(encode(FIN | BINARY, b"x" * 65536))
        self.assertStops(encode(FIN | BINARY, b"x" * 70_000))

    def test_an_incomplete_frame(self) -> None:
        for size in 0, 1, 10, 125, 126, 300:
            whole = bytes(encode(FIN | TEXT, b"x" * size, MASK))
            for length in range(len(whole)):
                self.assertStops(whole[:length])

    def test_the_limit(self) -> None:
        for limit in 300, 1000, 65534:
            self.assertStops(encode(FIN | TEXT, b"x" * (limit + 1), MASK), limit)
            data = bytes(encode(FIN | TEXT, b"x" * limit, MASK))
            self.assertEqual(cut(data, limit)[1], len(data))

    def test_a_length_not_as_short_as_it_could_be(self) -> None:
        for size in 0, 1, 125:
            self.assertStops(encode(FIN | TEXT, b"x" * size, MASK, 126))
            self.assertStops(encode(FIN | TEXT, b"x" * size, MASK, 127))
        self.assertStops(encode(FIN | TEXT, b"x" * 126, MASK, 127))

    def test_an_unmasked_frame(self) -> None:
        for size in 0, 10, 125, 126, 300:
            self.assertStops(encode(FIN | TEXT, b"x" * size, None))

    def test_every_other_first_byte(self) -> None:
        for first in range(256):
            if first not in (FIN | TEXT, FIN | BINARY):
                self.assertStops(encode(first, b"x" * 10, MASK))

    def test_text_that_is_not_utf_8(self) -> None:
        for bad in bytes_of_no_text:
            for payload in bad, b"x" + bad, bad + b"x", b"x" * 200 + bad:
                self.assertStops(encode(FIN | TEXT, payload, MASK))
                data = bytes(encode(FIN | BINARY, payload, MASK))
                self.assertEqual(cut(data, ANY_LIMIT), ([(payload, True)], len(data)))

    def test_text_that_is_utf_8(self) -> None:
        for text in texts:
            payload = text.encode()
            data = bytes(encode(FIN | TEXT, payload, MASK))
            self.assertEqual(cut(data, ANY_LIMIT), ([(payload, False)], len(data)))

    @quick
    @given(st.binary(max_size=300), st.binary(min_size=4, max_size=4))
    def test_every_payload_with_every_mask(self, payload: bytes, mask: bytes) -> None:
        data = bytes(encode(FIN | BINARY, payload, mask))
        self.assertEqual(cut(data, ANY_LIMIT), ([(payload, True)], len(data)))

    @quick
    @given(streams(), limits, st.integers(0, 10))
    def test_any_frames(self, frames: list[Encoded], limit: int, short: int) -> None:
        data = b"".join(map(bytes, frames))
        data = data[: len(data) - short]
        self.assertEqual(cut(data, limit), plain_cut(data, limit))

    @quick
    @given(st.lists(st.sampled_from(b"\x80\x81\x82\x83\x85\xfe\xff\x00\x01\x7e"), max_size=40))
    def test_any_bytes(self, data: list[int]) -> None:
        self.assertEqual(cut(bytes(data), ANY_LIMIT), plain_cut(bytes(data), ANY_LIMIT))


class FrameTests(SynchronousTestCase):
    def test_the_head_is_as_short_as_can_be(self) -> None:
        for size, head in (
            (0, "8100"),
            (1, "8101"),
            (125, "817d"),
            (126, "817e007e"),
            (127, "817e007f"),
            (65535, "817effff"),
            (65536, "817f0000000000010000"),
            (70_000, "817f0000000000011170"),
        ):
            payload = b"x" * size
            self.assertEqual(frame(payload, False), bytes.fromhex(head) + payload, size)
            self.assertEqual(frame(payload, True), b"\x82" + bytes.fromhex(head)[1:] + payload, size)

    def test_as_autobahn_writes_it(self) -> None:
        factory = WebSocketServerFactory()
        for size in edges:
            for is_binary in False, True:
                prepared = factory.prepareMessage(b"x" * size, is_binary)
                self.assertEqual(frame(b"x" * size, is_binary), prepared.payloadHybi, size)

    @quick
    @given(st.one_of(st.binary(max_size=300), payloads(False)), st.booleans())
    def test_what_is_written_can_be_read(self, payload: bytes, is_binary: bool) -> None:
        data = frame(payload, is_binary)
        first = FIN | (BINARY if is_binary else TEXT)
        self.assertEqual(decode(data + b"more"), (first, False, payload, len(data)))
