"""One frame to many real sockets, some of which are full or closed."""

import socket
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gim.push.direct import write_directly
from gim.push.presence import NO_DESCRIPTOR

FRAME = bytes(range(256)) * 40
ENOUGH = 10_000  # frames, more than any socket takes


class Member:
    def __init__(self) -> None:
        self.near, self.far = socket.socketpair()
        self.near.setblocking(False)
        self.far.setblocking(False)
        self.descriptor = self.near.fileno()
        self.later: list[bytes] = []

    def send_later(self, rest: bytes) -> None:
        self.later.append(rest)

    def received(self) -> bytes:
        data = b""
        try:
            while more := self.far.recv(2**20):
                data += more
        except BlockingIOError:
            pass
        return data

    def close(self) -> None:
        self.near.close()
        self.far.close()


class WriteDirectlyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.members = [Member() for _ in range(5)]
        for member in self.members:
            self.addCleanup(member.close)

    def write(self, frame: bytes = FRAME) -> list[Any]:
        members: Any = self.members
        others: list[Any] = list(write_directly(frame, members))
        return [self.members.index(other) for other in others]

    def test_all_get_the_frame(self) -> None:
        self.assertEqual(self.write(), [])
        self.assertEqual([member.received() for member in self.members], [FRAME] * 5)
        self.assertEqual([member.later for member in self.members], [[]] * 5)

    def test_those_without_a_descriptor_are_returned_in_order_and_get_nothing(self) -> None:
        for at in 1, 3:
            self.members[at].descriptor = NO_DESCRIPTOR
        self.assertEqual(self.write(), [1, 3])
        received = [member.received() for member in self.members]
        self.assertEqual(received, [FRAME, b"", FRAME, b"", FRAME])
        self.assertEqual([member.later for member in self.members], [[]] * 5)

    def test_what_a_socket_does_not_take_is_sent_later_and_the_others_get_all(self) -> None:
        full = self.members[2]
        full.near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2048)
        before = b""
        while not full.later:
            self.write()
            before += FRAME
            self.assertLess(len(before), ENOUGH * len(FRAME))
            for other in self.members:
                if other is not full:
                    self.assertEqual(other.received(), FRAME)
        self.assertEqual(full.received() + full.later[0], before)

    def test_to_a_socket_whose_peer_is_gone_all_is_sent_later(self) -> None:
        self.members[0].far.close()
        self.assertEqual(self.write(), [])
        self.assertEqual(self.members[0].later, [FRAME])
        self.assertEqual(self.members[1].received(), FRAME)
