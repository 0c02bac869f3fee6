"""Starting on Redis: what is refused, and where the URL comes from."""

from __future__ import annotations

import re

from twisted.internet import reactor

from tests.support.daemon_process import Process
from tests.support.nodes.cluster_case import PRIVATE, NodesTestCase, eventually
from tests.support.redis.environment import HOST, PATIENCE, hold_port, until
from tests.support.redis.server import OLD_MISSING, OLD_SERVER, RedisServer

SECRET = "s3cret-of-mine"
NOWHERE = f"redis://:{SECRET}@{HOST}:1/0"  # nobody listens there


class RefusalTests(NodesTestCase):
    """What can't work ends the start with one line."""

    async def refusal(self, process: Process) -> str:
        """Wait for the end of a start that fails; return the line that says why."""
        status = await process.exited.addTimeout(PATIENCE, reactor)
        said = process.output[2]
        self.assertEqual(status, 1, said)
        self.assertRegex(said, r"\Agim: [^\n]+\n\Z")
        for word in ("Traceback", SECRET):
            self.assertNotIn(word, said + process.output[1])
        return said

    async def test_a_wrong_password_or_none(self) -> None:
        server = await self.redis(password="another")
        place = f"{HOST}:{server.port}/0"
        urls = f"redis://:{SECRET}@{place}", f"redis://{place}"
        for process in [self.spawn_node("--redis-url", url) for url in urls]:
            self.assertIn("password", await self.refusal(process))

    async def test_a_url_that_is_none_or_leads_to_nobody(self) -> None:
        holder = hold_port()
        self.addCleanup(holder.close)
        nobody = f"{HOST}:{holder.getsockname()[1]}"
        lost = self.spawn_node("--redis-url", f"redis://:{SECRET}@{nobody}/0")
        wrong = [
            self.spawn_node("--redis-url", f"http://:{SECRET}@{HOST}/0"),
            self.spawn_node(GIM_REDIS_URL=f"redis:/:{SECRET}@{HOST}"),
        ]
        for process, name in zip(wrong, ("--redis-url", "GIM_REDIS_URL"), strict=True):
            self.assertTrue((await self.refusal(process)).startswith(f"gim: {name}: "))
        self.assertIn(nobody, await self.refusal(lost))

    async def test_a_server_too_old(self) -> None:
        server = await self.redis(binary=OLD_SERVER)
        line = await self.refusal(self.spawn_node("--redis-url", server.url))
        self.assertIn("6.2", line)
        self.assertIn("7.0", line)

    test_a_server_too_old.skip = OLD_MISSING  # type: ignore[attr-defined]


class ChoiceTests(NodesTestCase):
    """Which Redis, and which keys of it."""

    async def test_the_url_of_the_environment_counts_unless_one_is_given(self) -> None:
        server = await self.redis()
        processes = [
            self.spawn_node(GIM_REDIS_URL=server.url),
            self.spawn_node("--redis-url", server.url, GIM_REDIS_URL=NOWHERE),
        ]
        a, b = [await self.ready(process) for process in processes]
        ann, bob = await self.clients((a, "ann"), (b, "bob"))
        await ann.send(PRIVATE, "bob", "hi")
        await eventually(lambda: bob.contents() == ["hi"], "the push at the other node")

    async def test_two_prefixes_share_nothing(self) -> None:
        server = await self.redis()
        processes = [
            self.spawn_node("--redis-url", server.url, "--redis-prefix", prefix)
            for prefix in ("one", "two")
        ]
        a, b = [await self.ready(process) for process in processes]
        ann, bob, other_bob = await self.clients((a, "ann"), (a, "bob"), (b, "bob"))
        await ann.send(PRIVATE, "bob", "hi")
        await eventually(lambda: bob.contents() == ["hi"], "the push")
        other_ann = await self.client(b, "ann")
        await other_ann.send(PRIVATE, "bob", "of another world")
        await eventually(lambda: other_bob.pushes, "the push in the other world")
        self.assertEqual((bob.contents(), other_bob.contents()), (["hi"], ["of another world"]))
        await until(lambda: self.are_apart(server), "keys and channels of both")

    async def are_apart(self, server: RedisServer) -> bool:
        """Say whether both worlds have the same names, but for the prefix."""
        names = await server.do("KEYS", "*") + await server.do("PUBSUB", "CHANNELS")
        worlds: dict[str, set[str]] = {"one": set(), "two": set()}
        for name in names:
            prefix, _, rest = name.decode().partition(":")
            worlds[prefix].add(re.sub(r"^\{n:[0-9a-f]{16}\}$", "{n:NODE}", rest))
        return bool(worlds["one"]) and worlds["one"] == worlds["two"]
