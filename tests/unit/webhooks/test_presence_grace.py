"""Grace periods, and users of nodes that are gone."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gim.errors import Unavailable
from gim.webhooks.presence_grace import MAX_REANNOUNCED, REANNOUNCE_INTERVAL, PresenceGrace
from tests.support.webhooks.posts import new_clock


class Store:
    """Knows who is unsettled, and nothing else."""

    outlives_process = False

    def __init__(self) -> None:
        self.webhook_log = self
        self.users: list[str] = []
        self.error: Exception | None = None

    async def users_to_reannounce(self, limit: int) -> list[str]:
        if self.error is not None:
            raise self.error
        assert limit == MAX_REANNOUNCED
        users, self.users = self.users, []
        return users


class PresenceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.store = new_clock(), Store()
        self.said: list[tuple[str, bool]] = []
        self.presence = self.make(10.0)

    def make(self, grace: float) -> PresenceGrace:
        presence = PresenceGrace(self.store, grace, lambda *change: self.said.append(change), self.clock)  # type: ignore[arg-type]
        presence.startService()
        return presence

    def test_a_user_comes_once_and_goes_after_the_grace_period(self) -> None:
        for _ in range(3):
            self.presence.came("ann")
        self.presence.left("ann")
        self.clock.advance(9.9)
        self.assertEqual(self.said, [("ann", True)])
        self.clock.advance(0.1)
        self.assertEqual(self.said, [("ann", True), ("ann", False)])

    def test_a_quick_reconnect_is_nothing(self) -> None:
        self.presence.came("ann")
        for _ in range(3):
            self.presence.left("ann")
            self.clock.advance(9)
            self.presence.came("ann")
        self.clock.advance(100)
        self.assertEqual(self.said, [("ann", True)])

    def test_the_grace_period_begins_with_the_last_leaving(self) -> None:
        self.presence.came("ann")
        self.presence.left("ann")
        self.clock.advance(5)
        self.presence.came("ann")
        self.presence.left("ann")
        self.clock.advance(9)
        self.assertEqual(self.said, [("ann", True)])
        self.clock.advance(1)
        self.assertEqual(self.said[1:], [("ann", False)])

    def test_a_fault_in_announcing_one_does_not_hold_up_the_others_nor_the_stop(self) -> None:
        def announce(user_id: str, came: bool) -> None:
            if user_id == "ann" and not came:
                raise ZeroDivisionError
            self.said.append((user_id, came))

        self.presence = PresenceGrace(self.store, 10.0, announce, self.clock)  # type: ignore[arg-type]
        self.presence.startService()
        for user_id in "ann", "bob", "cid":
            self.presence.came(user_id)
        self.presence.left("ann")
        self.presence.left("bob")
        self.clock.advance(10)
        self.assertEqual(self.said[-1], ("bob", False))
        self.presence.came("ann")
        self.presence.stopService()
        self.assertIn(("cid", False), self.said)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)

    def test_each_goes_in_their_own_time(self) -> None:
        for user_id in "abc":
            self.presence.came(user_id)
        for user_id in "abc":
            self.presence.left(user_id)
            self.clock.advance(1)
        self.said.clear()
        for seconds, gone in ((6.9, 0), (0.1, 1), (1, 2), (1, 3)):
            self.clock.advance(seconds)
            self.assertEqual(len(self.said), gone)

    def test_who_never_came_never_goes(self) -> None:
        self.presence.left("ann")
        self.clock.advance(100)
        self.assertEqual(self.said, [])

    def test_without_a_grace_period_they_go_in_the_next_turn(self) -> None:
        presence = self.make(0.0)
        presence.came("ann")
        presence.left("ann")
        self.clock.advance(0)
        self.assertEqual(self.said[1:], [("ann", False)])

    def test_users_of_a_node_that_is_gone_have_the_grace_period_too(self) -> None:
        self.store.users = ["ann", "bob"]
        self.clock.advance(REANNOUNCE_INTERVAL)
        self.presence.came("bob")
        self.clock.advance(10)
        self.assertEqual(self.said, [("ann", False)])
        self.presence.came("ann")
        self.assertEqual(self.said[1:], [("ann", True)])

    def test_users_here_are_told_anew_when_others_took_this_node_for_gone(self) -> None:
        for user_id in "ann", "bob":
            self.presence.came(user_id)
        self.presence.left("bob")
        self.store.users = ["ann", "bob"]
        self.clock.advance(REANNOUNCE_INTERVAL)
        self.assertEqual(self.said[2:], [("ann", True)])
        self.clock.advance(10)
        self.assertEqual(self.said[3:], [("bob", False)])

    def test_it_looks_again_after_an_error(self) -> None:
        for error in Unavailable("away"), ValueError("a fault"):
            self.store.error = error
            self.clock.advance(REANNOUNCE_INTERVAL)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.store.error, self.store.users = None, ["ann"]
        self.clock.advance(REANNOUNCE_INTERVAL)
        self.clock.advance(10)
        self.assertEqual(self.said, [("ann", False)])

    def test_at_the_stop_everybody_goes_with_the_store(self) -> None:
        for user_id in "ann", "bob":
            self.presence.came(user_id)
        self.presence.left("ann")
        self.said.clear()
        self.presence.stopService()
        self.assertEqual(sorted(self.said), [("ann", False), ("bob", False)])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_at_the_stop_users_stay_online_if_other_nodes_know_them(self) -> None:
        self.store.outlives_process = True
        self.presence.came("ann")
        self.presence.left("ann")
        self.presence.stopService()
        self.assertEqual(self.said, [("ann", True)])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_with_another_data_set_all_begins_anew(self) -> None:
        for user_id in "ann", "bob":
            self.presence.came(user_id)
        self.presence.left("ann")
        self.presence.data_lost()
        self.presence.left("bob")
        self.clock.advance(100)
        self.presence.came("ann")
        self.assertEqual(self.said, [("ann", True), ("bob", True), ("ann", True)])

    def test_nothing_is_kept_of_those_who_went(self) -> None:
        for number in range(100):
            self.presence.came(f"user{number}")
            self.presence.left(f"user{number}")
        self.clock.advance(10)
        self.assertEqual((self.presence._here, self.presence._leaving), (set(), {}))
