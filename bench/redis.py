"""A Redis server of the benchmark's own, and what redis-benchmark reaches on it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any

from redis import Redis, RedisError

from bench.process import BUILD, BenchError, Process, die_with_parent, free_port

TOOLS = ("redis-server", "redis-benchmark")
GET_THEM = "apt-get install redis-server redis-tools"

# Nothing goes to the disk; where the AOF is switched on, it is synced but not rewritten in the middle.
_NO_RDB = ("--save", "")
_AOF = ("--appendfsync", "everysec", "--auto-aof-rewrite-percentage", "0")


def missing() -> list[str]:
    """Return which of the tools are not there."""
    return [tool for tool in TOOLS if shutil.which(tool) is None]


class RedisServer:
    """A redis-server that listens."""

    def __init__(self, process: Process, port: int) -> None:
        self.process = process
        self.url = f"redis://127.0.0.1:{port}/0"
        self._port = port

    def ask(self, *words: Any) -> Any:
        """Send a command over a connection of its own; return the reply."""
        try:
            with Redis(port=self._port) as client:
                return client.execute_command(*words)
        except RedisError as error:
            raise BenchError(f"{self.process.name}, {words[0]}: {error}") from error

    def repeat(self, words: Sequence[Any], count: int, pipelined: int, variants: int) -> float:
        """Let redis-benchmark send a command *count* times on one connection, *pipelined* at a time.

        Each ``__rand_int__`` in it becomes one of so many *variants*. Returns commands/s.
        """
        options = f"-p {self._port} -c 1 -P {pipelined} -n {count} -r {variants} --csv".split()
        return _rate(_output(["redis-benchmark", *options, *map(str, words)]))


def _output(command: Sequence[str]) -> str:
    """Run a command to its end; redis-benchmark would never end by itself without its server."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=120, preexec_fn=die_with_parent
        )
    except subprocess.TimeoutExpired as error:
        raise BenchError(f"{command[0]} does not end") from error
    if done.returncode:
        raise BenchError(f"{command[0]}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def _rate(csv: str) -> float:
    """Return the commands/s from what redis-benchmark prints: names in a line, then figures."""
    *_, names, figures = csv.strip().splitlines()
    columns = names.strip('"').split('","')
    values = figures.strip('"').rsplit('","', len(columns) - 1)
    return float(values[columns.index("rps")])


@contextmanager
def serving_redis(name: str, *options: str) -> Iterator[RedisServer]:
    """Start a Redis server with a directory of its own; *name* is that of its log."""
    BUILD.mkdir(exist_ok=True)
    port = free_port()
    with TemporaryDirectory(prefix=f"{name}-", dir=BUILD) as directory:
        place = "--bind", "127.0.0.1", "--port", str(port), "--dir", directory
        command = ["redis-server", *place, *_NO_RDB, *_AOF, *options]
        with Process(name, command) as process:
            process.wait_for_port(port)
            yield RedisServer(process, port)
