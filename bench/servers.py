"""The servers that are compared, each in a process of its own, and the generator that talks to one."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from bench.process import BUILD, ROOT, BenchError, Process, free_port

PEERS = ROOT / "bench" / "peers"
AT_A_TIME = 32  # connections under way at a time while they are opened
_TWISTD = "from twisted.scripts.twistd import run; run()"

# gim pushes a chatroom message at once when nothing was pushed for one duration: 1 ms, so that it is the
# generator that sets the pace. The heartbeat stays out of it.
_GIM = ("--message-push-duration", "1ms", "--heartbeat-interval", "1h")

WORDS = {
    "gim": "gim",
    "stock": "stock Autobahn",
    "floor": "C send() loop",
    "ws": "ws on Node",
    "uws": "uWebSockets.js",
}


def _command(kind: str, port: int) -> tuple[list[str], dict[str, str]]:
    if kind == "gim":
        addresses = ["--ws", f"127.0.0.1:{port}", "--http", f"127.0.0.1:{free_port()}"]
        return [sys.executable, "-c", _TWISTD, "-n", "--pidfile=", "gim", *addresses, *_GIM], {}
    if kind == "stock":
        return [sys.executable, str(PEERS / "stock.py"), str(port)], {}
    if kind == "floor":
        return [str(BUILD / "floor"), str(port)], {}
    node = shutil.which("node") or "node"
    return [node, str(PEERS / f"{kind}.js"), str(port)], {"NODE_PATH": str(BUILD / "node_modules")}


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
    """A server that listens."""

    def __init__(self, kind: str, process: Process, port: int) -> None:
        self.kind = kind
        self.process = process
        self.port = port

    @contextmanager
    def load(self, first_id: int = 0, nice: int = 0, timeout: int = 180) -> Iterator[Load]:
        """Start a generator for it; its users are u<first_id> and up."""
        command = [str(BUILD / "load"), "-t", str(timeout), "-f", str(first_id), str(self.port), "-"]
        with Process(f"load-{self.kind}-{first_id}", command, pipes=True, nice=nice) as process:
            yield Load(self, process)


@contextmanager
def serving(kind: str) -> Iterator[Server]:
    """Start a server."""
    port = free_port()
    command, environment = _command(kind, port)
    with Process(kind, command, environment) as process:
        process.wait_for_port(port)
        yield Server(kind, process, port)


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
