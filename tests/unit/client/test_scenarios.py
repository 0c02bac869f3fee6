"""The Python core behaves as clients/BEHAVIOUR.md says."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from tests.support.client_scenarios import Runner, load, names
from tests.support.paths import ROOT

_RULE = re.compile(r"^- \*\*([A-Z]\d+)\*\*", re.MULTILINE)


class ScenarioTests(SynchronousTestCase):
    """Each scenario is a test of its own."""

    def test_every_rule_has_a_scenario_and_no_scenario_names_another(self) -> None:
        text = ROOT.child("clients").child("BEHAVIOUR.md").getContent().decode()
        named = {rule for name in names() for rule in load(name)["rules"]}
        self.assertEqual(named ^ set(_RULE.findall(text)), set())


def _add(name: str) -> None:
    def test(self: ScenarioTests) -> None:
        Runner(name).run()

    setattr(ScenarioTests, "test_" + name.replace("-", "_"), test)


for _name in names():
    _add(_name)
