"""Which requests have a line in the log."""

from __future__ import annotations

from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from gim.api.server.access_lines import SAMPLE_SIZE, AccessLines
from tests.unit.api.test_http import ApiTestCase


class AccessLinesTests(SynchronousTestCase):
    def test_all_or_none_of_them(self) -> None:
        for status in 200, 404:
            self.assertTrue(AccessLines("all").has("send", status))
            self.assertFalse(AccessLines("off").has("send", status))

    def test_a_sample_has_the_first_of_many_that_succeed_of_each_route(self) -> None:
        lines = AccessLines("sampled")
        for _ in range(3):
            for route in "send", "alive":
                self.assertEqual(
                    [lines.has(route, 200) for _ in range(SAMPLE_SIZE)], [True] + [False] * 99
                )

    def test_a_sample_has_all_that_fail(self) -> None:
        lines = AccessLines("sampled")
        self.assertTrue(all(lines.has("", status) for status in (400, 404, 500) * 50))


class LinesCase(ApiTestCase):
    def lines(self) -> list[str]:
        """Return the lines of two requests that succeed and one that fails."""
        with capturedLogs() as logged:
            for path in "/healthz", "/healthz", "/nowhere":
                self.request("GET", path, trace="t")
        return [formatEvent(event) for event in logged]


class AllTests(LinesCase):
    def test_each_has_a_line(self) -> None:
        lines = self.lines()
        self.assertEqual(len(lines), 3)
        self.assertEqual(lines[0], "GET /healthz 200 0.0 ms from 127.0.0.1 trace=t")


class SampledTests(LinesCase):
    options = ("--log-requests", "sampled")

    def test_most_that_succeed_have_none(self) -> None:
        self.assertEqual([line.split()[1] for line in self.lines()], ["/healthz", "/nowhere"])


class OffTests(LinesCase):
    options = ("--log-requests", "off")

    def test_none_has_one(self) -> None:
        self.assertEqual(self.lines(), [])
