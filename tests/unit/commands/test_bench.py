"""The arguments of ``gim bench``: what it refuses, and what it plans."""

from __future__ import annotations

import argparse
import json
import resource
from types import SimpleNamespace
from typing import Any

import jwt
from twisted.trial.unittest import SynchronousTestCase

from gim.benchmark import planning, session
from gim.benchmark.machine import Machine
from gim.benchmark.plan import Plan
from gim.benchmark.report import report
from gim.benchmark.server_load import ServerLoad, ServerProbe
from gim.benchmark.session import Outcome
from gim.benchmark.site import Site
from gim.benchmark.tally import Tally
from gim.cli.failures import Unreachable
from gim.cli.main import parser_of
from tests.support.bench_server import SITE, plan_of
from tests.support.command import CommandTestCase, response
from tests.support.key_material import SECRET


def arguments(*words: str) -> argparse.Namespace:
    return parser_of("bench").parse_args(words)


class PlanTests(SynchronousTestCase):
    def plans(self, *words: str) -> list[Plan]:
        return planning.plans(arguments(*words), SITE, lambda user_id: f"token of {user_id}")

    def test_all_are_measured_unless_some_are_named_memory_first(self) -> None:
        self.assertEqual(
            [plan.measurement for plan in self.plans()], ["idle", "login", "private", "fanout"]
        )
        self.assertEqual(len(self.plans("idle", "all")), 4)
        self.assertEqual([plan.measurement for plan in self.plans("fanout", "idle")], ["fanout", "idle"])

    def test_users_and_rooms_are_new_in_each_run(self) -> None:
        (one,), (other,) = self.plans("fanout"), self.plans("fanout")
        self.assertEqual(set(one.users) & set(other.users), set())
        self.assertEqual(set(one.rooms) & set(other.rooms), set())
        self.assertRegex(one.users[0].id, r"^bench-[0-9a-f]{6}-0$")
        self.assertEqual(one.users[0].token, f"token of {one.users[0].id}")

    def test_each_measurement_has_numbers_of_its_own(self) -> None:
        found = {plan.measurement: (len(plan.users), plan.in_flight) for plan in self.plans()}
        self.assertEqual(
            found, {"idle": (1000, 1), "login": (1000, 32), "private": (100, 1), "fanout": (1000, 1)}
        )
        (plan,) = self.plans("private", "--clients", "7", "--in-flight", "8", "--for", "500ms")
        self.assertEqual((len(plan.users), plan.in_flight), (6, 8))
        self.assertEqual((plan.ramp_up_s, plan.window_s), (0.5, 0.5))

    def test_processes_share_the_users_and_pairs_stay_together(self) -> None:
        (plan,) = self.plans("private", "--clients", "10", "--processes", "2")
        shares = [plan.share(place) for place in range(2)]
        numbers = [[int(user.id.rpartition("-")[2]) for user in share.users] for share in shares]
        self.assertEqual(numbers, [[0, 1, 4, 5, 8, 9], [2, 3, 6, 7]])
        self.assertEqual(Plan.from_json(shares[1].as_json()), shares[1])

    def test_members_are_spread_over_rooms_and_each_sender_is_in_its_own(self) -> None:
        for processes in (1, 2, 3):
            (plan,) = self.plans(
                "fanout", "--clients", "30", "--rooms", "4", "--processes", str(processes)
            )
            shares = [plan.share(place) for place in range(processes)]
            rooms = [share.room_of(number) for share in shares for number in range(len(share.users))]
            self.assertEqual(sorted(map(rooms.count, range(4))), [7, 7, 8, 8])


class ArgumentTests(CommandTestCase):
    def refuses(self, *words: str, status: int = 2) -> str:
        return self.refused("bench", *words, status=status)

    def test_what_does_not_go_together_is_a_2(self) -> None:
        self.assertIn("invalid choice: 'fan-out'", self.refuses("fan-out"))
        self.assertIn("--rate and --in-flight", self.refuses("--rate", "5", "--in-flight", "2"))
        self.assertIn("33 bytes", self.refuses("--size", "32"))
        self.assertIn(
            "--clients: private needs 4", self.refuses("private", "--clients", "3", "--processes", "2")
        )
        self.assertIn("--rooms", self.refuses("fanout", "--clients", "3", "--rooms", "4"))

    def test_another_machine_is_not_measured_by_mistake(self) -> None:
        self.assertIn("--yes", self.refuses("--ws", "ws://chat.example.com"))
        for url, expected in (
            ("ws://127.0.0.9:8080", True),
            ("wss://[::1]", True),
            ("ws://localhost/x", True),
            ("ws://10.0.0.1", False),
            ("wss://chat.example.com", False),
        ):
            self.assertEqual(Site.of(url, 1.0).is_loopback, expected, url)

    def test_too_few_open_files_are_told_before_anything_begins(self) -> None:
        self.patch(resource, "getrlimit", lambda which: (64, 1024))
        line = self.refuses("idle", "--clients", "2000", status=1)
        self.assertIn("ulimit -n", line)
        self.assertIn("2,032 open files", line)
        self.assertEqual(
            len(planning.plans(arguments("idle", "--clients", "2000", "--processes", "3"), SITE, str)), 1
        )

    def test_a_key_that_can_not_sign_is_a_1(self) -> None:
        self.assertIn("k: ", self.refuses("--auth-key-file", self.file("k", "short"), status=1))


