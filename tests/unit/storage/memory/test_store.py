"""The memory store: the behaviour of every storage, and what it holds in memory and for how long."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from gim.storage.interface import Storage
from gim.storage.memory import archive, people
from gim.storage.memory.store import MemoryStore
from gim.storage.rules import USERS_OUTLIVE_MESSAGES
from tests.support.clocks import DAY, HOUR, SettableWallClock
from tests.support.settings import memory_store
from tests.support.storage_behaviour.base import (
    AB,
    RecordingListener,
    contents_of,
    enter,
    join,
    posted,
    private,
    send,
)
from tests.support.storage_behaviour.memory import START, MemoryCase
from tests.support.storage_behaviour.suite import StorageBehaviour
from tests.support.storage_behaviour.total import TotalBehaviour


class MemoryBehaviourTests(StorageBehaviour, TotalBehaviour, TestCase):
    """The behaviour of every storage, and the limit of all messages."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(START)
        self.wall = SettableWallClock(self.clock.seconds)

    async def make_store(self, **limits: Any) -> MemoryStore:
        self.store = store = memory_store(self.clock, self.wall, **limits)
        self.listener = RecordingListener(store)
        self.news = self.listener.news
        await store.start(self.listener)
        return store

    async def advance(self, seconds: float) -> None:
        if seconds < 0:  # only the wall clock goes back
            self.wall.step(seconds)
        else:
            self.clock.advance(seconds)

    async def let_be_forgotten(self) -> None:
        await self.advance(31 * DAY)  # a message may be kept for 30 days, a user for one more
        while self.store.data.sweep(10):
            pass

    async def lose_data(self, store: Storage) -> Storage:
        await store.stop()
        return await self.make_store()


