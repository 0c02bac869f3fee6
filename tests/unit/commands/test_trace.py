"""``gim trace``: what it says about connections that come and go."""

from __future__ import annotations

import json
from typing import Any

from gim.commands import trace
from gim.concurrency.clocks import WallClock
from tests.support.command import CommandTestCase, response

NOW = 1_800_000_000.0


def connection(key: str) -> dict[str, Any]:
    return {"key": key, "node": "n1", "peer": "127.0.0.1:5", "since": 1_799_999_940_000}


def listed(*keys: str) -> bytes:
    data = {"items": [connection(key) for key in keys]}
    return response(json.dumps({"code": 0, "msg": "", "data": data}))


def refusal(code: int) -> bytes:
    return response(json.dumps({"code": code, "msg": "no", "data": None}), code)


class TraceTests(CommandTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.patch(WallClock, "now_ms", lambda clock: int(NOW * 1000))
        self.patch(trace, "sleep", self.sleep)
        self.answers: list[bytes] = []
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if not self.answers:
            raise KeyboardInterrupt

    def answer(self, request: bytes) -> bytes:
        return self.answers.pop(0)

    def lines(self, *answers: bytes, words: tuple[str, ...] = ()) -> list[str]:
        self.answers = list(answers)
        run = self.gim("trace", "ann", *words)
        self.err = run.err
        self.assertEqual(run.status, 130)
        return run.out.splitlines()

    def test_a_line_for_each_that_is_open_begins_or_is_gone(self) -> None:
        found = self.lines(listed("a"), listed("a"), listed("a", "b"), listed("b"))
        time = "2027-01-15T08:00:00Z"
        detail = "127.0.0.1:5 node n1"
        since = "since 2027-01-15T07:59:00Z"
        self.assertEqual(
            found,
            [
                f"{time} open  a {detail} {since}",
                f"{time} began b {detail} {since}",
                f"{time} gone  a {detail} after 1 min 0 s",
            ],
        )
        self.assertEqual(self.slept, [1.0] * 4)

    def test_one_whose_node_did_not_answer_for_a_while_is_back(self) -> None:
        found = self.lines(listed("a"), listed(), listed("a"), listed(), words=("--json",))
        self.assertEqual([json.loads(line)["change"] for line in found], ["open", "gone", "back", "gone"])
        self.assertEqual(
            json.loads(found[0]), {"time": int(NOW * 1000), "change": "open", **connection("a")}
        )

    def test_it_remembers_only_so_many_that_are_gone(self) -> None:
        self.patch(trace, "_MEMORY", 1)
        found = self.lines(listed("a", "b"), listed("b"), listed(), listed("a", "b"), words=("--json",))
        changes = {(each["key"], each["change"]) for each in map(json.loads, found[4:])}
        self.assertEqual(changes, {("a", "began"), ("b", "back")})

    def test_it_goes_on_after_a_fault_that_passes(self) -> None:
        found = self.lines(listed(), refusal(503), refusal(503), listed("a"), words=("--interval", "2s"))
        self.assertEqual(len(found), 1)
        self.assertEqual(
            self.err.splitlines(), ["ann has no connection", "gim: 503, no: asking again every 2 s"]
        )

    def test_a_refusal_ends_it(self) -> None:
        self.answers = [listed("a"), refusal(401)]
        run = self.gim("trace", "ann")
        self.assertEqual((run.status, len(run.out.splitlines())), (1, 1))
        self.answers = [refusal(503)]
        self.assertIn("503", self.refused("trace", "ann"))
