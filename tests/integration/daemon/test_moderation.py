"""Moderation and administration of a real daemon with the memory store, by real clients."""

from __future__ import annotations

import json
from typing import Any

import treq

from tests.support.daemon_process import PATIENCE, Client, DaemonTestCase

KEY = "a-key-for-these-tests"


class ModerationTests(DaemonTestCase):
    async def setUp(self) -> None:  # type: ignore[override]
        address = "tcp:0:interface=127.0.0.1"
        words = ("twistd", "-n", "gim", "--ws", address, "--http", address)
        await self.listens(self.spawn(*words, GIM_ADMIN_KEY=KEY))

    async def user(self, user_id: str) -> Client:
        client = await self.client()
        await client.ask(101, id=user_id)
        await client.ask(301, id="den")
        return client

    async def both(self, client: Client, op: int, **body: Any) -> tuple[Any, Any]:
        """Send a request; return its reply and the event that comes with it, in any order."""
        client.say(json.dumps({"op": op, "body": body}))
        packets = [json.loads(await client.next()) for _ in range(2)]
        found = {packet["op"]: json.loads(packet["body"]) for packet in packets}
        return found[op + 1], found[213]

    async def admin(self, method: str, path: str, key: str, **fields: Any) -> tuple[int, Any]:
        url = f"http://127.0.0.1:{self.http}/v1/admin{path}"
        headers: Any = {"X-API-Key": key}
        response = await treq.request(
            method, url, json=fields, headers=headers, persistent=False, timeout=PATIENCE
        )
        return response.code, (await treq.json_content(response))["data"]

    async def test_an_owner_mutes_and_removes_and_an_administrator_bans(self) -> None:
        ann, bob = await self.user("ann"), await self.user("bob")
        reply, event = await self.both(ann, 313, id="den", user_id="bob", seconds=60)
        self.assertEqual((event["type"], event["until"]), ("muted", reply["data"]["until"]))
        self.assertEqual(json.loads(json.loads(await bob.next())["body"]), event)
        bob.say('{"op":201,"body":{"type":1,"target_id":"den","content":"x"}}')
        refusal = json.loads(json.loads(await bob.next())["body"])
        self.assertEqual(refusal["code"], 403)
        self.assertRegex(refusal["msg"], r"muted in chatroom 'den' for (60|59) s")
        _, event = await self.both(ann, 311, id="den", user_id="bob")
        self.assertEqual(json.loads(json.loads(await bob.next())["body"]), event)
        status, _ = await self.admin("PUT", "/users/bob/ban", f"{KEY}x", seconds=60)
        self.assertEqual(status, 401)
        status, data = await self.admin("PUT", "/users/bob/ban", KEY, seconds=60)
        self.assertEqual((status, list(data)), (200, ["until"]))
        self.assertEqual(await bob.closed, 3503)
        again = await self.client()
        again.say('{"op":101,"body":{"id":"bob"}}')
        self.assertEqual(json.loads(json.loads(await again.next())["body"])["code"], 403)
        status, data = await self.admin("GET", "/statistics", KEY)
        self.assertEqual(data["total"], {"connections": 1, "users": 1, "chatrooms": 1, "messages": 0})
