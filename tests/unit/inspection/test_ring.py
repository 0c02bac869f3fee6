"""The samples that are kept: how many, in which order, in how much memory."""

from __future__ import annotations

from array import array

from twisted.trial.unittest import SynchronousTestCase

from gim.inspection.ring import SECONDS, TENS, Columns, Ring, Rings
from gim.inspection.samples import FIELDS

MOST = 200_000  # bytes


def rows(columns: Columns, name: str) -> list[tuple[int, float]]:
    """Return the samples of a field: when it was taken, and its value."""
    values = array("f", columns.values[name])
    return list(zip(map(int, array("d", columns.at)), values, strict=True))


class RingTests(SynchronousTestCase):
    def test_the_oldest_samples_go(self) -> None:
        ring = Ring(3)
        for at in range(1, 3):
            ring.add(at, {"cpu": at / 2})
        self.assertEqual(rows(ring.columns(), "cpu"), [(1, 0.5), (2, 1.0)])
        for at in range(3, 6):
            ring.add(at, {"cpu": at / 2})
        self.assertEqual(rows(ring.columns(), "cpu"), [(3, 1.5), (4, 2.0), (5, 2.5)])

    def test_a_field_without_values_is_left_out(self) -> None:
        ring = Ring(2)
        ring.add(1, {"cpu": 0.0, "refusals.max-send-rate": 0.0})
        self.assertEqual(list(ring.columns().values), ["cpu"])
        ring.add(2, {"refusals.max-send-rate": 1.0})
        columns = ring.columns()
        self.assertEqual(list(columns.values), ["cpu", "refusals.max-send-rate"])
        (_, known), (_, unknown) = rows(columns, "cpu")
        self.assertEqual((known, unknown == unknown), (0.0, False))  # NaN

    def test_the_newest_values_that_are_known(self) -> None:
        ring = Ring(4)
        self.assertEqual(list(ring.newest("cpu", 3)), [])
        for at in range(1, 7):
            ring.add(at, {"cpu": at} if at % 2 else {})
        self.assertEqual(list(ring.newest("cpu", 3)), [5.0])
        self.assertEqual(list(ring.newest("cpu", 4)), [3.0, 5.0])


class RingsTests(SynchronousTestCase):
    def test_their_memory_is_fixed(self) -> None:
        rings = Rings()
        before = rings.memory
        for second in range(5000):
            rings.add(1000 * second, dict.fromkeys(FIELDS, 1e9))
        self.assertEqual(rings.memory, before)
        self.assertLess(before, MOST)
        for columns, most in (rings.seconds.columns(), SECONDS), (rings.tens.columns(), TENS):
            self.assertEqual(len(rows(columns, "cpu")), most)

    def test_ten_seconds_become_one_sample(self) -> None:
        rings = Rings()
        for second in range(1, 21):
            values = dict.fromkeys(("users", "requests"), float(second))
            values |= {"reactor_delay_ms": 20.0 - second, "ready": float(second != 13)}
            rings.add(1000 * second, values)
        columns = rings.tens.columns()
        expected: tuple[tuple[str, float, float], ...] = (
            ("users", 10, 20),  # the last one
            ("requests", 5.5, 15.5),  # the mean
            ("reactor_delay_ms", 19, 9),  # the largest
            ("ready", 1, 0),  # the worst
        )
        for name, begin, end in expected:
            self.assertEqual(rows(columns, name), [(10_000, begin), (20_000, end)])
