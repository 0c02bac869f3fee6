"""Peers of a TLS endpoint that do not speak TLS, or do not end it."""

from __future__ import annotations

import signal
import socket
import ssl

from twisted.internet.threads import deferToThread
from twisted.python.filepath import FilePath

from tests.support.daemon_process import PATIENCE
from tests.support.hostile.attacks import QUICK, AttackCase
from tests.support.redis.environment import write_certificate


class TlsTests(AttackCase):
    async def start(self) -> None:
        files = FilePath(self.mktemp())
        files.makedirs()
        write_certificate(files)
        key, certificate = files.child("key.pem").path, files.child("ca.pem").path
        tls = f"ssl:0:interface=127.0.0.1:privateKey={key}:certKey={certificate}"
        words = ("twistd", "-n", "gim", "--ws", tls, "--http", "tcp:0:interface=127.0.0.1", *QUICK)
        self.process = self.spawn(*words)
        await self.listens(self.process)
        self.sockets, self.unsaid = [], {}
        self.addCleanup(self.hang_up)

    async def ann_is_answered(self) -> float:
        return 0.0  # nobody is connected here

    async def test_junk_and_silence_are_no_errors_and_are_dropped(self) -> None:
        await self.start()
        alert, hello = b"\x15\x03\x01\0\x02\x02\x28", b"\x16\x03\x01\xff\xff"
        for junk in b"", hello, alert, b"GET / HTTP/1.1\r\n\r\n", b"\x80\0" * 5000:
            self.connect(self.ws, junk)
        await self.eventually(lambda count: count == 0, "their end")
        self.process.signal(signal.SIGTERM)
        self.assertEqual(await self.process.exited, 0)

    async def test_a_peer_that_does_not_end_tls_is_let_go(self) -> None:
        await self.start()
        peer = await deferToThread(self.refused)
        self.addCleanup(peer.close)
        await self.eventually(lambda count: count == 0, "its end")

    def refused(self) -> socket.socket:
        """Return a connection that was told of the end of TLS, and says nothing to it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        plain = socket.create_connection(("127.0.0.1", self.ws), PATIENCE)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                plain.sendall(outgoing.read())
                incoming.write(plain.recv(65536))
        tls.write(b"GET / HTTP/1.1\r\n\r\n")
        plain.sendall(outgoing.read())
        while b"HTTP/1.1 400" not in self.read(tls, plain, incoming):
            pass
        return plain

    def read(self, tls: ssl.SSLObject, plain: socket.socket, incoming: ssl.MemoryBIO) -> bytes:
        try:
            return tls.read(1024)
        except ssl.SSLWantReadError:
            incoming.write(plain.recv(65536))
            return b""
