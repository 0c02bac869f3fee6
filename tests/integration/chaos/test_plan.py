"""The faults of a seed, and what a report says of a run."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.chaos.faults import Faults
from tests.integration.chaos.journal import Journal, Letter
from tests.integration.chaos.judgement import KINDS as JUDGEMENTS
from tests.integration.chaos.judgement import Violation
from tests.integration.chaos.plan import KINDS, LANES, SETUPS, schedule
from tests.integration.chaos.redis_keys import wrong_key
from tests.integration.chaos.report import Result, events, figures, story

ALL = {kind.name for kind in KINDS}


class PlanTests(SynchronousTestCase):
    def test_a_seed_has_the_same_faults_each_time_and_another_one_others(self) -> None:
        for setup in SETUPS:
            for lane in LANES:
                plan = schedule(7, setup, lane, ALL)
                self.assertEqual(plan, schedule(7, setup, lane, ALL))
                if plan:
                    self.assertNotEqual(plan, schedule(8, setup, lane, ALL))

    def test_each_kind_comes_once_before_any_comes_again(self) -> None:
        for setup in SETUPS:
            for lane in LANES:
                wanted = {kind.name for kind in KINDS if kind.lane == lane and setup in kind.setups}
                plan = schedule(7, setup, lane, ALL)
                self.assertEqual({fault.kind for fault in plan[: len(wanted)]}, wanted)

    def test_each_kind_of_fault_is_implemented(self) -> None:
        faults = Faults(None, Journal())  # type: ignore[arg-type]
        self.assertEqual(faults.kinds.keys(), ALL)


class RedisKeyTests(SynchronousTestCase):
    def test_the_keys_of_what_there_is_may_stay(self) -> None:
        for key in ("gim:{gim}:data", "gim:{u:ann}:user", "gim:{s:1:den}:ids", "gim:{s:2:ann:bob}:last"):
            self.assertEqual(wrong_key(key, {"1:den", "2:ann:bob"}, {"ann"}, False), "")

    def test_other_keys_are_told(self) -> None:
        for key, reason in (
            ("gim:{u:ann}:strange", "not documented"),
            ("strange", "not documented"),
            ("gim:{u:bob}:user", "does not exist"),
            ("gim:{s:1:hut}:ids", "does not exist"),
            ("gim:{s:1:den}:going", "is over"),
            ("gim:{s:1:den}:once:ann", "never expires"),
            ("gim:{u:ann}:nodes", "never expires"),
        ):
            self.assertIn(reason, wrong_key(key, {"1:den"}, {"ann"}, False))
        for key in ("gim:{s:1:den}:once:ann", "gim:{u:ann}:nodes"):
            self.assertEqual(wrong_key(key, {"1:den"}, {"ann"}, True), "")


class ReportTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.journal = Journal()
        self.journal.note(1.0, "ann0", "2:ann:bob", "acknowledged 01")
        self.journal.note(2.0, "fault", "", "node killed begins")
        self.journal.note(3.0, "cid0", "2:cid:dan", "acknowledged 02")
        self.journal.note(4.0, "bob0", "2:ann:bob", "pushed [03] skipped 0")
        self.journal.note(5.0, "bob0", "2:ann:bob", "pushed [04] skipped 0")
        self.lost = Violation("lost", "01 to bob0", "bob0", "2:ann:bob", "01", 4.0)

    def test_a_violation_comes_with_the_events_that_concern_it_up_to_its_time(self) -> None:
        self.assertEqual([note.at for note in events(self.journal, self.lost)], [1.0, 2.0, 4.0])
        lines = list(story(Result("aof", self.journal, [self.lost])))
        self.assertEqual(lines[0], "aof: lost: 01 to bob0")
        self.assertEqual(len(lines), 4)

    def test_the_figures_name_all_kinds_of_violations(self) -> None:
        letter = Letter("hi", "1", "ann0", "ann", 2, "bob", 1.0)
        self.journal.letters["hi"] = letter
        self.journal.acknowledge(letter, {"id": "01"}, 1.5)
        self.journal.faults["node killed"] += 2
        said = figures(Result("aof", self.journal, [self.lost]))
        self.assertIn("aof: 1 messages acknowledged", said)
        self.assertIn("2 faults: node killed 2", said)
        for kind in JUDGEMENTS:
            self.assertIn(f"{kind} {int(kind == 'lost')}", said)
