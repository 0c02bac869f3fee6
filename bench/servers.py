"""The servers that are compared, each in a process of its own, and the generator that talks to one."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from bench import centrifugo
from bench.process import BUILD, ROOT, BenchError, Process, free_port

PEERS = ROOT / "bench" / "peers"
AT_A_TIME = 32  # connections under way at a time while they are opened
_TWISTD = "from twisted.scripts.twistd import run; run()"

# gim pushes a chatroom message at once when nothing was pushed for one duration: 1 ms, so that it is the
# generator that sets the pace. The heartbeat stays out of it. Limits only count, which costs as much.
_GIM = (
    "--message-push-duration",
    "1ms",
    "--heartbeat-interval",
    "1h",
    "--ping-interval",
    "30m",
    "--limits",
    "dry-run",
)

WORDS = {
    "gim": "gim",
    "stock": "stock Autobahn",
    "floor": "C send() loop",
    "ws": "ws on Node",
    "uws": "uWebSockets.js",
    "centrifugo": "Centrifugo, one core",
    "centrifugo-cores": "Centrifugo, all cores",
}


def _command(kind: str, port: int, http_port: int) -> tuple[list[str], dict[str, str]]:
    if kind == "gim":
        return _gim(port, http_port), {}
    if kind in centrifugo.KINDS:
        return centrifugo.command(kind, port)
    if kind == "stock":
        return [sys.executable, str(PEERS / "stock.py"), str(port)], {}
    if kind == "floor":
        return [str(BUILD / "floor"), str(port)], {}
    node = shutil.which("node") or "node"
    return [node, str(PEERS / f"{kind}.js"), str(port)], {"NODE_PATH": str(BUILD / "node_modules")}


def _gim(port: int, http_port: int, *options: str, module: str = "") -> list[str]:
    """Return the command of twistd, or that of a module which takes gim's options."""
    addresses = ["--ws", f"127.0.0.1:{port}", "--http", f"127.0.0.1:{http_port}"]
    twistd = ["-c", _TWISTD, "-n", "--pidfile=", "gim"]
    return [sys.executable, *(["-m", module] if module else twistd), *addresses, *_GIM, *options]


class Load:
    """A generator with its connections to one server."""

    def __init__(self, server: Server, process: Process) -> None:
        self.server = server
        self._process = process
        self._command = ""
        self._cpu_before = 0.0

    def do(self, command: str) -> dict[str, Any]:
        """Run a command of the generator; see ``build/load`` without arguments for what there is.

        Returns its figures, and the CPU seconds of the server meanwhile as ``server_cpu_s``.
        """
        self.start(command)
        return self.finish()

    def start(self, command: str) -> None:
        """Start a command; `finish` must follow."""
        self._command, self._cpu_before = command, self.server.process.cpu()
        self._process.say(command)

    def finish(self) -> dict[str, Any]:
        """Wait for the command's end; returns as `do`."""
        answer: dict[str, Any] = json.loads(self._process.hear())
        what = f"{self._process.name}, {self._command}"
        if "error" in answer:
            raise BenchError(f"{what}: {answer['error']}; {self.server.process.last_words()}")
        if answer["unexpected"]:
            raise BenchError(f"{what}: {answer['unexpected']} messages twice, lost or out of order")
        answer["server_cpu_s"] = self.server.process.cpu() - self._cpu_before
        return answer

    def connect(self, count: int) -> dict[str, Any]:
        """Open connections and log them in."""
        return self.do(f"connect {count} {AT_A_TIME}")


class Server:
    """A server that listens; *http_port* is 0 if it has no HTTP API."""

    def __init__(self, kind: str, process: Process, port: int, http_port: int = 0) -> None:
        self.kind = kind
        self.process = process
        self.port = port
        self.http_port = http_port
        self.dialect = "centrifugo" if kind in centrifugo.KINDS else "gim"

    @contextmanager
    def load(
        self, first_id: int = 0, nice: int = 0, timeout: int = 180, beside: Server | None = None
    ) -> Iterator[Load]:
        """Start a generator for it; its users are u<first_id> and up, every other one at *beside*."""
        options = ["-t", str(timeout), "-f", str(first_id), "-d", self.dialect]
        options += ["-p", str(beside.port)] if beside else []
        command = [str(BUILD / "load"), *options, str(self.port), "-"]
        with Process(f"load-{self.kind}-{first_id}", command, pipes=True, nice=nice) as process:
            yield Load(self, process)


@contextmanager
def serving(kind: str) -> Iterator[Server]:
    """Start a server."""
    port = free_port()
    http_port = free_port() if kind == "gim" else port if kind in centrifugo.KINDS else 0
    command, environment = _command(kind, port, http_port)
    with Process(kind, command, environment) as process:
        process.wait_for_port(port)
        yield Server(kind, process, port, http_port)


@contextmanager
def serving_gim(name: str, *options: str, module: str = "", checkout: Path = ROOT) -> Iterator[Server]:
    """Start a gim with more options than it has beside its peers, or a *module* that is one; *name* is
    that of its log. The gim is that of *checkout*, as its directory comes first on Python's path."""
    port, http_port = free_port(), free_port()
    with Process(name, _gim(port, http_port, *options, module=module), cwd=checkout) as process:
        process.wait_for_port(port)
        _wait_until_ready(process, http_port)
        yield Server(name, process, port, http_port)


def _wait_until_ready(process: Process, http_port: int, patience: float = 20.0) -> None:
    """Return when gim says that it serves: it listens before its storage is there."""
    give_up_at = time.monotonic() + patience
    while not _is_ready(http_port):
        if time.monotonic() > give_up_at:
            raise BenchError(
                f"{process.name} is not ready after {patience:.0f} s: {process.last_words()}"
            )
        time.sleep(0.05)


def _is_ready(http_port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", http_port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


@contextmanager
def all_connected(kinds: Sequence[str], count: int, room: str = "") -> Iterator[Mapping[str, Load]]:
    """Start the servers, each with a generator that has *count* connections, members of *room*."""
    with ExitStack() as stack:
        loads = {}
        for kind in kinds:
            load = stack.enter_context(stack.enter_context(serving(kind)).load())
            load.connect(count)
            if room:
                load.do(f"join {room}")
            loads[kind] = load
        yield loads
