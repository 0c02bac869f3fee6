"""What the gateway relies on in Autobahn and Twisted beyond their documented APIs.

These tests have the libraries' own classes only. They fail first when a new release changes something;
docs/architecture.md says what relies on it.
"""

from __future__ import annotations

import os
import socket
from functools import cached_property
from typing import Any, cast

from autobahn.twisted.websocket import WebSocketServerProtocol
from autobahn.websocket.protocol import TrafficStats
from twisted.internet import tcp, unix
from twisted.internet.address import IPv4Address
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactor
from twisted.trial.unittest import SynchronousTestCase

from gim.gateway.autobahn_log import AutobahnLog
from gim.gateway.lean_protocol import LeanProtocol
from tests.support.both_sides import HANDSHAKE, BothSidesTestCase, Stock
from tests.support.frames import FIN, MASK, TEXT, encode
from tests.support.transports import build


class AutobahnTests(BothSidesTestCase):
    def opened(self) -> Any:
        protocol = self.connect(Stock)
        protocol.dataReceived(HANDSHAKE)
        self.assertEqual(protocol.state, protocol.STATE_OPEN)
        return protocol

    def test_each_connection_copies_the_options_that_config_attrs_names(self) -> None:
        protocol = self.connect(Stock)
        self.assertIn("maxMessagePayloadSize", WebSocketServerProtocol.CONFIG_ATTRS)
        self.assertLessEqual(set(WebSocketServerProtocol.CONFIG_ATTRS), set(vars(protocol)))

    def test_options_on_the_class_do_as_well(self) -> None:
        factory = self.factory(Stock, 65536)
        options = {name: getattr(factory, name) for name in Stock.CONFIG_ATTRS}
        functions = {name: staticmethod(each) for name, each in options.items() if callable(each)}
        factory.protocol = type("Preset", (Stock,), {**options, **functions, "CONFIG_ATTRS": ()})
        protocol = self.opened()
        self.assertEqual(set(options) & set(vars(protocol)), set())

    def assertParsing(self, protocol: Any, *expected: bool) -> None:
        seen = bool(protocol.data), protocol.current_frame is not None, protocol.inside_message
        self.assertEqual(seen, expected)

    def test_it_shows_whether_a_frame_or_message_is_incomplete(self) -> None:
        whole, begun = encode(FIN | TEXT, b"whole", MASK), encode(TEXT, b"begun", MASK)
        protocol = self.opened()
        self.assertParsing(protocol, False, False, False)
        protocol._dataReceived(whole.head[:1])
        self.assertParsing(protocol, True, False, False)
        protocol._dataReceived(whole.head[1:])
        self.assertParsing(protocol, False, True, True)
        protocol._dataReceived(whole.body)
        self.assertParsing(protocol, False, False, False)
        protocol._dataReceived(bytes(begun))
        self.assertParsing(protocol, False, False, True)
        self.assertIsNone(protocol._perMessageCompress)

    def test_a_message_that_is_too_long_closes_with_1009(self) -> None:
        protocol = self.opened()
        protocol._max_message_size_exceeded(2, 1, "too long")
        self.assertEqual((protocol.failedByMe, protocol.localCloseCode), (True, 1009))

    def test_a_close_has_a_timer_that_can_be_cancelled(self) -> None:
        protocol = self.opened()
        self.assertIsNone(protocol.closeHandshakeTimeoutCall)
        protocol.sendClose(3000, "bye")
        protocol.closeHandshakeTimeoutCall.cancel()
        self.clock.advance(protocol.closeHandshakeTimeout + 1)
        self.assertEqual(protocol.state, protocol.STATE_CLOSING)

    def test_all_that_a_connection_begins_with_has_its_place_on_the_class(self) -> None:
        fresh = vars(self.connect(Stock))
        own = {"events", "factory", "transport", "connected", "is_open", "is_closed", "trackedTimings"}
        own |= {"_valid_events", "_results", "_transport_details", *Stock.CONFIG_ATTRS}
        for name in set(fresh) - own:
            found = vars(LeanProtocol)[name]
            if isinstance(found, cached_property):
                found = getattr(LeanProtocol(), name, None) if name != "peer" else fresh[name]
                self.assertIs(type(found), type(fresh[name]), name)
            elif name == "trafficStats":
                self.assertIsInstance(found, TrafficStats)
            else:
                self.assertEqual(found, fresh[name], name)

    def test_opening_sets_no_other_state_than_there_is_on_the_class(self) -> None:
        before, after = vars(self.connect(Stock)), vars(self.opened())
        changed = {
            name: value
            for name, value in after.items()
            if name not in before and not name.startswith(("http_", "websocket_", "_ws"))
        }
        self.assertEqual(changed, {name: vars(LeanProtocol)[name] for name in changed})
        self.assertEqual(after["websocket_version"], LeanProtocol.websocket_version)

    def test_the_deferreds_of_its_life_are_only_called_back(self) -> None:
        protocol = self.opened()
        self.assertTrue(protocol.is_open.called)
        self.assertFalse(protocol.is_closed.called)
        protocol.is_closed = LeanProtocol.is_closed
        protocol.dropConnection(abort=True)
        self.assertEqual(protocol.state, protocol.STATE_CLOSED)

    def test_the_side_that_closes_is_known_with_code_and_reason(self) -> None:
        protocol = self.opened()
        protocol.sendClose(3000, "bye")
        end = protocol.closedByMe, protocol.localCloseCode, protocol.localCloseReason
        self.assertEqual(end, (True, 3000, b"bye"))

    def test_it_logs_by_the_attribute_log(self) -> None:
        lines: list[str] = []

        class Log:
            def __getattr__(self, level: str) -> Any:
                return lambda text="", **fields: lines.append(level)

        protocol = self.opened()
        protocol.log = Log()
        protocol.dataReceived(bytes(encode(FIN | 3, b"reserved opcode", MASK)))
        self.assertTrue(lines)
        self.assertEqual({level for level in lines if not hasattr(AutobahnLog, level)}, set())