class RunTests(CommandTestCase):
    """What the command does around its measurements, which are left out."""

    def setUp(self) -> None:
        super().setUp()
        self.outcome = Outcome()
        self.outcome.has_users = True
        self.found: list[dict[str, Any]] = []

        def make(probe: ServerProbe, progress: Any, show: Any) -> Any:
            async def run(plans: list[Plan]) -> Outcome:
                self.plans = plans
                for found in self.found:
                    show(found)
                return self.outcome

            self.probe = probe
            return SimpleNamespace(run=run)

        self.patch(session, "Session", make)

    def answer(self, request: bytes) -> bytes:
        if b"/metrics" in request:
            return response("process_cpu_seconds_total 2.5\nprocess_resident_memory_bytes 1e6\n")
        if b"room-1" in request:
            return response('{"code":503,"msg":"not now","data":null}', 503)
        return response('{"code":0,"msg":"","data":{}}')

    def test_figures_are_printed_with_their_warnings(self) -> None:
        tally = Tally()
        tally.counts["missing"] = 3
        plan = plan_of("private", 2)
        self.found = [report(plan, tally, 1.0, ServerLoad(None, None), Machine(None), {})]
        run = self.gim("bench")
        self.assertEqual((run.status, run.out.splitlines()[0][:18]), (0, "private: 2 clients"))
        self.assertIn("warning: 3 messages were not complete", run.err)
        run = self.gim("bench", "--json", "-q")
        self.assertEqual((json.loads(run.out)["missing"], run.err), (3, ""))

    def test_the_administrator_dismisses_what_is_left(self) -> None:
        self.outcome.rooms_left = ["bench-room-0", "bench-room-1"]
        run = self.gim("bench", "fanout")
        self.assertIn("DELETE /v1/admin/chatrooms/bench-room-0 ", self.requests[0].decode())
        self.assertRegex(run.err, r"left behind: .*; the chatrooms bench-room-1\n$")

    def test_without_the_key_the_chatrooms_are_named(self) -> None:
        del self.environment["GIM_ADMIN_KEY"]
        self.outcome.rooms_left = ["bench-room-0"]
        self.assertIn("the chatrooms bench-room-0", self.gim("bench", "fanout").err)
        self.assertEqual(self.connected, [])

    def test_ctrl_c_and_faults_have_their_exit_statuses(self) -> None:
        self.outcome.is_interrupted = True
        self.assertEqual(self.gim("bench").status, 130)
        self.outcome.has_users = False
        self.outcome.failure = Unreachable("gone")
        run = self.gim("bench")
        self.assertEqual((run.status, run.err), (3, "gim: gone\n"))

    def test_metrics_are_those_of_the_server_that_is_named(self) -> None:
        self.gim("bench")
        reading = self.probe.read()
        assert reading is not None
        self.assertEqual((reading.cpu_s, reading.rss_bytes), (2.5, 1e6))
        self.assertEqual(self.connected, [("127.0.0.1", 8081)])
        self.gim("bench", "--ws", "ws://127.0.0.1:9")
        self.assertIsNone(self.probe.read())

    def test_metrics_that_can_not_be_read_are_asked_for_once(self) -> None:
        self.patch(self, "answer", lambda request: response("", 404))
        self.gim("bench")
        self.assertEqual((self.probe.read(), self.probe.read()), (None, None))
        self.assertEqual(len(self.requests), 1)


class TokenTests(CommandTestCase):
    def token(self, *words: Any) -> str:
        from gim.benchmark.tokens import maker

        return maker(*words)("bench-1")

    def test_users_have_tokens_where_there_is_a_key(self) -> None:
        token = self.token(self.file("k", SECRET), "chat", "backend")
        claims = jwt.decode(token, SECRET, ["HS256"], audience="chat", issuer="backend")
        self.assertEqual(claims["sub"], "bench-1")

    def test_without_a_key_they_have_none(self) -> None:
        self.assertEqual(self.token(None, None, None), "")
