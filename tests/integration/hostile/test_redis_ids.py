"""Ids that look like something to Redis, on a real one: each has its own keys; others are not touched."""

from __future__ import annotations

import json
import re
from functools import partial
from itertools import pairwise
from typing import Any
from urllib.parse import quote

from hiredis import ReplyError
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from gim.concurrency.gather import gather
from gim.ids import chatroom_session, is_id, private_session
from gim.storage.redis.store.keys import Keys
from tests.support.hostile import inputs
from tests.support.hostile.properties import fuzzed
from tests.support.nodes.channels import subscribed
from tests.support.nodes.client import Client
from tests.support.nodes.cluster_case import CHATROOM, PRIVATE, Node, NodesTestCase, eventually
from tests.support.paths import ROOT
from tests.support.redis.resp_connection import RespConnection

IDS = (
    "*", "?", "[a-z]", "[^a]*", "\\*", "{", "}", "{}", "{gim}", "}{", "}}", "{{gim}}", "a}", "a", "gim",
    "__keyspace@0__", "__keyevent@0__", "ids", "-1", "0", "+inf", "(1", "[1", "nil", "%s", "$1", "é",
    "e\u0301", "ß", "😀", "x" * 64, "\u6f22" * 64, "MULTI", "FLUSHALL",
)  # fmt: skip
NO_IDS = (
    "a:b", "}:ids", "{u:ann}", "\r\n", "*1\r\n$8\r\nFLUSHALL\r\n", "a\0", "a b", "a/b", "..", "",
    "x" * 65, "\u202ea", "\x1b[31m", "__keyspace@0__:*",
)  # fmt: skip
FOREIGN = (
    "gim",
    "gim:x",
    "gim:{u:a",
    "other:{u:a}:user",
    "{gim}",
    "*",
    "a",
    "{u:a}:user",
    "gim2:{gim}:data",
)

suffixes = st.sampled_from(("", ":user", ":nodes", ":rooms", ":state", ":members", ":ids"))
ids = (st.sampled_from((*IDS, *NO_IDS)) | inputs.texts).filter(is_id)


def _has(client: Client, count: int) -> bool:
    return len(client.items()) >= count


class KeyTests(SynchronousTestCase):
    """The names of keys, for any ids."""

    @fuzzed(300, one=ids, other=ids, suffix=suffixes, another=suffixes)
    def test_two_ids_never_share_a_key_or_channel(
        self, one: str, other: str, suffix: str, another: str
    ) -> None:
        keys = Keys("gim")
        bases = {keys.user(one), keys.session(chatroom_session(one).id), keys.data}
        if one != other:
            more = {keys.user(other), keys.session(chatroom_session(other).id)}
            more.add(keys.session(private_session(one, other).id))
            self.assertFalse(
                {base + suffix for base in bases} & {base + another for base in more}, (one, other)
            )
        for base in bases:
            self.assertEqual(owner(base + suffix), owner(base))


def owner(key: str) -> str:
    """Return what a key belongs to."""
    found = re.fullmatch(
        r"gim:\{((gim)|u:([^:]+)|s:1:([^:]+)|s:2:([^:]+):([^:]+))\}(:.*)?", key, re.DOTALL
    )
    assert found is not None, key
    return found[1]


class AccessTests(NodesTestCase):
    """The user that docs/security.md gives to gim."""

    async def test_it_is_enough_for_gim_and_for_nothing_else(self) -> None:
        text = ROOT.child("docs").child("security.md").getContent().decode()
        words = re.findall(r"(?m)^ACL SETUSER gim .*$", text)[0].replace("PASSWORD", "secret").split(" ")
        server = await self.durable_redis()
        await server.do(*words)
        (node,) = await self.nodes(f"redis://gim:secret@127.0.0.1:{server.port}/0")
        ann, bob = await self.clients((node, "ann"), (node, "bob"))
        for client in (ann, bob):
            await client.ask(301, id="den")
        await ann.send(PRIVATE, "bob", "hi")
        await ann.send(CHATROOM, "den", "all")
        await eventually(lambda: sorted(bob.contents()) == ["all", "hi"], "the pushes")
        async with server.connected() as connection:
            await connection.call("AUTH", "gim", "secret")
            self.assertEqual(await connection.call("CLIENT", "KILL", "ID", 2**40), 0)
            _, keys = await connection.call("SCAN", 0, "MATCH", "gim:{u:bob}:user", "COUNT", 1000)
            self.assertEqual(keys, [b"gim:{u:bob}:user"])
        for refused in (
            ("GET", "other"),
            ("FLUSHALL",),
            ("KEYS", "*"),
            ("CONFIG", "GET", "*"),
            ("SUBSCRIBE", "other"),
            ("EVAL", "return redis.call('GET', 'other')", 0),
            ("ACL", "LIST"),
        ):
            async with server.connected() as connection:
                await connection.call("AUTH", "gim", "secret")
                error = await self.assertFailure(
                    Deferred.fromCoroutine(asked(connection, refused)), ReplyError
                )
                self.assertRegex(str(error), "NOPERM|No permissions|can't access")


