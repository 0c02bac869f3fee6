"""Login tokens where several nodes share a Redis."""

from __future__ import annotations

import time

import jwt

from tests.support.nodes.cluster_case import PRIVATE, NodesTestCase, eventually

SECRET = "a secret of 64 bytes: " + "0123456789" * 4 + "ab"


def token(user_id: str, **claims: object) -> str:
    return jwt.encode({"sub": user_id, "exp": int(time.time()) + 600, **claims}, SECRET, "HS256")


class LoginTokenTests(NodesTestCase):
    async def test_a_token_is_good_at_every_node_and_none_is_good_at_no_node(self) -> None:
        server = await self.redis()
        open_process = self.spawn_node("--redis-url", server.url)
        processes = [self.spawn_node("--redis-url", server.url, GIM_AUTH_KEY=SECRET) for _ in range(2)]
        open_node, a, b = [await self.ready(process) for process in (open_process, *processes)]
        for node in a, b:
            stranger = await self.client(node)
            for body in {}, {"token": "x"}, {"token": token("bob")}:
                self.assertEqual((await stranger.attempt(101, id="ann", **body)).code, 401)
        ann = await self.client(a, "ann", token=token("ann", name="Ann"))
        bob = await self.client(b, "bob", token=token("bob"))
        await ann.send(PRIVATE, "bob", "hi")
        await eventually(lambda: bob.contents() == ["hi"], "the push at the other node")
        status, data = await a.request("POST", "/v1/login", json={"id": "ann", "token": token("ann")})
        self.assertEqual((status, data["user"]["name"]), (200, "Ann"))
        self.assertEqual((await b.request("GET", "/v1/sessions", data["token"]))[0], 200)
        stolen = await self.token(open_node, "ann")  # when nobody had to prove anything
        self.assertEqual((await a.request("GET", "/v1/sessions", stolen))[0], 401)
        self.assertEqual((await a.request("GET", "/v1/sessions", token("ann")))[0], 401)
