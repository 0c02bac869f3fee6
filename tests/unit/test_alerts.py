"""The alerts of contrib/prometheus, in step with the metrics, the limits and the documents."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml
from twisted.trial.unittest import SynchronousTestCase

from gim.limits import limits
from tests.support.paths import ROOT

CONTRIB = ROOT.child("contrib").child("prometheus")
NAME = re.compile(r"\b(?:gim|python|process)_\w+")
FIRING = re.compile(r'alertname="(\w+)"')


def read(name: str) -> Any:
    return yaml.safe_load(CONTRIB.child(name).getContent())


def text_of(*path: str) -> str:
    return ROOT.descendant(path).getContent().decode()


def anchors(page: str) -> set[str]:
    """Return the anchors of the headings of a page of docs/."""
    headings = re.findall(r"(?m)^#+ (.+)$", text_of(*page.split("/")))
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


class RuleTests(SynchronousTestCase):
    def setUp(self) -> None:
        groups = read("alerts.yml")["groups"]
        self.rules = [rule for group in groups for rule in group["rules"]]
        self.names = [rule["alert"] for rule in self.rules]

    def test_each_says_how_bad_it_is_and_what_to_do(self) -> None:
        self.assertEqual(len(set(self.names)), len(self.names))
        for rule in self.rules:
            name = rule["alert"]
            self.assertEqual(set(rule), {"alert", "expr", "for", "labels", "annotations"}, name)
            self.assertIn(rule["labels"]["severity"], ("critical", "warning"), name)
            self.assertEqual(set(rule["annotations"]), {"summary", "description", "runbook"}, name)
            self.assertTrue(rule["annotations"]["description"].endswith("."), name)

    def test_each_leads_to_a_section_of_the_documents(self) -> None:
        for rule in self.rules:
            page, _, anchor = rule["annotations"]["runbook"].partition("#")
            self.assertTrue(ROOT.descendant(page.split("/")).exists(), rule["alert"])
            if anchor:
                self.assertIn(anchor, anchors(page), rule["alert"])

    def test_they_ask_for_metrics_and_labels_that_are_served(self) -> None:
        """docs/metrics.md lists what is served: another test compares it with a daemon."""
        rows = re.findall(r"(?m)^\| `(\w+)` \| (\w+) \|([^|]*)\|", text_of("docs", "metrics.md"))
        labels = {name: set(re.findall(r"`(\w+)`", cell)) for name, _, cell in rows}
        for name, kind, _ in rows:
            if kind == "histogram":
                labels[f"{name}_bucket"] = labels[name] | {"le"}
        for rule in self.rules:
            for name in NAME.findall(rule["expr"]):
                self.assertIn(name, labels, rule["alert"])
            for name, matchers in re.findall(rf"({NAME.pattern})\{{([^}}]*)\}}", rule["expr"]):
                asked = set(re.findall(r"(\w+)[=!]", matchers))
                self.assertLessEqual(asked, labels[name] | {"job"}, rule["alert"])

    def test_the_limits_that_they_name_are_counted(self) -> None:
        named = [
            name
            for rule in self.rules
            for value in re.findall(r'limit[=!]~?\s*"([^"]+)"', rule["expr"])
            for name in value.split("|")
        ]
        self.assertGreater(len(named), 5)
        self.assertLessEqual(set(named), set(limits.ALL))

    def test_an_alert_that_is_named_elsewhere_is_one(self) -> None:
        for path in ("docs", "metrics.md"), ("contrib", "grafana", "gim.json"), ("docs", "deployment.md"):
            self.assertLessEqual(set(re.findall(r"\bGim[A-Z]\w+", text_of(*path))), set(self.names), path)


class CaseTests(SynchronousTestCase):
    """alerts_test.yml, which promtool runs, has cases for all alerts."""

    def asked(self) -> Iterator[list[set[str]]]:
        """Yield for each case the alerts that fire at each of its times."""
        for case in read("alerts_test.yml")["tests"]:
            yield [
                {alert for sample in ask["exp_samples"] for alert in FIRING.findall(sample["labels"])}
                for ask in case["promql_expr_test"]
            ]

    def test_each_alert_fires_in_a_case_and_not_before_its_time(self) -> None:
        fired = set()
        for early, *later in self.asked():
            self.assertEqual(early, set())
            fired |= set().union(*later)
        rules = [rule for group in read("alerts.yml")["groups"] for rule in group["rules"]]
        self.assertEqual(fired, {rule["alert"] for rule in rules})

    def test_each_case_has_a_node_without_trouble(self) -> None:
        """Every alert but the one for no node at all."""
        for case in read("alerts_test.yml")["tests"]:
            series = " ".join(entry["series"] for entry in case["input_series"])
            self.assertIn('instance="good:8081"' if "GimAbsent" not in case["name"] else "other", series)


class ScrapeTests(SynchronousTestCase):
    def test_the_example_reads_the_alerts_and_has_the_job_that_they_need(self) -> None:
        example = read("prometheus.yml")
        self.assertEqual(example["rule_files"], ["alerts.yml"])
        jobs = {job["job_name"] for job in example["scrape_configs"]}
        self.assertEqual(
            jobs, set(re.findall(r'job="(\w+)"', text_of("contrib", "prometheus", "alerts.yml")))
        )