class SizeTests(MemoryCase):
    """What is kept, and when it goes."""

    async def test_sizes_count_what_is_kept(self) -> None:
        store = self.make_store()
        await join(store, "room", "ann", "bob")
        await send(store, posted("room", "ann"), private("ann", "cat", request_id="r"))
        sizes = {"messages": 2, "conversations": 2, "users": 3, "memberships": 2, "answers": 1, "bans": 0}
        self.assertEqual(store.data.sizes(), sizes)

    async def test_a_sweep_removes_up_to_its_limit_and_says_if_more_may_wait(self) -> None:
        store = self.make_store(ttl=60)
        await send(store, *[private("ann", "bob")] * 5)
        self.clock.advance(61)
        kept = [(store.data.sweep(2), store.data.sizes()["messages"]) for _ in range(3)]
        self.assertEqual(kept, [(True, 3), (True, 1), (False, 0)])

    async def test_a_sweep_removes_of_each_kind_at_a_time(self) -> None:
        store = self.make_store(ttl=60)
        for n in range(3):
            await store.users.put(f"idle{n}", None)
            await send(store, private(f"{n}", "bob", request_id="r"))
        self.clock.advance(60 + USERS_OUTLIVE_MESSAGES)
        self.assertKept(store, messages=3, users=7, answers=3)
        self.assertTrue(store.data.sweep(2))
        self.assertKept(store, messages=1, users=5, answers=1)  # bob, three senders, and one who is idle

    async def test_a_sweep_leaves_what_has_not_had_its_time(self) -> None:
        store = self.make_store(ttl=60)
        await send(store, private("ann", "bob", "gone"))
        self.clock.advance(30)
        await send(store, private("ann", "bob", "kept", request_id="r"))
        self.clock.advance(31)
        self.sweep_all(store)
        self.assertEqual(await contents_of(store, AB), ["kept"])
        self.assertKept(store, messages=1, conversations=1, users=2, answers=1)

    async def test_what_has_expired_counts_for_the_limit_in_all_but_goes_first(self) -> None:
        store = self.make_store(ttl=60, max_messages=3)
        await send(store, private("ann", "bob", "gone"), *[private("cat", "dan")] * 2)
        self.clock.advance(61)
        await send(store, *(private("ann", "bob", str(n)) for n in range(3)))
        self.assertEqual(await contents_of(store, AB), ["0", "1", "2"])
        self.assertKept(store, messages=3, conversations=1, users=3)  # cat is kept, dan never logged in

    async def test_an_emptied_private_session_goes_and_its_people_too(self) -> None:
        store = self.make_store(ttl=60)
        await store.users.put("ann", "Ann")
        await send(store, private("ann", "bob"), private("bob", "ann"))
        self.clock.advance(61)
        self.sweep_all(store)
        self.assertKept(store, messages=0, conversations=0, users=2)
        self.forget_users(store)
        self.assertEmpty(store)

    async def test_the_sequences_of_the_sessions_emptied_last_are_kept(self) -> None:
        self.patch(archive, "MAX_EMPTIED", 2)
        store = self.make_store(ttl=60, sequences=True)
        drafts = [private("ann", peer) for peer in ("bob", "cat", "dan")]
        await send(store, *drafts)
        self.clock.advance(61)
        self.sweep_all(store)
        self.assertEqual([sent.sequence for sent in await send(store, *drafts)], [1, 2, 2])

    async def test_a_session_that_was_emptied_again_is_among_the_last(self) -> None:
        self.patch(archive, "MAX_EMPTIED", 2)
        store = self.make_store(max_messages=1, sequences=True)
        drafts = {peer: private("ann", peer) for peer in "bcde"}
        await send(store, *(drafts[peer] for peer in "bcbde"))  # each one empties the one before
        self.assertEqual((await store.messages.append(drafts["b"])).sequence, 3)

    async def test_a_chatroom_with_members_stays_without_its_messages(self) -> None:
        store = self.make_store(ttl=60, sequences=True)
        await join(store, "room", "ann")
        await send(store, *[posted("room", "ann")] * 3)
        self.clock.advance(61)
        self.sweep_all(store)
        self.assertKept(store, messages=0, conversations=1, users=1, memberships=1)
        self.assertEqual((await store.messages.append(posted("room", "ann"))).sequence, 4)

    async def test_a_chatroom_goes_with_its_last_member_and_its_messages_with_it(self) -> None:
        store = self.make_store(sequences=True)
        await join(store, "room", "ann", "bob")
        await send(store, posted("room", "ann"), posted("room", "bob"))
        await store.chatrooms.leave("room", "ann")
        self.assertKept(store, conversations=1, users=2, messages=2)
        await store.chatrooms.leave("room", "bob")
        self.assertKept(store, conversations=0, memberships=0, messages=0)
        self.forget_users(store)
        self.assertEmpty(store)

    async def test_a_watched_user_is_never_forgotten(self) -> None:
        store = self.make_store()
        await store.users.put("ann", "Ann")
        await enter(store, "ann")
        self.clock.advance(365 * 86400)
        self.sweep_all(store)
        self.assertEqual((await store.users.get("ann")).name, "Ann")

    async def test_two_stores_are_two_data_sets(self) -> None:
        one, other = self.make_store(), self.make_store()
        self.assertNotEqual(await one.epoch(), await other.epoch())
        self.assertNotEqual(one.token_key(), other.token_key())

    async def test_a_store_that_was_stopped_announces_nothing(self) -> None:
        store, listener = self.make_store(), RecordingListener()
        await store.start(listener)
        await enter(store, "ann")
        await store.stop()
        await send(store, private("ann", "bob"))
        self.assertEqual(listener.news, [])


