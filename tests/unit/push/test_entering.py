"""Chatrooms that the storage can't watch for a while."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred

from gim.errors import Unavailable
from gim.push.catchup import CatchUp
from gim.push.local_chatrooms import ENTER_RETRY_AFTER
from gim.storage.announcements import Announcement, MemberJoined, MemberLeft, Memberships
from gim.storage.interface import Entrance, Entry
from tests.support.world import ChatTestCase, Recorder, result_of


class EnteringCase(ChatTestCase):
    """Has bob, who is connected; the storage watches no chatroom while it is ``away``."""

    def setUp(self) -> None:
        super().setUp()
        self.away = False
        self.watched: set[str] = set()  # by the storage, from its first answer to the end of the watch
        self.watch, self.unwatch = (
            self.store.chatrooms.subscribe,
            self.store.chatrooms.unsubscribe,
        )
        self.enter_store = self.store.users.enter
        self.patch(self.store.users, "enter", self.enter_and_subscribe)
        self.patch(self.pushes, "_subscribes_new_members", False)
        self.patch(self.store.chatrooms, "subscribe", self.subscribe_chatroom)
        self.patch(self.store.chatrooms, "unsubscribe", self.unsubscribe_chatroom)
        self.bob = self.connect("bob")

    async def enter_and_subscribe(self, entry: Entry, admit: Callable[[list[str]], None]) -> Entrance:
        """Subscribe as Redis does: after the chatrooms are known."""
        entrance = await self.enter_store(entry, admit)
        try:
            for chatroom_id in entrance.chatroom_ids:
                await self.subscribe_chatroom(chatroom_id)
        except Unavailable:
            self.store.users.exit(entry.user_id)
            raise
        return entrance

    async def subscribe_chatroom(self, chatroom_id: str) -> None:
        self.watched.add(chatroom_id)  # as Redis does: it may have been told, only its reply got lost
        if self.away:
            raise Unavailable("away")
        await self.watch(chatroom_id)

    def unsubscribe_chatroom(self, chatroom_id: str) -> None:
        self.watched.discard(chatroom_id)
        self.unwatch(chatroom_id)

    def join_elsewhere(self, *chatroom_ids: str) -> None:
        """Make bob a member without a word to this node, and ann, who talks."""
        for chatroom_id in chatroom_ids:
            for user_id in ("ann", "bob"):
                user = result_of(self.store.users.put(user_id, None))
                deaf = self.patch(self.store._subscriber, "announce", lambda news: None)
                result_of(self.store.chatrooms.join(chatroom_id, user, ""))
                deaf.restore()


class FailedLoginTests(EnteringCase):
    """A login that fails leaves nothing behind."""

    def refuse_login(self, user_id: str) -> Recorder:
        connection = Recorder(self.clock)
        self.away = True
        entering = self.pushes.enter(
            Entry(user_id), connection, CatchUp(), lambda user_id, chatrooms: None
        )
        self.failureResultOf(Deferred.fromCoroutine(entering), Unavailable)
        self.away = False
        return connection

    def test_the_chatroom_of_one_who_is_not_here_is_watched_no_more(self) -> None:
        self.join_elsewhere("room", "den")
        self.refuse_login("ann")
        self.assertEqual((self.watched, self.pushes.chatrooms), (set(), 0))

    def test_another_connection_of_the_user_stays_in_the_chatroom(self) -> None:
        self.join("room", "ann", "bob")
        refused = self.refuse_login("bob")
        self.say("ann", "room", "1")
        self.assertEqual((self.bob.contents, refused.contents), ([["1"]], []))

    def test_its_end_ends_the_watch(self) -> None:
        self.join("room", "bob")
        self.refuse_login("bob")
        self.disconnect(self.bob)
        self.assertEqual((self.watched, self.pushes.chatrooms), (set(), 0))


class JoinedElsewhereTests(EnteringCase):
    """What was joined at another node is entered as soon as it can be."""

    def announce(self, news: Announcement) -> None:
        self.away = True
        self.join_elsewhere("room")
        self.pushes.on_announcement(news)

    def pushed(self, content: str) -> list[list[str]]:
        self.say("ann", "room", content)
        return self.bob.contents

    def pass_on(self, times: int = 1) -> None:
        for _ in range(times):
            self.clock.advance(ENTER_RETRY_AFTER)

    def check_tried_again(self, news: Announcement) -> None:
        self.announce(news)
        self.pass_on(3)
        self.assertEqual(self.pushed("deaf"), [])
        self.away = False
        self.pass_on()
        self.assertEqual(self.pushed("1"), [["1"]])

    def test_it_is_tried_again_until_it_succeeds(self) -> None:
        self.check_tried_again(MemberJoined("bob", "room"))

    def test_what_was_joined_while_nothing_was_heard_is_tried_again_as_well(self) -> None:
        self.check_tried_again(Memberships("bob", frozenset(["room"])))

    def test_it_is_not_entered_after_it_was_left(self) -> None:
        self.announce(MemberJoined("bob", "room"))
        self.away = False
        result_of(self.store.chatrooms.leave("room", "bob"))
        self.pushes.on_announcement(MemberLeft("bob", "room"))
        self.pass_on()
        self.assertEqual((self.watched, self.pushed("1")), (set(), []))

    def test_it_is_not_entered_by_one_who_went(self) -> None:
        self.announce(MemberJoined("bob", "room"))
        self.away = False
        self.disconnect(self.bob)
        self.pass_on()
        self.assertEqual((self.watched, self.clock.getDelayedCalls()), (set(), []))

    def test_a_subscription_for_one_who_went_ends(self) -> None:
        self.join_elsewhere("room")
        result_of(self.store.chatrooms.subscribe("room"))
        self.disconnect(self.bob)
        self.pushes.on_announcement(MemberJoined("bob", "room"))
        self.assertEqual(self.watched, set())
