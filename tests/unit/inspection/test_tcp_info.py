"""What is read of the kernel's ``struct tcp_info``: of any length, and of a real socket."""

from __future__ import annotations

import socket
from struct import pack_into
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gim.inspection import tcp_info
from gim.inspection.tcp_info import UNKNOWN, TcpInfo, parse, read, socket_of


class Transport:
    """Has a socket, or another transport below it."""

    def __init__(self, **parts: Any) -> None:
        vars(self).update(parts)


class TcpInfoTests(SynchronousTestCase):
    def info(self, size: int) -> bytes:
        data = bytearray(b"\xff" * 240)
        for at, value in ((52, 412), (68, 1500), (100, 3)):
            pack_into("=I", data, at, value)
        for at, value in ((120, 2**40), (128, 4210)):
            pack_into("=Q", data, at, value)
        return bytes(data[:size])

    def test_fields_are_read_at_their_offsets(self) -> None:
        self.assertEqual(parse(self.info(240)), TcpInfo(4210, 2**40, 412, 1.5, 3))
        self.assertEqual(parse(self.info(136)), TcpInfo(4210, 2**40, 412, 1.5, 3))

    def test_an_older_kernel_tells_less(self) -> None:
        self.assertEqual(parse(self.info(135)), TcpInfo(None, None, 412, 1.5, 3))
        self.assertEqual(parse(self.info(104)), TcpInfo(None, None, 412, 1.5, 3))
        for size in (103, 8, 0):
            self.assertEqual(parse(self.info(size)), UNKNOWN)

    def test_the_socket_is_below_all_layers(self) -> None:
        found: Any = object()
        self.assertIs(socket_of(Transport(transport=Transport(socket=found))), found)
        self.assertIsNone(socket_of(Transport(transport=None)))
        self.assertIsNone(socket_of(Transport()))

    def test_a_connection_of_this_machine_is_counted(self) -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        client = socket.create_connection(listener.getsockname())
        self.addCleanup(client.close)
        server, _ = listener.accept()
        client.sendall(b"x" * 1000)
        self.assertEqual(server.recv(1000, socket.MSG_WAITALL), b"x" * 1000)
        info = read(Transport(socket=server))
        if tcp_info.IS_LINUX:
            self.assertEqual(info.in_bytes, 1000)
        else:
            self.assertEqual(info, UNKNOWN)
        server.close()
        self.assertEqual(read(Transport(socket=server)), UNKNOWN)

    def test_a_unix_socket_or_another_system_tells_nothing(self) -> None:
        one, other = socket.socketpair()
        self.addCleanup(one.close)
        self.addCleanup(other.close)
        self.assertEqual(read(Transport(socket=one)), UNKNOWN)
        self.patch(tcp_info, "IS_LINUX", False)
        self.assertEqual(read(Transport(socket=one)), UNKNOWN)
