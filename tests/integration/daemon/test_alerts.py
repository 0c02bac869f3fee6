"""The alerts of contrib/prometheus, as the tool of Prometheus sees them."""

from __future__ import annotations

import os
from shutil import which

from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import TestCase

from tests.support.paths import ROOT

CONTRIB = ROOT.child("contrib").child("prometheus")
PROMTOOL = which("promtool")


class PromtoolTests(TestCase):
    if PROMTOOL is None:
        skip = "promtool is missing: apt-get install --no-install-recommends prometheus"

    async def run_tool(self, *words: str) -> str:
        path = CONTRIB.child(words[-1]).path
        out, err, status = await getProcessOutputAndValue(PROMTOOL, [*words[:-1], path], os.environ)
        self.assertEqual((err.decode(), status), ("", 0), out.decode())
        return out.decode()

    async def test_the_cases_end_as_they_say(self) -> None:
        self.assertIn("SUCCESS", await self.run_tool("test", "rules", "alerts_test.yml"))

    async def test_the_example_is_valid_with_its_rules(self) -> None:
        self.assertIn("rules found", await self.run_tool("check", "config", "prometheus.yml"))
