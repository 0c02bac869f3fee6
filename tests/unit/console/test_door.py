"""Logging in and out where several nodes have one data set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gim.console.door import Door
from gim.console.session import IDLE_TIMEOUT, LIFETIME, ConsoleSessions, SessionEnded
from gim.console.wrong_keys import MAX_WRONG_KEYS, PERIOD, WrongKey, WrongKeys
from gim.errors import InvalidAdminKey, TooManyRequests
from tests.support.clocks import SettableWallClock

KEY = "a-key-for-these-tests"
ADDRESS = "192.0.2.1"


class Notices:
    """Hands each notice to the nodes at once."""

    def __init__(self) -> None:
        self.handlers: list[tuple[type[Struct], Callable[[str, Any], object]]] = []
        self.servers: list[tuple[type[Struct], Callable[[Any], object]]] = []

    def handle(self, kind: type[Any], handler: Callable[[str, Any], object]) -> None:
        self.handlers.append((kind, handler))

    def serve(self, kind: type[Any], answer: Callable[[Any], object]) -> None:
        self.servers.append((kind, answer))

    async def ask(self, question: Struct, result: type[Any]) -> list[tuple[str, Any]]:
        return [("node", answer(question)) for kind, answer in self.servers if isinstance(question, kind)]

    def tell(self, listener: str, notice: Struct) -> None:
        assert listener == ""
        for kind, handler in self.handlers:
            if isinstance(notice, kind):
                handler("node", notice)


class NodesTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.data_key = Clock(), b"d" * 32
        self.clock.advance(1_800_000_000)
        self.wall = SettableWallClock(self.clock.seconds)
        self.notices = Notices()
        self.one, self.other = self.node(), self.node()

    def node(self, key: str = KEY) -> tuple[Door, ConsoleSessions]:
        sessions = ConsoleSessions(lambda: self.data_key, self.wall, key.encode())
        return Door(key.__eq__, sessions, WrongKeys(self.clock), self.notices), sessions


class SessionTests(NodesTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.session = self.one[0].log_in(KEY, ADDRESS)
        self.cookie = self.one[1].cookie_of(self.session)

    def test_every_node_knows_it(self) -> None:
        self.assertEqual(self.other[1].read(self.cookie), self.session)

    def test_a_logout_ends_it_at_every_node(self) -> None:
        self.other[0].log_out(self.session)
        for _, sessions in (self.one, self.other):
            self.assertIsNone(sessions.read(self.cookie))
            self.assertFalse(sessions.goes_on(self.session, self.cookie))

    def test_a_node_that_begins_after_a_logout_learns_of_it(self) -> None:
        self.other[0].log_out(self.session)
        session = self.one[0].log_in(KEY, ADDRESS)
        _, sessions = self.node()
        good = sessions.cookie_of(session)
        self.assertEqual(sessions.read(good), session)
        self.assertIsNone(sessions.read(self.cookie))
        _, sessions = self.node()
        self.assertIsNone(sessions.read(self.cookie))  # even if it is the first one
        self.assertEqual(sessions.read(good), session)

    def test_another_key_or_data_set_does_not_know_it(self) -> None:
        _, sessions = self.node("another-key-for-these-tests")
        self.assertIsNone(sessions.read(self.cookie))
        self.data_key = b"e" * 32
        self.assertIsNone(self.other[1].read(self.cookie))

    def test_without_a_key_there_are_none(self) -> None:
        sessions = ConsoleSessions(lambda: self.data_key, self.wall, None)
        self.assertIsNone(sessions.read(sessions.cookie_of(self.session)))

    def test_a_used_one_is_renewed_and_still_ends_in_time(self) -> None:
        _, sessions = self.other
        self.clock.advance(IDLE_TIMEOUT - 1)
        used = sessions.used(self.session)
        assert used is not None
        self.assertEqual((used.id, used.ends_at), (self.session.id, self.session.ends_at))
        self.clock.advance(IDLE_TIMEOUT - 1)
        self.assertIsNone(sessions.read(self.cookie))
        self.assertEqual(sessions.read(sessions.cookie_of(used)), used)

    def test_those_that_would_have_ended_are_forgotten(self) -> None:
        _, sessions = self.one
        sessions.end(SessionEnded("old", self.wall.now_ms() + 1000 * LIFETIME))
        self.clock.advance(LIFETIME)
        sessions.end(SessionEnded("new", self.wall.now_ms() + 1000 * LIFETIME))
        self.assertEqual(list(sessions._ended), ["new"])


class WrongKeyTests(NodesTestCase):
    def test_they_count_at_every_node(self) -> None:
        for door, _ in (self.one, self.other, self.one, self.other, self.one):
            self.assertRaises(InvalidAdminKey, door.log_in, "x", ADDRESS)
        for door, _ in (self.one, self.other):
            self.assertRaises(TooManyRequests, door.log_in, KEY, ADDRESS)
            door.log_in(KEY, "192.0.2.2")

    def test_addresses_are_forgotten_after_a_minute(self) -> None:
        wrong_keys = WrongKeys(self.clock)
        for number in range(100):
            wrong_keys.add(WrongKey(str(number)))
            self.clock.advance(PERIOD / 10)
        self.assertEqual(len(wrong_keys._tried), 10)

    def test_only_so_many_addresses_are_remembered(self) -> None:
        wrong_keys = WrongKeys(self.clock)
        for number in range(10_001):
            wrong_keys.add(WrongKey(str(number)))
        self.assertEqual(len(wrong_keys._tried), 10_000)
        self.assertNotIn("0", wrong_keys._tried)

    def test_the_last_ones_of_an_address_count(self) -> None:
        wrong_keys = WrongKeys(self.clock)
        for _ in range(3 * MAX_WRONG_KEYS):
            wrong_keys.add(WrongKey(ADDRESS))
            self.clock.advance(PERIOD / MAX_WRONG_KEYS)
            wrong_keys.check(ADDRESS)
