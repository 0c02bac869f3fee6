"""Redis servers that all tests of a process share, where there are many: a start takes longer than most
of these tests, and that of a cluster two seconds."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import tempfile
import time
from functools import cache
from typing import Any

from redis import Redis, RedisError

from tests.support.redis.environment import HOST, PATIENCE, SERVER, hold_port, move_clock, skew_library
from tests.support.redis.process import LEASH


@cache
def shared_server() -> SharedServer:
    """Return the server, begun with the first test that asks for it and ended with the process."""
    return _begun(SharedServer())


@cache
def shared_cluster() -> SharedCluster:
    """Return the cluster, begun with the first test that asks for it and ended with the process."""
    return _begun(SharedCluster())


def _begun(server: Any) -> Any:
    atexit.register(server.stop)
    return server


class SharedServer:
    """A server, without a reactor, which would miss it after the test that began it."""

    def __init__(self) -> None:
        self._directory = tempfile.mkdtemp(prefix="gim-redis-")
        self._holder = hold_port()
        self.port: int = self._holder.getsockname()[1]
        self._skew = os.path.join(self._directory, "skew")
        self.advance(0)
        words = f"{SERVER} --bind {HOST} --port {self.port}"
        self._process = subprocess.Popen(
            [*LEASH, *words.split(), "--save", "", *self._words(), "--dir", self._directory],
            env=os.environ | {"LD_PRELOAD": os.path.abspath(skew_library()), "TEST_SKEW": self._skew},
            stdout=subprocess.DEVNULL,
        )
        self._client = Redis(HOST, self.port)
        self._until("PONG", "PING")

    def _words(self) -> tuple[str, ...]:
        """Return more words of its command line."""
        return ()

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}/0"

    def _until(self, expected: str, *words: Any) -> None:
        """Ask until the reply holds *expected*."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                if expected in str(self._client.execute_command(*words)) or expected == "PONG":
                    return
            except RedisError:
                pass
            time.sleep(0.02)
        self.stop()
        raise AssertionError(f"no {expected} within {PATIENCE} s")

    def stop(self) -> None:
        """Kill it and wait for its end."""
        self._client.close()
        self._process.kill()
        self._process.wait()
        self._holder.close()
        shutil.rmtree(self._directory)

    def advance(self, seconds: float) -> None:
        """Move its wall clock, back if negative."""
        move_clock(self._skew, seconds)


class SharedCluster(SharedServer):
    """A cluster of one server. Redis keeps a new master of a cluster from serving for two seconds."""

    def __init__(self) -> None:
        self._bus_holder = hold_port()
        super().__init__()
        self._client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        self._until("cluster_state:ok", "CLUSTER", "INFO")

    def _words(self) -> tuple[str, ...]:
        return "--cluster-enabled", "yes", "--cluster-port", str(self._bus_holder.getsockname()[1])

    @property
    def url(self) -> str:
        return f"redis+cluster://{HOST}:{self.port}"

    def stop(self) -> None:
        super().stop()
        self._bus_holder.close()
