"""A Redis server that all tests share, for what takes too long to start for each of them."""

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
def shared_cluster() -> SharedCluster:
    """Return the cluster, begun with the first test that asks for it and ended with the process."""
    cluster = SharedCluster()
    atexit.register(cluster.stop)
    return cluster


class SharedCluster:
    """A cluster of one server, without a reactor, which would miss it after the test that began it.

    Redis keeps a new master of a cluster from serving for two seconds.
    """

    def __init__(self) -> None:
        self._directory = tempfile.mkdtemp(prefix="gim-redis-")
        self._holders = [hold_port(), hold_port()]
        self.port, bus = (holder.getsockname()[1] for holder in self._holders)
        self._skew = os.path.join(self._directory, "skew")
        self.advance(0)
        words = f"{SERVER} --bind {HOST} --port {self.port} --cluster-enabled yes --cluster-port {bus}"
        self._process = subprocess.Popen(
            [*LEASH, *words.split(), "--dir", self._directory],
            env=os.environ | {"LD_PRELOAD": os.path.abspath(skew_library()), "TEST_SKEW": self._skew},
            stdout=subprocess.DEVNULL,
        )
        self._client = Redis(HOST, self.port)
        self._until("PONG", "PING")
        self._client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        self._until("cluster_state:ok", "CLUSTER", "INFO")

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
        for holder in self._holders:
            holder.close()
        shutil.rmtree(self._directory)

    def advance(self, seconds: float) -> None:
        """Move its wall clock, back if negative."""
        move_clock(self._skew, seconds)