class TransportTests(SynchronousTestCase):
    def server(self, kind: type[tcp.Server]) -> Any:
        return build(kind, [])[0]

    def test_a_transport_shows_what_waits_and_whether_it_closes(self) -> None:
        for kind in tcp.Server, unix.Server:
            transport = self.server(kind)
            waiting = transport.dataBuffer, transport.offset, transport._tempDataLen
            self.assertEqual(waiting, (b"", 0, 0))
            closing = (
                transport.disconnecting,
                transport._writeDisconnecting,
                transport._writeDisconnected,
                transport._aborting,
                transport.TLS,
            )
            self.assertEqual([bool(each) for each in closing], [False] * 5)
            self.assertEqual((transport.connected, transport.producer), (1, None))

    def test_what_is_written_waits_in_the_temporary_list(self) -> None:
        transport = self.server(tcp.Server)
        transport.write(b"hello")
        self.assertEqual((len(transport.dataBuffer), transport._tempDataLen), (0, 5))
        transport.doWrite()
        self.assertEqual(len(transport.dataBuffer) - transport.offset + transport._tempDataLen, 0)

    def test_a_unix_transport_shows_the_descriptors_that_wait(self) -> None:
        transport = self.server(unix.Server)
        self.assertFalse(transport._sendmsgQueue)
        transport.sendFileDescriptor(0)
        self.assertTrue(transport._sendmsgQueue)

    def test_a_port_names_the_class_of_its_transports(self) -> None:
        self.assertEqual((tcp.Port.transport, unix.Port.transport), (tcp.Server, unix.Server))

    def test_a_port_accepts_by_the_names_of_its_parts(self) -> None:
        port: Any = tcp.Port(0, Factory(), interface="127.0.0.1", reactor=MemoryReactor())
        port.startListening()
        self.addCleanup(port.socket.close)
        self.assertEqual((port.sessionno, port.numberAccepts > 0), (0, True))
        address = IPv4Address("TCP", "127.0.0.1", 7)
        self.assertEqual(port._buildAddr((address.host, address.port)), address)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            client = socket.create_connection(listening.getsockname())
            self.addCleanup(client.close)
            number, peer = cast(Any, listening)._accept()
        os.close(number)
        self.assertEqual(peer, client.getsockname())
