"""Pushes of a store that shows only what is synced: logins and memberships miss nothing."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from gim.auth.authenticator import Identity
from gim.chat.chat import Point
from gim.ids import CHATROOM, PRIVATE
from gim.model import User
from gim.storage.durable.synced import SyncedStorage
from tests.support.journal.synced import RecordOfEach, make_syncing
from tests.support.journal.threads import OnDemand
from tests.support.settings import memory_store
from tests.support.world import ChatTestCase, Recorder


def texts(connection: Recorder) -> list[str]:
    """Return the contents of all messages that were pushed to a connection."""
    return [content for contents in connection.contents for content in contents]


class DispatcherTests(ChatTestCase):
    """Nothing is missed between what a login finds and what is announced."""

    def setUp(self) -> None:
        super().setUp()
        self.threads = OnDemand()
        self.journal, self.syncing = make_syncing(self, self.threads, self.clock)
        self.store = memory_store(self.clock, self.wall, recorder=RecordOfEach(self.journal))
        self.build_chat(SyncedStorage(self.store, self.syncing))
        self.begun(self.chat.start())
        self.sync()

    def begun(self, work: Awaitable[Any]) -> Deferred[Any]:
        async def wait() -> Any:
            return await work

        return Deferred.fromCoroutine(wait())

    def sync(self) -> None:
        self.syncing.synced()
        self.threads.work_off()

    def logging_in(self, user_id: str, point: Point | None = None) -> tuple[Recorder, Deferred[Any]]:
        """Begin a login, which catches up when it has its result."""
        connection = Recorder(self.clock)

        async def log_in() -> None:
            login = self.chat.login(connection, Identity(user_id, None), point)
            connection.login, connection.answer = await login
            self.chat.catch_up(connection.login)

        return connection, self.begun(log_in())

    def logged_in(self, user_id: str) -> Recorder:
        connection, login = self.logging_in(user_id)
        self.sync()
        self.successResultOf(login)
        return connection

    def send(self, sender: str, kind: int, target: str, *contents: str) -> None:
        for content in contents:
            self.begun(self.chat.send(User(sender, sender), kind, target, content))

    def test_messages_around_a_login_come_once_and_in_order(self) -> None:
        first = self.logged_in("bob")
        self.send("ann", PRIVATE, "bob", "before")
        second, login = self.logging_in("bob")
        self.send("ann", PRIVATE, "bob", "after")
        self.assertEqual(second.pushes, [])
        self.threads.work_off()
        self.successResultOf(login)
        self.send("ann", PRIVATE, "bob", "later")
        self.threads.work_off()
        self.assertEqual(texts(first), ["before", "after", "later"])
        self.assertEqual(texts(second), ["before", "after", "later"])

    def test_a_login_with_a_point_misses_nothing(self) -> None:
        bob = self.logged_in("bob")
        self.send("ann", PRIVATE, "bob", "1")
        self.threads.work_off()
        epoch = bob.answer.epoch
        point = Point(bob.pushes[0].items[0].id, epoch)
        self.chat.logout(bob.login)
        self.send("ann", PRIVATE, "bob", "2")
        again, login = self.logging_in("bob", point)
        self.send("ann", PRIVATE, "bob", "3")
        self.threads.work_off()
        self.successResultOf(login)
        self.assertEqual(texts(again), ["2", "3"])

    def test_chatroom_messages_around_a_login_and_a_join(self) -> None:
        self.begun(self.chat.join(User("ann", "ann"), "room", ""))
        bob, login = self.logging_in("bob")
        self.begun(self.chat.join(User("bob", "bob"), "room", ""))
        self.send("ann", CHATROOM, "room", "1")
        self.sync()
        self.successResultOf(login)
        self.send("ann", CHATROOM, "room", "2")
        self.sync()
        self.advance_to(5)
        self.assertEqual(texts(bob), ["1", "2"])

    def test_a_new_member_gets_messages_though_the_last_one_here_has_just_left(self) -> None:
        ann, bob = self.logged_in("ann"), self.logged_in("bob")
        self.begun(self.chat.join(User("ann", "ann"), "room", ""))
        self.sync()
        self.begun(self.store.chatrooms.join("room", User("bob", "bob"), ""))
        self.chat.logout(ann.login)
        self.sync()
        self.send("ann", CHATROOM, "room", "1")
        self.sync()
        self.assertEqual(texts(bob), ["1"])

    def test_a_login_that_takes_too_long_is_undone(self) -> None:
        _, login = self.logging_in("bob")
        login.cancel()
        self.failureResultOf(login, CancelledError)
        self.sync()
        self.assertEqual(self.pushes.users, 0)
        self.assertFalse(self.store.data.people["bob"].subscribers)
