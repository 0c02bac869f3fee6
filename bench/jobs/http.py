"""What a request over HTTP costs: a send, ``GET /healthz``, and a message of a batch of 1,000. Beside
it, a publication over the server API of Centrifugo, which is not pushed to a connection either."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from typing import Any

from bench import centrifugo
from bench.process import BUILD, BenchError, Process
from bench.results import Column, Plan, Table, new_table
from bench.servers import WORDS, Server, serving, serving_gim

CONNECTIONS = {"send": 50, "healthz": 50, "batch": 2}  # keep-alive, each with one request in flight
MESSAGES = 1000  # of a batch
CONTENT = "x" * 64
_KEY = "a-key-for-the-benchmark-7b0fb3e8"
_COLUMNS = (
    Column("cpu_us", "CPU µs per request, or per message of a batch", 1),
    Column("per_s", "per second"),
    Column("p99_ms", "p99 of a request, ms", 2),
    Column("generator", "generator busy, %"),
)
_WORDS = {"send": "send", "healthz": "GET /healthz", "batch": "batch of 1,000 sends"}
_LINES = {"all": "", "off": ", no lines of requests in the log"}


def run(plan: Plan) -> list[Table]:
    """Measure all servers in turn."""
    peers = plan.of("centrifugo")
    labels = {f"{what}-{lines}": _WORDS[what] + _LINES[lines] for what in _WORDS for lines in _LINES}
    labels |= {f"send-{kind}": f"{WORDS[kind]}: publish" for kind in peers}
    table = new_table("http", "Requests over HTTP", _COLUMNS, labels)
    with ExitStack() as stack:
        servers = {lines: stack.enter_context(_serving(lines)) for lines in _LINES}
        servers |= {kind: stack.enter_context(serving(kind)) for kind in peers}
        for _ in plan.each_round("HTTP"):
            for what in _WORDS:
                for name in servers if what == "send" else _LINES:
                    table.add(f"{what}-{name}", **_measure(servers[name], what, plan.seconds))
    return [table]


@contextmanager
def _serving(lines: str) -> Iterator[Server]:
    BUILD.mkdir(exist_ok=True)
    key_file = BUILD / "http.key"
    key_file.write_text(_KEY)
    key_file.chmod(0o600)
    options = ["--log-requests", lines, "--admin-key-file", str(key_file)]
    with serving_gim(f"http-{lines}", *options) as server:
        yield server


def _measure(server: Server, what: str, seconds: float) -> dict[str, float]:
    requests = BUILD / f"{what}.requests"
    requests.write_bytes(b"".join(b"%d\n" % len(each) + each for each in _requests(server, what)))
    command = [str(BUILD / "requests"), str(server.http_port), str(CONNECTIONS[what])]
    with Process(f"requests-{what}", command, pipes=True) as generator:
        generator.ask(f"{requests} 0.2")  # warm up
        before = server.process.cpu()
        found: dict[str, Any] = json.loads(generator.ask(f"{requests} {seconds}"))
        if "error" in found:
            raise BenchError(f"{what}: {found['error']}; {server.process.last_words()}")
        used, count = server.process.cpu() - before, found["answers"]
    done = count * (MESSAGES if what == "batch" else 1)
    return {
        "cpu_us": used / done * 1e6,
        "per_s": done / found["wall_s"],
        "p99_ms": found["answer_us"]["p99"] / 1000,
        "generator": found["generator_cpu_s"] / found["wall_s"] * 100,
    }


def _requests(server: Server, what: str) -> list[bytes]:
    """Return what the connections send, one of these each."""
    if what == "healthz":
        return [_written("GET /healthz", b"")]
    if what == "batch":
        items = [_message(n % 50) | {"sender_id": f"u{n % 50}"} for n in range(MESSAGES)]
        return [_written("POST /v1/admin/batch", json.dumps({"items": items}).encode(), X_API_Key=_KEY)]
    if server.dialect == "centrifugo":
        return [_publication(n) for n in range(CONNECTIONS[what])]
    tokens = [_token(server, f"u{n}") for n in range(CONNECTIONS[what])]
    return [
        _written("POST /v1/messages", json.dumps(_message(n)).encode(), Authorization=f"Bearer {token}")
        for n, token in enumerate(tokens)
    ]


def _message(sender: int) -> dict[str, Any]:
    return {"type": 2, "target_id": f"u{sender ^ 1}", "content": CONTENT}


def _publication(sender: int) -> bytes:
    body = {"channel": f"personal:#u{sender ^ 1}", "data": {"type": 2, "content": CONTENT}}
    return _written("POST /api/publish", json.dumps(body).encode(), X_API_Key=centrifugo.API_KEY)


def _token(server: Server, user_id: str) -> str:
    connection = HTTPConnection("127.0.0.1", server.http_port, timeout=10)
    connection.request("POST", "/v1/login", json.dumps({"id": user_id}))
    token: str = json.loads(connection.getresponse().read())["data"]["token"]
    connection.close()
    return token


def _written(first: str, body: bytes, **fields: str) -> bytes:
    lines = [f"{first} HTTP/1.1", "Host: 127.0.0.1", "User-Agent: bench", "Accept: */*"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    lines += [f"Content-Length: {len(body)}"] if body else []
    return "\r\n".join([*lines, "", ""]).encode() + body
