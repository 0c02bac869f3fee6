"""A worker is killed, in the middle of whatever it does."""

from __future__ import annotations

from tests.support.multiprocess.server import Server, WorkersTestCase
from tests.support.multiprocess.speakers import Talk
from tests.support.nodes.account import Account
from tests.support.nodes.client import Client
from tests.support.nodes.cluster_case import SLACK, eventually
from tests.support.nodes.traffic import start_traffic
from tests.support.webhooks.receiver import SECRET, start_hook

AT_ONCE = 0.5 + SLACK  # seconds until another process is started in the place of one that was killed
START = 2.5  # seconds of CPU time until that serves; both together are 3 s on a machine with time for it
GRACE = 5.0  # seconds until a user who does not come back is offline for webhooks
LARGE = 50_000  # bytes of some messages: a link gets them in pieces
LISTENERS = tuple(f"listener{number}" for number in range(6))
WEBHOOKS = ("--webhook-grace", f"{GRACE}s", "--webhook-events", "user.online,user.offline")


class KilledTests(WorkersTestCase):
    async def test_nothing_acknowledged_is_lost_and_nothing_comes_twice(self) -> None:
        """Large messages are on their way, so a link ends within one. Listeners say nothing."""
        hook = start_hook(self)
        words = ("--webhook-url", hook.url, *WEBHOOKS, "--max-content", "60000")
        server = await self.server(*words, GIM_WEBHOOK_SECRET=SECRET)
        listeners = await self.spread(server, *LISTENERS)
        talk = Talk(self, server.ws, ("ann", "bob", "cid"), padding=LARGE)
        await talk.start()
        await talk.flows()
        for number in 1, 2:
            await self.kill(server, number, talk, listeners[number])
        self.assertGreater(await talk.settle(), 100)
        await hook.until(lambda: len(hook.told("user.offline")) >= len(LISTENERS), "users to be offline")
        self.assertEqual(
            sorted(hook.told("user.offline")), [("user.offline", name) for name in LISTENERS]
        )
        self.assertEqual(await self.offline(server), set(LISTENERS))

    async def kill(self, server: Server, number: int, talk: Talk, listeners: list[Client]) -> None:
        """See that a worker comes back, its users come back elsewhere, and no others notice."""
        victims = talk.at(server, number)
        self.assertTrue(victims)
        before = {speaker: len(speaker.links) for speaker in talk.speakers}
        former = await server.kill_worker(number)
        self.assertLess(await server.is_started_again(number, former), AT_ONCE)
        self.assertLess(await server.is_back(number, former), START)
        await talk.flows()
        came_back = [speaker for speaker in talk.speakers if len(speaker.links) > before[speaker]]
        self.assertEqual(came_back, victims)
        self.assertTrue(all(listener.close_code for listener in listeners))

    async def offline(self, server: Server) -> set[str]:
        users = ("ann", "bob", "cid", *LISTENERS)
        return {user_id for user_id in users if not await server.is_online(user_id)}

    async def test_the_connections_of_other_workers_get_everything(self) -> None:
        """In a chatroom, too."""
        server = await self.server("--message-push-duration", "100ms")
        clients = [await self.at(server, user_id) for user_id in ("ann", "bob", "cid", "dan") * 2]
        for client in clients[:4]:
            await client.ask(301, id="den")
        traffic = start_traffic(clients)
        await traffic.flows()
        victims = [client for client in clients if server.worker_of(client) == 2]
        self.assertEqual(len(victims), 4)
        await server.kill_worker(2)
        await eventually(lambda: all(one.close_code for one in victims), "the loss of connections")
        await traffic.flows()
        await traffic.stop()
        self.assertEqual([client for client in clients if client.close_code], victims)
        self.assertLessEqual(set().union(*(sender.codes for sender in traffic.senders)), {0, 503})
        await Account(self, traffic).settle()
