"""The daemons of a comparison: one process on memory, and beside it workers, or nodes on Redis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from tests.integration.differential.api import ADMIN_KEY
from tests.integration.differential.comparison import Comparison
from tests.integration.differential.side import Ports, Side
from tests.support.daemon_process import Process
from tests.support.nodes.cluster_case import NodesTestCase
from tests.support.redis.environment import HOST
from tests.support.redis.shared import shared_cluster
from tests.support.webhooks.receiver import SECRET, start_hook

SECRETS = {"GIM_ADMIN_KEY": ADMIN_KEY, "GIM_WEBHOOK_SECRET": SECRET}
EXPIRING = "expiring"
COMMON = (
    *("--message-push-duration", "1ms", "--message-push-count", "0"),
    *("--login-timeout", "1h", "--heartbeat-interval", "1d", "--max-login-rate", "0"),
    *("--max-read-rate", "0", "--max-send-rate", "0"),
)
PROFILES: dict[str, tuple[str, ...]] = {
    "sequences": ("--enable-message-sequence", "--max-content", "20"),
    "trimming": ("--max-session-messages", "4"),
    "webhooks": ("--webhook-grace", "0"),
    EXPIRING: ("--message-ttl", "8s", "--enable-message-sequence"),
    "limits": ("--max-user-chatrooms", "2", "--max-chatroom-members", "3", "--max-content", "20"),
}
PER_NODE = ("--max-user-connections", "2")  # a limit of the profile "limits", where there is one node


class Setup(Struct, frozen=True):
    """How many nodes, on what, and of how many workers each."""

    storage: Literal["memory", "redis", "cluster"] = "memory"
    nodes: int = 1
    workers: int = 1

    @property
    def counts_users_at_once(self) -> bool:
        """Say whether the connections of a user are counted in one place."""
        return self.nodes == 1 and (self.workers == 1 or self.storage == "memory")

    @property
    def words(self) -> tuple[str, ...]:
        return () if self.workers == 1 else ("--gateway-worker", str(self.workers))


ONE_PROCESS = Setup()
SETUPS = {
    "workers": Setup(workers=3),
    "redis": Setup("redis"),
    "nodes": Setup("redis", nodes=2),
    "redis-workers": Setup("redis", workers=2),
    "cluster": Setup("cluster"),
}


class ComparisonCase(NodesTestCase):
    """Starts the daemons of a setup."""

    timeout = 180

    async def comparison(self, name: str, profile: str) -> Comparison:
        """Start both sides, with the options of a profile."""
        sides, hides_overlap = [], SETUPS[name].storage == "cluster"
        for each, setup in (("memory", ONE_PROCESS), (name, SETUPS[name])):
            options, hook = [*COMMON, *PROFILES[profile]], None
            if profile == "limits" and SETUPS[name].counts_users_at_once:
                options += PER_NODE
            if profile == "webhooks":
                hook = start_hook(self)
                options += ["--webhook-url", hook.url]
            ports = await self._start(setup, options)
            side = Side(each, ports, hook, hides_overlap)
            self.addCleanup(side.stop)
            await side.start()
            await self._check_markers(setup)
            sides.append(side)
        return Comparison(*sides)

    async def _start(self, setup: Setup, options: Sequence[str]) -> list[Ports]:
        words = (*await self._storage(setup), *setup.words, *options)
        processes = [self._spawn(words) for _ in range(setup.nodes)]
        for process in processes if setup.workers > 1 else ():
            await self.workers_serve(process, setup.workers)
        nodes = [await self.ready(process) for process in processes]
        return [Ports(node.ws, node.http) for node in nodes for _ in range(setup.workers)]

    async def _storage(self, setup: Setup) -> tuple[str, ...]:
        if setup.storage == "memory":
            return ()
        if setup.storage == "cluster":
            prefix = self.id().rpartition(".")[2]
            url = f"redis+cluster://{HOST}:{shared_cluster().port}"
            return ("--storage", "redis", "--redis-url", url, "--redis-prefix", prefix)
        return ("--storage", "redis", "--redis-url", (await self.redis()).url)

    def _spawn(self, options: Sequence[str]) -> Process:
        address = f"tcp:0:interface={HOST}"
        words = ("--ws", address, "--http", address, "--drain", "0", *options)
        return self.spawn("twistd", "-n", "gim", *words, **SECRETS)

    async def _check_markers(self, setup: Setup) -> None:
        """See that each worker of the node that was started last has a marker."""
        for number in range(1, setup.workers + 1) if setup.workers > 1 else ():
            await self._nodes[-1].process.says(rf"#info {number}\] user marker\d logged in")
