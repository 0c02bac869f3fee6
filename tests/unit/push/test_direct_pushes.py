"""Pushes to members with sockets: who gets the shared frame, and who a push of their own."""

from __future__ import annotations

import socket

from twisted.internet.task import Clock

from gim.auth.authenticator import Identity
from gim.model import Push
from gim.push.presence import NO_DESCRIPTOR
from tests.support.world import ChatTestCase, Recorder, result_of


class Direct(Recorder):
    """Has a socket, which gets `kind`, the contents and a newline for a push."""

    def __init__(self, clock: Clock, kind: str) -> None:
        super().__init__(clock)
        self.kind = kind
        self.near, self.far = socket.socketpair()
        self.far.setblocking(False)
        self.descriptor = self.near.fileno()
        self.asked = 0

    def frame_of(self, push: Push) -> bytes:
        self.asked += 1
        return f"{self.kind} {[message.content for message in push.items]}\n".encode()

    def received(self) -> list[str]:
        try:
            return self.far.recv(2**20).decode().splitlines()
        except BlockingIOError:
            return []


class Batch:
    is_empty = True

    def flush(self) -> None:
        pass


class DirectPushTests(ChatTestCase):
    per_turn, per_chunk = 4, 2

    def setUp(self) -> None:
        super().setUp()
        self.batch = self.pushes._writer.batch = Batch()
        self.members = {}
        for name, kind in ("ann", "json"), ("bob", "protobuf"), ("eve", "json"):
            self.join("room", name)
            self.members[name] = self.enter(name, kind)

    def enter(self, name: str, kind: str) -> Direct:
        connection = Direct(self.clock, kind)
        self.addCleanup(connection.near.close)
        self.addCleanup(connection.far.close)
        login = self.chat.login(connection, Identity(name, None), None)
        connection.login, connection.answer = result_of(login)
        self.chat.catch_up(connection.login)
        return connection

    def received(self) -> dict[str, list[str]]:
        return {name: member.received() for name, member in self.members.items()}

    def test_each_kind_gets_its_frame_encoded_once(self) -> None:
        self.say("ann", "room", "hello")
        json, protobuf = ["json ['hello']"], ["protobuf ['hello']"]
        self.assertEqual(self.received(), {"ann": json, "bob": protobuf, "eve": json})
        self.assertEqual(sum(member.asked for member in self.members.values()), 2)
        self.assertEqual((self.pushes.pushed.chatroom, self.pushes.pushed.chatroom_messages), (3, 3))

    def test_while_frames_wait_for_the_end_of_an_iteration_each_is_offered_the_push(self) -> None:
        self.batch.is_empty = False
        self.say("ann", "room", "hello")
        self.assertEqual(self.received(), {"ann": [], "bob": [], "eve": []})
        self.assertEqual([member.contents for member in self.members.values()], [[["hello"]]] * 3)
        self.assertEqual(self.pushes.pushed.chatroom, 3)

    def test_a_slow_reader_learns_how_many_it_missed_though_its_socket_is_free_again(self) -> None:
        slow = self.members["eve"]
        descriptor, slow.descriptor, slow.congested = slow.descriptor, NO_DESCRIPTOR, True
        self.say("ann", "room", "1")
        slow.descriptor, slow.congested = descriptor, False
        self.say("ann", "room", "2")
        self.advance_to(1.0)
        self.say("ann", "room", "3")
        self.advance_to(2.0)
        self.assertEqual((slow.contents, slow.skipped), ([["2"]], [1]))
        self.assertEqual(slow.received(), ["json ['3']"])
        self.assertEqual(self.members["ann"].received(), [f"json ['{n}']" for n in (1, 2, 3)])
        self.assertEqual(self.pushes.pushed.skipped_by_slow_reader, 1)
        self.assertEqual(self.pushes.pushed.chatroom, 8)

    def test_who_leaves_between_two_slices_gets_no_frame(self) -> None:
        for number in range(4):
            self.join("room", f"u{number}")
            self.members[f"u{number}"] = self.enter(f"u{number}", "json")
        self.say("ann", "room", "hello")
        result_of(self.chat.leave("u3", "room"))
        self.disconnect(self.members["bob"])
        self.clock.advance(0)
        got = [name for name, lines in self.received().items() if lines]
        self.assertEqual(got, ["ann", "eve", "u0", "u1", "u2"])
        self.assertEqual(self.pushes.pushed.chatroom, 5)
