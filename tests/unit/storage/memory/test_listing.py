"""Pages of ids in order: how many ids one page passes over."""

from __future__ import annotations

from sortedcontainers import SortedList
from twisted.trial.unittest import SynchronousTestCase

from gim.storage.memory import listing
from gim.storage.memory.listing import page_of


class PageTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.ids = SortedList(f"{letter}{number}" for letter in "abc" for number in range(10))
        self.examined: list[str] = []

    def page(self, prefix: str, cursor: str, count: int, unwanted: str = "") -> tuple[list[str], str]:
        def state_of(one: str) -> str | None:
            self.examined.append(one)
            return None if unwanted and one.startswith(unwanted) else one

        return page_of(self.ids, prefix, cursor, count, state_of)

    def test_a_page_begins_behind_the_cursor_and_ends_with_its_last_id(self) -> None:
        self.assertEqual(self.page("b", "", 2), (["b0", "b1"], "b1"))
        self.assertEqual(self.page("b", "b1", 2), (["b2", "b3"], "b3"))
        self.assertEqual(self.page("b", "b7", 5), (["b8", "b9"], ""))

    def test_a_cursor_whose_id_is_gone_is_a_place_all_the_same(self) -> None:
        self.ids.remove("b1")
        self.assertEqual(self.page("b", "b1", 1), (["b2"], "b2"))

    def test_an_id_that_is_the_prefix_is_among_them_once(self) -> None:
        self.assertEqual(self.page("b1", "", 5), (["b1"], ""))
        self.assertEqual(self.page("b1", "b1", 5), ([], ""))

    def test_a_page_examines_what_it_shows(self) -> None:
        self.page("b", "", 2)
        self.assertEqual(self.examined, ["b0", "b1"])

    def test_ids_that_are_not_wanted_end_a_page_before_it_is_full(self) -> None:
        self.patch(listing, "MAX_EXAMINED", 4)
        found, cursor = self.page("", "a8", 3, unwanted="b")
        self.assertEqual((found, cursor), (["a9"], "b2"))
        self.assertEqual(self.page("", cursor, 3, unwanted="b"), ([], "b6"))