class IdleTests(MemoryCase):
    """Users without connection, membership and message, as after a login over HTTP, stay for a while."""

    KEEP = 60 + USERS_OUTLIVE_MESSAGES

    def advance_and_sweep(self, store: MemoryStore, seconds: float) -> dict[str, int]:
        self.clock.advance(seconds)
        self.sweep_all(store)
        return store.data.sizes()

    async def test_a_user_is_forgotten_when_the_time_is_over(self) -> None:
        store = self.make_store(ttl=60)
        await store.users.put("ann", "Ann")
        self.assertEqual(self.advance_and_sweep(store, self.KEEP - 1)["users"], 1)
        self.advance_and_sweep(store, 1)
        self.assertEmpty(store)

    async def test_a_user_whose_messages_are_gone_is_forgotten_a_day_later(self) -> None:
        store = self.make_store(ttl=60)
        await join(store, "room", "ann", "bob")
        for user_id in ("ann", "bob"):
            await store.chatrooms.leave("room", user_id)
        self.clock.advance(7200)
        await send(store, private("ann", "bob"))
        self.advance_and_sweep(store, 61)
        self.assertEqual(self.advance_and_sweep(store, USERS_OUTLIVE_MESSAGES - 1)["users"], 2)
        self.advance_and_sweep(store, 1)
        self.assertEmpty(store)

    async def test_another_login_begins_the_time_anew(self) -> None:
        store = self.make_store(ttl=60)
        for user_id in ("ann", "bob", "ann"):
            await store.users.put(user_id, None)
            self.clock.advance(100)
        self.advance_and_sweep(store, self.KEEP - 199)
        self.assertEqual((await store.users.get("ann")).id, "ann")
        self.assertKept(store, users=1)

    async def test_the_end_of_the_time_leaves_a_member(self) -> None:
        store = self.make_store(ttl=60)
        await store.users.put("ann", "Ann")
        await join(store, "room", "ann")
        self.advance_and_sweep(store, self.KEEP)
        self.assertEqual((await store.users.get("ann")).name, "Ann")
        await store.chatrooms.leave("room", "ann")
        self.assertEqual(self.advance_and_sweep(store, self.KEEP - 1)["users"], 1)
        self.advance_and_sweep(store, 1)
        self.assertEmpty(store)

    async def test_a_sweep_forgets_users_up_to_its_limit(self) -> None:
        store = self.make_store(ttl=60)
        for n in range(5):
            await store.users.put(str(n), None)
        self.clock.advance(self.KEEP)
        kept = [(store.data.sweep(2), store.data.sizes()["users"]) for _ in range(3)]
        self.assertEqual(kept, [(True, 3), (True, 1), (False, 0)])

    async def test_so_many_are_kept_those_who_went_last(self) -> None:
        self.patch(people, "MAX_IDLE", 3)
        store = self.make_store()
        await store.users.put("ann", None)
        await join(store, "room", "ann")
        for user_id in "abcda":
            await store.users.put(user_id, None)
            await enter(store, user_id)
            store.users.exit(user_id)
        found = [user_id for user_id in ("ann", *"abcd") if store.data.people.get(user_id)]
        self.assertEqual(found, ["ann", "a", "c", "d"])


class ClockStepTests(MemoryCase):
    """The wall clock is a month ahead for a while, or an hour behind."""

    def live(self, store: MemoryStore, seconds: int) -> None:
        """Let time go by, with a sweep each second."""
        for _ in range(seconds):
            self.clock.advance(1)
            self.sweep_all(store)

    async def test_a_slip_for_a_minute_forgets_the_oldest_minute_at_most(self) -> None:
        store = self.make_store(ttl=HOUR)
        for number in range(60):
            await send(store, private("ann", "bob", str(number)))
            self.live(store, 60)
        self.wall.step(31 * DAY)
        self.live(store, 60)
        self.assertKept(store, messages=58)
        self.wall.step(-31 * DAY)
        self.live(store, 1)
        self.assertKept(store, messages=58)

    async def test_a_step_that_stays_is_caught_up_with(self) -> None:
        store = self.make_store(ttl=HOUR)
        await send(store, private("ann", "bob"))
        self.wall.step(DAY)
        self.live(store, int(HOUR / 2) + 1)
        self.assertKept(store, messages=0, conversations=0)
        self.forget_users(store)
        self.assertEmpty(store)

    async def test_a_ban_holds_again_after_a_slip(self) -> None:
        store = self.make_store()
        until = await store.moderation.ban("ann", 60_000, 0)
        self.wall.step(DAY)
        self.live(store, 5)
        self.assertEqual((await store.moderation.ban_of("ann")).until, 0)
        self.wall.step(-DAY)
        self.assertEqual((await store.moderation.ban_of("ann")).until, until)
        self.live(store, 60)
        self.assertKept(store, bans=0)

    async def test_a_user_that_nothing_refers_to_is_kept_for_its_time(self) -> None:
        for step in HOUR, -HOUR, 31 * DAY, -31 * DAY:
            store = self.make_store(ttl=60)
            await store.users.put("ann", None)
            self.wall.step(step)
            self.clock.advance(USERS_OUTLIVE_MESSAGES)
            self.live(store, 59)
            self.assertKept(store, users=1)
            self.live(store, 1)
            self.assertEmpty(store)
