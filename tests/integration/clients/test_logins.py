"""How logins after a restart are counted and judged."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.clients.logins import Window, histogram, window_of_delays, window_of_slots
from tests.integration.clients.restart import Return


def waiting(user: int, at: float, delay: float, code: int) -> dict[str, Any]:
    words = {"at": at, "delay": delay, "code": code}
    return {"is": "state", "user": str(user), "now": "waiting", **words}


class LoginsTests(SynchronousTestCase):
    def test_slots_reach_from_the_first_to_the_last(self) -> None:
        slots = [waiting(number, number / 10, 1.0, 3001) for number in range(101)]
        failed = [waiting(0, 50.0, 30.0, 1006)]
        window = window_of_slots(slots + failed)
        self.assertEqual((window.clients, window.limit), (101, 20.2))

    def test_delays_are_the_last_ones_of_nine_of_ten_clients(self) -> None:
        early = [waiting(number, 0.0, 0.1, 1006) for number in range(10)]
        late = [waiting(number, 1.0, number, 1006) for number in range(10)]
        self.assertEqual(window_of_delays(early + late), Window(8.0, 9))

    def test_logins_are_counted_by_second(self) -> None:
        samples = [(10.0, 0.0), (10.5, 4.0), (11.5, 6.0), (12.0, 16.0)]
        self.assertEqual(histogram(samples, 10.0), [5.0, 11.0, 0.0])

    def test_one_peak_is_allowed(self) -> None:
        back = Return("asyncio", "SIGTERM", 100, [21.0, 20.0, 1.0], Window(10.0, 100))
        back.judge()
        self.assertEqual(back.violations, [])

    def test_two_peaks_are_not(self) -> None:
        back = Return("asyncio", "SIGTERM", 100, [21.0, 20.5, 1.0], Window(10.0, 100))
        back.judge()
        self.assertEqual([violation.kind for violation in back.violations], ["peaks"])
