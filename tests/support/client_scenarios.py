"""Runs the scenarios of clients/scenarios on the Python core: FORMAT.md there says what they mean."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from typing import Any

from gim.client.commands import AskToken, Close, Command, Open, Save, Write
from gim.client.core import Core
from gim.client.events import Event
from gim.client.ops import Op
from gim.client.outcome import GimError
from gim.client.settings import ASK, Settings
from tests.support.paths import ROOT

SCENARIOS = ROOT.child("clients").child("scenarios")
START = 1_800_000_000  # the core's time at the start of a scenario
_ID, _MARK = re.compile(r"#([0-9a-f]+)"), re.compile(r"@([0-9]+)")
_CALLS = {
    *("connect", "close", "wake", "opened", "ended", "refused", "reply", "push", "notify", "receive"),
    *("token", "token_failed", "send", "request", "cancel", "retry", "hold", "restart"),
}
_OUTPUTS = {"at", "late", "do", "events", "ends", "unsent"}
_DETAILS = {"socket", "data", "code", "msg"}


def names() -> list[str]:
    """Return the names of all scenarios."""
    return sorted(path.basename().removesuffix(".json") for path in SCENARIOS.globChildren("*.json"))


def load(name: str) -> dict[str, Any]:
    """Return a scenario."""
    return json.loads(SCENARIOS.child(f"{name}.json").getContent())


def expand(value: Any) -> Any:
    """Write ids and time marks out."""
    if isinstance(value, dict):
        if value.keys() == {"messages", "ids"}:
            return [message(each, value["messages"]) for each in value["ids"]]
        return {expand(key): expand(each) for key, each in value.items()}
    if isinstance(value, list):
        return [expand(each) for each in value]
    if isinstance(value, str):
        if found := _ID.fullmatch(value):
            return "02" + found[1].zfill(30)
        if found := _MARK.fullmatch(value):
            return f"{START * 1000 + int(found[1]) - 60_000:012x}" + "0" * 20
    return value


def message(item: Any, session: str) -> Any:
    """Return a whole message for its short id."""
    if not isinstance(item, str):
        return expand(item)
    return {
        "id": expand(item),
        "session_id": session,
        "sender": {"id": "1002", "name": "1002"},
        "category": "text",
        "content": "m" + item[1:],
        "sequence": 0,
        "status": 1,
        "created_at": START * 1000,
    }


def matches(expected: Any, actual: Any) -> bool:
    """Say whether an output is the expected one."""
    if isinstance(expected, dict):
        return isinstance(actual, dict) and all(
            key in actual and matches(value, actual[key]) for key, value in expected.items()
        )
    if isinstance(expected, list):
        return (
            isinstance(actual, list)
            and len(expected) == len(actual)
            and all(map(matches, expected, actual))
        )
    if isinstance(expected, (int, float)) and not isinstance(expected, bool):
        return isinstance(actual, (int, float)) and abs(expected - actual) < 0.001
    return expected == actual


class Runner:
    """Plays one scenario, and raises `AssertionError` where the core does something else."""

    def __init__(self, name: str) -> None:
        chain = [load(name)]
        while "after" in chain[0]:
            chain.insert(0, load(chain[0]["after"]))
        options: dict[str, Any] = {"id": "1001"}
        self._draws: dict[str, Any] = {}
        state = None
        for each in chain:
            options.update(each.get("options", {}))
            self._draws.update(each.get("draws", {}))
            state = each.get("state", state)
        if options.get("token") is True:
            options["token"] = ASK
        options["stores"] = options.pop("store", False)
        self._settings = Settings(**options, draw=self._draw)
        self._chain, self._saved = chain, expand(state)
        self._names: dict[str, Any] = {}  # of requests: (op, seq), number; of sends: request_id
        self._bodies: dict[str, Any] = {}  # of sends
        self._now = 0.0
        self._start()

    def _start(self) -> None:
        self._core = Core(self._settings, START + self._now, self._saved)
        self._socket = 0
        self._held = False

    def _draw(self, name: str) -> float:
        drawn = self._draws.get(name, 0.5)
        if isinstance(drawn, list):
            return drawn.pop(0) if len(drawn) > 1 else drawn[0]
        return drawn

    def run(self) -> None:
        for scenario in self._chain:
            base = self._now
            for number, step in enumerate(scenario["steps"], 1):
                unknown = step.keys() - _CALLS - _OUTPUTS - _DETAILS - {"data"}
                assert not unknown, f"unknown in a step: {unknown}"
                try:
                    self._play(step, base)
                except AssertionError as error:
                    raise AssertionError(f"step {number} {json.dumps(step)}: {error}") from error

    def _play(self, step: dict[str, Any], base: float) -> None:
        at = base + step["at"] if "at" in step else self._now
        assert at >= self._now, "time goes back"
        self._advance(at, late=step.get("late", False))
        for name in _CALLS & step.keys():
            getattr(self, f"_on_{name}")(step[name], step)
        self._compare(step)

    def _advance(self, at: float, *, late: bool) -> None:
        deadline = self._core.deadline()
        while deadline is not None and deadline <= START + at + 1e-6:
            self._core.tick(START + at if late else max(deadline, START + self._now))
            deadline = self._core.deadline()
        self._now = at

    # Inputs

    def _time(self) -> float:
        return START + self._now

    def _on_connect(self, value: Any, step: Any) -> None:
        self._core.connect(self._time())

    def _on_close(self, value: Any, step: Any) -> None:
        self._core.close(self._time())

    def _on_wake(self, value: Any, step: Any) -> None:
        self._core.wake(self._time())

    def _at(self, step: dict[str, Any]) -> int:
        self._sockets_opened()
        return step.get("socket", self._socket)

    def _sockets_opened(self) -> None:
        for command in self._core.commands:
            if isinstance(command, Open):
                self._socket = command.socket

    def _on_opened(self, value: Any, step: Any) -> None:
        self._core.opened(self._at(step), self._time())

    def _on_ended(self, value: Any, step: Any) -> None:
        code, reason = value if isinstance(value, list) else (value, "")
        self._core.ended(self._at(step), code, reason, self._time())

    def _on_refused(self, value: Any, step: Any) -> None:
        status, retry_after = value if isinstance(value, list) else (value, None)
        self._core.refused(self._at(step), status, retry_after, self._time())

    def _receive(self, text: str, step: Any) -> None:
        self._core.received(self._at(step), text, self._time())

    def _packet(self, op: int, seq: int, body: Any, step: Any) -> None:
        self._receive(json.dumps({"op": op, "body": json.dumps(body), "seq": seq}), step)

    def _on_reply(self, name: str, step: Any) -> None:
        op, seq = self._names[name]
        code = step.get("code", 0)
        data = self._data(op, expand(step.get("data", {}))) if code == 0 else None
        self._packet(op + 1, seq, {"code": code, "msg": step.get("msg", ""), "data": data}, step)

    def _data(self, op: int, data: Any) -> Any:
        if op == Op.LOGIN:
            return {
                "user": {"id": "1001", "name": "1001"},
                "token": "t",
                "epoch": "e1",
                "missed": 0,
                "server_time": round(1000 * self._time()),
                "recovered": True,
                **data,
            }
        if op == Op.SESSIONS:
            items = [self._session(each) for each in data.get("items", [])]
            return {"cursor": "", **data, "items": items}
        return data

    def _session(self, item: Any) -> Any:
        if isinstance(item, dict):
            return item
        id, last = item
        head = {"id": id, "type": int(id[0]), "title": id, "unread": 0}
        return {**head, "last": last and {"id": last, "session_id": id}}

    def _on_push(self, value: Any, step: Any) -> None:
        session = value["session"]
        head = {"id": session, "type": int(session[0]), "title": session}
        items = [message(each, session) for each in value["ids"]]
        self._packet(Op.PUSH, 0, {"session": head, "items": items, "skipped": value["skipped"]}, step)

    def _on_notify(self, value: Any, step: Any) -> None:
        self._packet(Op.EVENT, 0, expand(value), step)

    def _on_receive(self, value: Any, step: Any) -> None:
        self._receive(value, step)

    def _on_token(self, value: Any, step: Any) -> None:
        self._core.token(value, self._time())

    def _on_token_failed(self, value: Any, step: Any) -> None:
        self._core.token_failed("no", self._time())

    def _on_send(self, value: Any, step: Any) -> None:
        to = value["to"]
        type, target = (1, to["chatroom"]) if isinstance(to, dict) else (2, to)
        body = (type, target, value["content"], value.get("category", "text"))
        self._send(value["as"], body)

    def _send(self, name: str, body: Any) -> None:
        self._bodies[name] = body
        type, target, content, category = body
        self._names[name] = self._core.send(type, target, content, category, self._time())

    def _on_request(self, value: Any, step: Any) -> None:
        self._names[value["as"]] = self._core.request(
            Op(value["op"]), expand(value.get("body", {})), self._time()
        )

    def _on_cancel(self, value: Any, step: Any) -> None:
        self._core.cancel(self._names[value], self._time())

    def _on_retry(self, value: Any, step: Any) -> None:
        self._send(value["as"], self._bodies[value["of"]])

    def _on_hold(self, value: Any, step: Any) -> None:
        self._held = value

    def _on_restart(self, value: Any, step: Any) -> None:
        self._start()

    # Outputs

    def _compare(self, step: dict[str, Any]) -> None:
        self._sockets_opened()
        commands, self._core.commands = self._core.commands, []
        self._compare_commands(step.get("do", []), commands)
        self._check("events", step.get("events", []), list(self._events()))
        ends, self._core.ends = self._core.ends, []
        numbers = [self._end(each.key, each.result) for each in ends if isinstance(each.key, int)]
        wanted = [{**each, "of": self._names[each["of"]]} for each in step.get("ends", [])]
        self._check("ends", wanted, numbers)
        if "unsent" in step:
            entries = [entry.request_id for entry in self._core.unsent()]
            self._check("unsent", [f"${each}" for each in step["unsent"]], entries)

    def _check(self, what: str, expected: Any, actual: Any) -> None:
        expected = self._resolve(expand(expected))
        assert matches(expected, actual), f"{what}:\n expected {expected}\n      got {actual}"

    def _resolve(self, value: Any) -> Any:
        """Put the request_id in place of ``$name``."""
        if isinstance(value, dict):
            return {key: self._resolve(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self._resolve(each) for each in value]
        if isinstance(value, str) and value.startswith("$"):
            return self._names[value[1:]]
        return value

    def _events(self) -> Iterator[Any]:
        while not self._held and (event := self._core.next_event()) is not None:
            yield _event_fields(event)

    def _end(self, number: int, result: Any) -> Any:
        if isinstance(result, GimError):
            return {"of": number, "code": result.code, "msg": result.msg}
        return {"of": number, "data": result}

    def _compare_commands(self, expected: list[Any], commands: list[Command]) -> None:
        shown = [self._command(each) for each in commands]
        plain = [{key: each[key] for key in each.keys() - {"as", "without"}} for each in expected]
        self._check("do", plain, shown)
        for each, actual in zip(expected, shown, strict=True):
            body = actual.get("body", actual.get("save", {}))
            extra = body.keys() & set(each.get("without", ()))
            assert not extra, f"{extra} should not be there"
            if "as" in each:
                self._names[each["as"]] = (actual["write"], actual["seq"])

    def _command(self, command: Command) -> dict[str, Any]:
        match command:
            case Open():
                return {"open": True}
            case Write(text):
                packet = json.loads(text.encode())
                return {"write": packet["op"], "seq": packet["seq"], "body": packet["body"]}
            case Close(_, code):
                return {"close": code}
            case AskToken():
                return {"token": True}
            case Save(state):
                self._saved = json.loads(json.dumps(state))
                return {"save": self._saved}


def _event_fields(event: Event) -> dict[str, Any]:
    return {"event": event.kind, **dataclasses.asdict(event)}