async def asked(connection: RespConnection, words: tuple[str | int, ...]) -> Any:
    return await connection.call(*words)


class HostileIdTests(NodesTestCase):
    """A chat of users and chatrooms with such ids."""

    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.server = await self.durable_redis()
        await self.server.do("CONFIG", "SET", "notify-keyspace-events", "KEA")
        for key in FOREIGN:
            await self.server.do("SET", key, f"value of {key}")
        (self.node,) = await self.nodes(self.server.url, options=("--message-push-duration", "100ms"))

    async def test_each_is_somebody_and_nothing_else_is_touched(self) -> None:
        clients = await self.clients(*((self.node, each) for each in IDS))
        await gather(client.ask(301, id=client.user_id) for client in clients)
        await gather(
            client.send(PRIVATE, peer.user_id, f"to {peer.user_id}", request_id=peer.user_id)
            for client, peer in pairwise(clients)
        )
        await gather(client.send(CHATROOM, client.user_id, "alone") for client in clients)
        await self.check_pushes(clients)
        await self.check_members(clients)
        await self.check_channels()
        await self.check_keys()
        await self.check_over_http(self.node)

    async def check_pushes(self, clients: list[Client]) -> None:
        for before, client in zip([None, *clients], clients, strict=False):
            wanted = ["alone"] if before is None else ["alone", f"to {client.user_id}"]
            await eventually(partial(_has, client, len(wanted)), "the pushes")
            self.assertEqual(sorted(client.contents()), wanted, client.user_id)

    async def check_members(self, clients: list[Client]) -> None:
        for client in clients:
            page = await client.ask(305, id=client.user_id)
            self.assertEqual([item["id"] for item in page["items"]], [client.user_id])
            self.assertTrue(page["items"][0]["online"])

    async def check_channels(self) -> None:
        channels = await subscribed(self.server)
        wanted = {f"gim:{{u:{each}}}" for each in IDS} | {f"gim:{{s:1:{each}}}" for each in IDS}
        self.assertEqual(channels, wanted)
        self.assertEqual(await self.server.do("PUBSUB", "NUMPAT"), 0)

    async def check_keys(self) -> None:
        for key in FOREIGN:
            self.assertEqual(await self.server.do("GET", key), f"value of {key}".encode())
        keys = {key.decode() for key in await self.server.do("KEYS", "*")} - set(FOREIGN)
        pairs = [private_session(*pair).id for pair in pairwise(IDS)]
        owners = {"gim", *(f"u:{each}" for each in IDS), *(f"s:1:{each}" for each in IDS)}
        self.assertEqual({owner(key) for key in keys}, owners | {f"s:{pair}" for pair in pairs})

    async def check_over_http(self, node: Node) -> None:
        token = await self.token(node, IDS[0])
        for each in IDS:
            status, user = await node.request("GET", f"/v1/users/{quote(each, safe='')}", token)
            self.assertEqual((status, user["id"], user["online"]), (200, each, True))

    async def test_what_is_no_id_is_refused_before_redis_hears_of_it(self) -> None:
        client = await self.client(self.node, "ann")
        before = await self.server.do("DBSIZE")
        for each in NO_IDS:
            for op, body in (
                (101, {"id": each}),
                (201, {"type": PRIVATE, "target_id": each, "content": "x"}),
                (203, {"session_id": f"1:{each}"}),
                (301, {"id": each}),
                (305, {"id": each, "cursor": json.dumps(each)}),
            ):
                self.assertEqual(await self.code(client, op, body), 400, (op, each))
        self.assertEqual(await self.server.do("DBSIZE"), before)

    async def code(self, client: Client, op: int, body: dict[str, Any]) -> int:
        return (await client.attempt(op, **body)).code
