"""The daemons of a comparison: one on memory, and one or two on Redis."""

from __future__ import annotations

from collections.abc import Sequence

from tests.integration.differential.api import ADMIN_KEY
from tests.integration.differential.comparison import Comparison
from tests.integration.differential.side import Ports, Side
from tests.support.nodes.cluster_case import Node, NodesTestCase
from tests.support.redis.environment import HOST
from tests.support.redis.shared import shared_cluster
from tests.support.webhooks.receiver import SECRET, start_hook

SECRETS = {"GIM_ADMIN_KEY": ADMIN_KEY, "GIM_WEBHOOK_SECRET": SECRET}
SETUPS = ("redis", "nodes", "cluster")
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
    "limits": ("--max-user-chatrooms", "2", "--max-chatroom-members", "2", "--max-content", "20"),
}


PER_NODE = ("--max-user-connections", "2")  # a limit of the profile "limits", where there is one node


class ComparisonCase(NodesTestCase):
    """Starts the daemons of a setup."""

    timeout = 180

    async def comparison(self, setup: str, profile: str) -> Comparison:
        """Start both sides, with the options of a profile."""
        sides = []
        for name, start in (("memory", self._memory), (setup, self._redis)):
            options, hook = [*COMMON, *PROFILES[profile]], None
            if profile == "limits" and setup != "nodes":
                options += PER_NODE
            if profile == "webhooks":
                hook = start_hook(self)
                options += ["--webhook-url", hook.url]
            side = Side(name, await start(options, setup), hook, hides_overlap=setup == "cluster")
            self.addCleanup(side.stop)
            await side.start()
            sides.append(side)
        return Comparison(*sides)

    async def _memory(self, options: Sequence[str], setup: str) -> list[Ports]:
        address = f"tcp:0:interface={HOST}"
        words = ("--ws", address, "--http", address, "--drain", "0", *options)
        return [_ports(await self.ready(self.spawn("twistd", "-n", "gim", *words, **SECRETS)))]

    async def _redis(self, options: Sequence[str], setup: str) -> list[Ports]:
        if setup == "cluster":
            url = f"redis+cluster://{HOST}:{shared_cluster().port}"
            options = (*options, "--redis-prefix", self.id().rpartition(".")[2])
        else:
            url = (await self.redis()).url
        urls = [url] * (2 if setup == "nodes" else 1)
        return list(map(_ports, await self.nodes(*urls, options=tuple(options), **SECRETS)))


def _ports(node: Node) -> Ports:
    return Ports(node.ws, node.http)
