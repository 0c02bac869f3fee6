"""What a node on Redis tells of itself: /readyz and /metrics."""

from __future__ import annotations

import treq
from prometheus_client import parser

from tests.support.nodes.cluster_case import PRIVATE, Node, NodesTestCase, eventually
from tests.support.redis.environment import HOST, PATIENCE


class HealthTests(NodesTestCase):
    async def samples(self, node: Node) -> dict[tuple[str, str], float]:
        """Return what the metrics with an operation tell, by name and operation; others by name alone."""
        url = f"http://{HOST}:{node.http}/metrics"
        text = await (await treq.get(url, persistent=False, timeout=PATIENCE)).text()
        return {
            (sample.name, sample.labels.get("operation", "")): sample.value
            for family in parser.text_string_to_metric_families(text)
            for sample in family.samples
        }

    async def health(self, node: Node) -> tuple[float, float]:
        """Return gim_ready and gim_storage_up."""
        samples = await self.samples(node)
        return samples["gim_ready", ""], samples["gim_storage_up", ""]

    async def is_healthy(self, node: Node) -> None:
        """Ask until both are 1: on a busy machine Redis may take longer than a page waits."""
        await node.becomes(200)
        while await self.health(node) != (1, 1):
            await node.becomes(200)

    async def test_every_operation_is_measured(self) -> None:
        (node,) = await self.nodes((await self.redis()).url)
        ann, bob = await self.clients((node, "ann"), (node, "bob"))
        for _ in range(20):
            await ann.send(PRIVATE, "bob", "hi")
        await eventually(lambda: len(bob.contents()) == 20, "the pushes")
        samples = await self.samples(node)
        durations = "gim_storage_duration_seconds"
        self.assertEqual(samples[f"{durations}_count", "append"], 20)
        self.assertGreater(samples[f"{durations}_sum", "append"], 0)
        self.assertEqual(samples[f"{durations}_count", "enter"], 2)
        self.assertEqual(samples["gim_storage_errors_total", "append"], 0)
        self.assertNotIn(("gim_stored_messages", ""), samples)

    async def test_without_redis_it_says_why_it_is_not_ready_and_counts_errors(self) -> None:
        server = await self.redis()
        (node,) = await self.nodes(server.url)
        await self.is_healthy(node)
        server.kill()
        await server.ended()
        self.assertEqual(await self.health(node), (0, 0))
        await node.becomes(503)
        self.assertEqual((await node.request("GET", "/readyz"))[1], {"reason": "storage"})
        self.assertEqual((await node.request("GET", "/healthz"))[0], 200)
        self.assertGreater((await self.samples(node))["gim_storage_errors_total", "ping"], 0)

    async def test_a_redis_that_hangs_is_down_on_the_page(self) -> None:
        server = await self.redis()
        (node,) = await self.nodes(server.url)
        server.freeze()
        try:
            health = await self.health(node)
        finally:
            server.thaw()
        self.assertEqual(health, (0, 0))
        await self.is_healthy(node)
