"""A server with a data directory that ends and starts again: all that it knew is there."""

from __future__ import annotations

import os
import signal
from typing import Any

import treq

from tests.support.daemon_process import PATIENCE, Client, DaemonTestCase, Process

KEY = "a-key-for-these-tests"
LETTERS, DEN = "2:ann:bob", "1:den"
SHOWN = (  # to the administrator
    *("/users", "/users/cid/ban", "/chatrooms", "/chatrooms/den", "/chatrooms/hall"),
    *("/chatrooms/den/members", "/chatrooms/hall/members", "/sessions/2:ann:bob/messages"),
    *("/sessions/1:den/messages", "/sessions/1:hall/messages", "/users/ann/sessions"),
    *("/users/bob/sessions", "/users/dan/sessions"),
)


class FeatureTests(DaemonTestCase):
    ending = signal.SIGTERM
    status: int | None = 0  # of a process that has ended
    sync = "1s"

    def setUp(self) -> None:
        self.data = os.path.abspath(self.mktemp())
        os.mkdir(self.data, 0o700)
        self.tokens: dict[str, str] = {}

    async def begin(self) -> Process:
        words = "--data-dir", self.data, "--sync", self.sync, "--enable-message-sequence"
        return await self.daemon(*words, GIM_ADMIN_KEY=KEY)

    async def end(self, process: Process) -> None:
        process.signal(self.ending)
        self.assertEqual(await process.exited, self.status)

    async def ask(self, method: str, path: str, user: str = "", **fields: Any) -> Any:
        """Return the data of an answer to a user, or to the administrator."""
        headers: Any = {"X-API-Key": KEY}
        if user:
            headers = {"Authorization": f"Bearer {self.tokens[user]}"}
        url = f"http://127.0.0.1:{self.http}/v1{'' if user else '/admin'}{path}"
        response = await treq.request(
            method, url, json=fields or None, headers=headers, persistent=False, timeout=PATIENCE
        )
        answer = await treq.json_content(response)
        self.assertEqual(answer["code"], 0, (method, path, answer))
        return answer["data"]

    async def login(self, user_id: str, **fields: Any) -> tuple[Client, Any]:
        client = await self.client()
        data = await client.ask(101, id=user_id, **fields)
        self.tokens[user_id] = data["token"]
        return client, data

    async def leave(self, client: Client) -> None:
        client.sendClose()
        await client.gone

    async def send(self, user: str, kind: int, target: str, text: str, **more: Any) -> Any:
        return await self.ask(
            "POST", "/messages", user, type=kind, target_id=target, content=text, **more
        )

    async def appoint(self, owner: str, room: str, user: str) -> None:
        """Make a member an administrator of a chatroom, which the owner does over WebSocket."""
        client, _ = await self.login(owner)
        client.request(315, id=room, user_id=user, role="admin")
        while (packet := await client.packet())["op"] != 316:
            pass  # an event
        self.assertEqual(packet["body"]["code"], 0, packet)
        await self.leave(client)

    async def talk(self) -> None:
        """Do something of every kind, over HTTP."""
        for user in "ann", "bob", "cid", "dan":
            client, _ = await self.login(user, name=user.title())
            await self.leave(client)
        await self.ask("PUT", "/chatrooms/hall", name="The hall", owner="dan")
        for user in "ann", "bob", "dan":
            await self.ask("PUT", "/chatrooms/den/members/me", user, name="The den")
        await self.ask("PUT", "/chatrooms/hall/members/bob")
        await self.appoint("ann", "den", "bob")
        await self.ask("PUT", "/chatrooms/den/members/dan/mute", seconds=3600)
        await self.ask("PATCH", "/chatrooms/den", name="The new den")
        letters = [await self.send("ann", 2, "bob", f"letter {n}") for n in range(4)]
        await self.send("bob", 2, "ann", "answer", request_id="once")
        rooms = [await self.send("bob", 1, "den", f"word {n}", category="x") for n in range(3)]
        await self.send("bob", 1, "hall", "echo")
        await self.ask("DELETE", f"/sessions/{LETTERS}/messages/{letters[1]['id']}")
        await self.ask("DELETE", f"/sessions/{DEN}/messages/{rooms[0]['id']}")
        await self.ask("POST", f"/sessions/{LETTERS}/read", "bob", message_id=letters[2]["id"])
        await self.ask("POST", f"/sessions/{DEN}/read", "ann", message_id=rooms[1]["id"])
        await self.ask("PUT", "/users/cid/ban", seconds=3600)
        await self.ask("PUT", "/chatrooms/gone/members/me", "ann", name="Gone")
        await self.send("ann", 1, "gone", "lost")
        await self.ask("DELETE", "/chatrooms/gone")

    async def shown(self) -> dict[str, Any]:
        """Return what the administrator sees, and each user."""
        found = {path: await self.ask("GET", path) for path in SHOWN}
        for user in "ann", "bob", "dan":
            found[user] = await self.ask("GET", "/sessions", user)
        return found

    async def test_all_is_there_after_a_restart(self) -> None:
        process = await self.begin()
        await self.talk()
        client, before = await self.login("ann")
        await self.leave(client)
        shown = await self.shown()
        await self.end(process)
        process = await self.begin()
        self.assertEqual(await self.shown(), shown)
        await self.check_that_it_goes_on(shown, before)
        await self.end(process)

    async def check_that_it_goes_on(self, shown: dict[str, Any], before: Any) -> None:
        newest = shown["/sessions/2:ann:bob/messages"]["items"][-1]
        client, data = await self.login("ann", since=newest["id"], epoch=before["epoch"])
        self.assertEqual((data["recovered"], data["epoch"]), (True, before["epoch"]))
        again = await self.send("bob", 2, "ann", "answer", request_id="once")
        self.assertEqual(again["id"], newest["id"])
        later = await self.send("bob", 2, "ann", "later")
        self.assertEqual(later["sequence"], newest["sequence"] + 1)
        self.assertGreater(later["id"], newest["id"])
        push = await client.packet()
        self.assertEqual(push["body"]["items"][0]["id"], later["id"])
        await self.leave(client)
        client, data = await self.login("bob")
        self.assertTrue(data["recovered"])


class ConsoleTests(DaemonTestCase):
    async def test_the_console_says_that_there_is_a_journal(self) -> None:
        data = os.path.abspath(self.mktemp())
        os.mkdir(data, 0o700)
        for words, journal in ((), False), (("--data-dir", data), True):
            await self.daemon(*words)
            url = f"http://127.0.0.1:{self.http}/console/session"
            answer = await treq.json_content(await treq.get(url, persistent=False, timeout=PATIENCE))
            state = answer["data"]
            self.assertEqual((state["storage"], state["journal"]), ("memory", journal))


class KilledTests(FeatureTests):
    ending = signal.SIGKILL
    status = None


class WorkerTests(FeatureTests):
    worker_count = 2


class KilledWorkersTests(KilledTests):
    worker_count = 2


class SyncedAlwaysTests(FeatureTests):
    sync = "always"
