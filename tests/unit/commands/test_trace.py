"""``gim trace``: what it prints of a stream of events, and what it does when the stream ends."""

from __future__ import annotations

import json
from typing import Any

from gim.commands import trace
from gim.concurrency.clocks import WallClock
from tests.support.command import CommandTestCase, response

NOW = 1_800_000_000_000
SINCE = NOW - 60_000
TIME = "2027-01-15T08:00:00Z"
WHERE = "127.0.0.1:5 node n1"

Event = tuple[str, dict[str, Any]]
END: Event = ("end", {"reason": "time"})


def begin(*keys: str) -> Event:
    return "begin", {"user_id": "ann", "connections": list(keys), "until": NOW}


def connection(change: str, key: str, **fields: Any) -> Event:
    known = {"at": NOW, "change": change, "key": key, "node": "n1", "peer": "127.0.0.1:5"}
    return "connection", {**known, "since": SINCE, "code": None, "reason": "", **fields}


def packet(direction: str, op: int, name: str, body: Any, **fields: Any) -> Event:
    known = {"at": NOW, "direction": direction, "key": "a", "node": "n1", "op": op, "name": name}
    return "packet", {**known, "seq": 5, "bytes": 130, "body": body, **fields}


def stream(*events: Event) -> bytes:
    text = "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in events)
    return response(f"retry: 2000\n\n:\n\n{text}", Content_Type="text/event-stream")


def refusal(code: int) -> bytes:
    return response(json.dumps({"code": code, "msg": "no", "data": None}), code)


class TraceTests(CommandTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.patch(WallClock, "now_ms", lambda clock: NOW)
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
        self.assertEqual(run.status, 130, run.err)
        return run.out.splitlines()

    def test_a_line_for_each_connection_that_is_open_begins_or_is_gone(self) -> None:
        found = self.lines(
            stream(
                begin("a"),
                connection("open", "a"),
                connection("opened", "b", since=None),
                connection("closed", "a", code=3503, reason="disconnected by an administrator"),
                connection("closed", "b", since=None),
            )
        )
        self.assertEqual(
            found,
            [
                f"{TIME} open  a {WHERE} since 2027-01-15T07:59:00Z",
                f"{TIME} began b {WHERE}",
                f"{TIME} gone  a {WHERE} after 1 min 0 s with 3503 disconnected by an administrator",
                f"{TIME} gone  b {WHERE}",
            ],
        )

    def test_a_line_for_each_packet(self) -> None:
        found = self.lines(
            stream(
                begin("a"),
                packet("in", 201, "send", {"content": "…(2 characters)"}),
                packet("out", 202, "send", {"msg": "not\x1b here"}, code=404),
                packet("out", 106, "heartbeat", {"server_time": 1}, code=0),
                packet("in", 999, "", {"error": "unknown"}),
                ("dropped", {"count": 7}),
                ("later", {"versions": "may send more"}),
            ),
            words=("--content",),
        )
        self.assertEqual(
            found,
            [
                f'{TIME} ->    a send seq 5 130 B {{"content":"…(2 characters)"}}',
                f'{TIME} <-    a send 404 seq 5 130 B {{"msg":"not\\u001b here"}}',
                f'{TIME} <-    a heartbeat ok seq 5 130 B {{"server_time":1}}',
                f'{TIME} ->    a op 999 seq 5 130 B {{"error":"unknown"}}',
                "7 packets were too many for the trace",
            ],
        )
        self.assertIn(b"GET /v1/admin/users/ann/trace?content=true ", self.requests[0])

    def test_json_has_the_fields_of_the_events_and_the_time(self) -> None:
        found = self.lines(
            stream(
                begin("a"),
                connection("open", "a"),
                packet("in", 105, "heartbeat", {}),
                ("dropped", {"count": 7}),
            ),
            words=("--json",),
        )
        listed, heartbeat, dropped = map(json.loads, found)
        self.assertEqual(
            listed,
            {
                "time": NOW,
                "change": "open",
                "key": "a",
                "node": "n1",
                "peer": "127.0.0.1:5",
                "since": SINCE,
                "code": None,
                "reason": "",
            },
        )
        self.assertEqual((heartbeat["time"], heartbeat["name"]), (NOW, "heartbeat"))
        self.assertEqual(dropped, {"dropped": 7})

    def test_when_its_time_is_over_it_begins_anew_and_tells_what_has_changed(self) -> None:
        found = self.lines(
            stream(begin("a", "b"), connection("open", "a"), connection("open", "b"), END),
            stream(begin("b", "c"), connection("open", "b"), connection("open", "c"), END),
            stream(begin("b", "c")),
            words=("--json",),
        )
        self.assertEqual(
            [(each["change"], each["key"]) for each in map(json.loads, found)],
            [("open", "a"), ("open", "b"), ("gone", "a"), ("began", "c")],
        )
        self.assertEqual(len(self.slept), 1)

    def test_it_goes_on_after_a_fault_that_passes(self) -> None:
        found = self.lines(
            stream(begin()), refusal(503), refusal(503), stream(begin(), connection("opened", "a"))
        )
        self.assertEqual(len(found), 1)
        self.assertEqual(
            self.err.splitlines(),
            ["ann has no connection"]
            + ["gim: http://127.0.0.1:8081 has ended the trace: asking again every 2 s"] * 2,
        )
        self.assertEqual(self.slept, [2.0] * 4)

    def test_a_refusal_ends_it(self) -> None:
        self.answers = [stream(begin("a"), connection("open", "a")), refusal(401)]
        run = self.gim("trace", "ann")
        self.assertEqual((run.status, len(run.out.splitlines())), (1, 1))
        for code in (429, 503):
            self.answers = [refusal(code)]
            self.assertIn(str(code), self.refused("trace", "ann"))

    def test_what_is_not_a_stream_of_gim_is_named(self) -> None:
        for body in (
            "event: begin\ndata: 5\n\n",
            "event: begin\ndata: {\n\n",
            "event: begin\ndata: {}\n\n",
        ):
            self.answers = [response(body)]
            self.assertIn("is not gim", self.refused("trace", "ann", status=3))
