"""(i) The dearest requests of a user who has much: what they cost, and what others notice of them."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from msgspec import Struct

from bench.client import Client, request
from bench.process import Process
from bench.results import Column, Plan, Table, new_table
from bench.servers import Server, serving_gim
from gim.chat.chat import CHATROOMS_PER_ROW, LOGIN_ROWS

CHATROOMS = 1000  # that the user is in
MEMBERS = 1000  # of the chatroom whose members are listed
PAGE = 100  # messages of a history
ESCAPED = "\x01" * 4096  # JSON within JSON takes seven bytes for each of these characters
REFERENCE = "heartbeat"
SENT = (REFERENCE, "renew", "login", "sessions", "members", "escaped")  # beside a bystander
CONNECTIONS = (1, 10)  # of the user who sends the dearest requests
_COSTS = (
    Column("cpu_us", "CPU µs per request", 1),
    Column("bytes", "bytes of the request"),
    Column("reply", "bytes of the reply"),
    Column("per_byte_us", "CPU µs per byte asked", 2),
    Column("rows", "rows and KiB"),
    Column("per_row_us", "CPU µs per row or KiB", 1),
)
_BESIDE = (
    Column("p50_ms", "p50, ms", 2),
    Column("p99_ms", "p99, ms", 2),
    Column("max_ms", "max, ms", 1),
    Column("share", "share of a core", 2),
)


class Kind(Struct, frozen=True):
    """Requests that are sent one after the other, and the rows that the server counts for all of them."""

    words: str
    requests: tuple[tuple[int, dict[str, Any]], ...]
    rows: int

    def frames(self) -> bytes:
        return b"".join(request(op, body) for op, body in self.requests)

    @property
    def last_op(self) -> int:
        return self.requests[-1][0]


def run(plan: Plan) -> list[Table]:
    """Measure the cost of each kind without limits, then a bystander while one user sends them at the
    limits."""
    sessions = 2_000 if plan.quick else 20_000
    costs = new_table(
        "dear", f"(i) The dearest requests of a user with {sessions:,} sessions", _COSTS, {}
    )
    with filled(sessions, "dry-run") as (server, kinds):
        for name, kind in kinds.items():
            costs.labels[name] = kind.words
            _cost(server, kind, 2)  # warm up
        for _ in plan.each_round("dear requests"):
            for name, kind in kinds.items():
                costs.add(name, **_cost(server, kind, 300 if name == REFERENCE else 20))
    title = "(i) Heartbeats of another user, 200 a second, while one user sends them at the limits"
    dearest_ms = max(costs.median(name, "cpu_us") or 0.0 for name in kinds) / 1000
    beside = new_table("beside", title, _BESIDE, {"alone": "alone"})
    with filled(sessions, "enforce") as (server, kinds):
        for name in SENT:
            for count in CONNECTIONS:
                plural = "s" if count > 1 else ""
                beside.labels[f"{name}-{count}"] = f"{kinds[name].words}, {count} connection{plural}"
        for _ in plan.each_round("a bystander"):
            beside.add("alone", dearest_ms=dearest_ms, **_watch(server, plan.seconds))
            for name in SENT:
                for count in CONNECTIONS:
                    figures = _flood(server, kinds[name], count, plan.seconds)
                    beside.add(f"{name}-{count}", **figures)
    return [costs, beside]


@contextmanager
def filled(sessions: int, limits: str) -> Iterator[tuple[Server, dict[str, Kind]]]:
    """Start a server with a user who has much; yield it with the requests to send."""
    with serving_gim(f"dear-{limits}", "--limits", limits, "--max-send-rate", "0") as server:
        for begin in range(0, sessions, 1000):  # a connection may send so many packets at once
            with Client(server.port) as big:
                big.ask(101, id="big")
                text = {"type": 2, "content": "x" * 100}
                big.ask_all(201, [text | {"target_id": f"peer{begin + n}"} for n in range(1000)])
        with Client(server.port) as big:
            big.ask(101, id="big")
            big.ask_all(301, [{"id": f"room{number}"} for number in range(CHATROOMS - 1)])
            big.ask(301, id="full")
        _fill_chatroom(server.port)
        with Client(server.port) as big:
            epoch = big.ask(101, id="big")["epoch"]
            for target, content in (("plain", "x" * 100), ("escaped", ESCAPED)):
                big.ask_all(
                    201, [{"type": 2, "target_id": target, "content": content}] * PAGE, at_a_time=10
                )
            last = big.ask(205, count=1, session_type=2)["items"][0]["last"]["id"]
            yield server, _kinds(epoch, last, _last_cursor(big))


def _fill_chatroom(port: int) -> None:
    for number in range(MEMBERS - 1):
        with Client(port) as member:
            member.ask(101, id=f"member{number:04}")
            member.ask(301, id="full")


def _last_cursor(client: Client) -> str:
    """Return the cursor of the last page of the private sessions."""
    cursor = ""
    while following := client.ask(205, count=200, session_type=2, cursor=cursor)["cursor"]:
        cursor = following
        time.sleep(0.03)  # below the read rate
    return cursor


def _kinds(epoch: str, last: str, cursor: str) -> dict[str, Kind]:
    ranked = 1 + CHATROOMS // CHATROOMS_PER_ROW
    renewal = {"id": "big", "since": last, "epoch": epoch}
    page = {"count": PAGE, "session_id": ""}
    return {
        REFERENCE: Kind("heartbeat", ((105, {}),), 1),
        "renew": Kind("renewed login with since", ((101, renewal),), LOGIN_ROWS),
        "login": Kind(
            f"logout and login, {CHATROOMS:,} chatrooms",
            ((103, {}), (101, {"id": "big"})),
            LOGIN_ROWS + CHATROOMS,
        ),
        "sessions": Kind("200 sessions", ((205, {"count": 200}),), ranked + 200),
        "top": Kind("the first session", ((205, {"count": 1}),), ranked + 1),
        "end": Kind("a session at the end", ((205, {"count": 1, "cursor": cursor}),), ranked + 1),
        "members": Kind(f"{MEMBERS:,} members", ((305, {"id": "full", "count": MEMBERS}),), 1 + MEMBERS),
        "history": Kind(f"{PAGE} messages", ((203, page | {"session_id": "2:big:plain"}),), 1 + PAGE),
        "escaped": Kind(
            f"{PAGE} messages of 4 KiB, escaped",
            ((203, page | {"session_id": "2:big:escaped"}),),
            1 + PAGE,
        ),
    }


def _cost(server: Server, kind: Kind, count: int) -> dict[str, float]:
    """Send a kind *count* times, eight at a time; return the figures of a row."""
    frames = kind.frames()
    with Client(server.port) as client:
        client.ask(101, id="big")
        before, size = server.process.cpu(), 0
        for begin in range(0, count, 8):
            some = min(8, count - begin)
            client.send(frames * some)
            for _ in range(some):
                size = len(client.reply(kind.last_op))
        used = (server.process.cpu() - before) / count * 1e6
    rows = kind.rows + size // 1024
    return {
        "cpu_us": used,
        "bytes": len(frames),
        "reply": size,
        "per_byte_us": used / len(frames),
        "rows": rows,
        "per_row_us": used / rows,
    }


def _flood(server: Server, kind: Kind, connections: int, seconds: float) -> dict[str, float]:
    command = ["-m", "bench.jobs.dear_child", str(server.port), str(connections), kind.frames().hex()]
    with Process("dear-flood", [sys.executable, *command], nice=5, pipes=True) as flood:
        flood.hear()  # it has begun
        return _watch(server, seconds)


def _watch(server: Server, seconds: float) -> dict[str, float]:
    """Send heartbeats on time, and return what they took from when each was due."""
    took, heartbeat = [], request(105, {})
    with Client(server.port) as bystander:
        bystander.ask(101, id="bystander")
        before, began = server.process.cpu(), time.perf_counter()
        due = began
        while due < began + seconds:
            time.sleep(max(0.0, due - time.perf_counter()))
            bystander.send(heartbeat)
            bystander.reply(105)
            took.append(time.perf_counter() - due)
            due = max(due + 0.005, time.perf_counter())
        used = (server.process.cpu() - before) / (time.perf_counter() - began)
    took.sort()
    figures = {"p50_ms": took[len(took) // 2], "p99_ms": took[len(took) * 99 // 100], "max_ms": took[-1]}
    return {name: 1000 * value for name, value in figures.items()} | {"share": used}
