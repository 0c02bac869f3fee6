"""Workers on the memory store are one server to their users, and one process to its clients.

The acceptor gives a connection to the worker with the fewest, so two that follow each other are at
different workers. What two nodes on one Redis promise, two workers promise: the tests of those nodes run
here as well, with one address for both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from gim.concurrency.gather import gather
from tests.integration.nodes import test_administration, test_two_nodes
from tests.support.nodes.client import Client
from tests.support.nodes.cluster_case import CHATROOM, PRIVATE, Node, NodesTestCase, eventually
from tests.support.redis.environment import HOST

QUICK = ("--message-push-duration", "20ms", "--message-push-count", "0")
ON_THE_WAY = 8  # messages that ann has sent and that are not acknowledged
MESSAGES = 100  # that each client sends without waiting; the most that one page of a history holds


class WorkersCase(NodesTestCase):
    """A server of two workers on memory, which stands for the nodes ``a`` and ``b``."""

    skip = None  # it needs no Redis
    options: Sequence[str] = QUICK
    worker_count = 2

    async def setUp(self) -> None:  # type: ignore[override]
        NodesTestCase.setUp(self)
        self.a = self.b = await self.server_of_workers()

    async def server_of_workers(self, **environment: str) -> Node:
        address = f"tcp:0:interface={HOST}"
        words = ("--ws", address, "--http", address, "--drain", "0", *self.options)
        return await self.ready(self.spawn("twistd", "-n", "gim", *words, **environment))


class MessageTests(WorkersCase, test_two_nodes.MessageTests):
    """What is sent at one worker arrives at the other."""


class StateTests(WorkersCase, test_two_nodes.StateTests):
    """What one worker does, the other knows."""

    async def nodes_of_bob_become(self, count: int) -> None:
        """Do nothing: an answer comes after what it says is so."""

    async def listeners_of_den_become(self, count: int) -> None:
        """Do nothing: an answer comes after what it says is so."""


class AdministrationTests(
    test_administration.OneServerCases, WorkersCase, test_administration.AdministrationCase
):
    """The administrator reaches every user through any worker."""

    node_names = 1
    users = 2
    storage, workers = "memory", 2

    async def setUp(self) -> None:  # type: ignore[override]
        NodesTestCase.setUp(self)
        self.a = self.b = await self.server_of_workers(GIM_ADMIN_KEY=test_administration.KEY)
        self.ann, self.bob = await self.clients((self.a, "ann"), (self.b, "bob"))

    async def test_statistics_are_exact_and_counted_once(self) -> None:
        await self.share_room()
        await self.client(self.b, "ann")
        for _ in range(3):
            await self.bob.send(PRIVATE, "ann", "hi")
        for _ in range(4):  # requests go to the workers in turn
            found = await self.admin(self.a, "GET", "/statistics")
            total = {"connections": 3, "users": 2, "chatrooms": 1, "messages": 3}
            self.assertEqual((found["total"], len(found["nodes"])), (total, 1))

    async def test_broadcasts_reach_users_of_all_workers_once_and_in_order(self) -> None:
        for number in range(6):
            await self.admin(self.a, "POST", "/broadcasts", content=str(number))
        for client in (self.ann, self.bob):
            await eventually(lambda client=client: len(client.events) >= 6, "the broadcasts")
            self.assertEqual([event["content"] for event in client.events], [*"012345"])
            await self.becomes_deaf(client, 6)


class OrderCase(WorkersCase):
    """Sends messages at all workers at the same time."""

    async def users(self, *names: str) -> list[Client]:
        """Return a client of each user, every second one at the same worker; all are in ``den``."""
        clients = [await self.client(self.a, name) for name in names]
        for client in clients:
            await client.ask(301, id="den")
        return clients

    async def all_send(self, clients: Sequence[Client], kind: int, target_of: Any) -> None:
        """Let each client send its messages, all at once and without waiting for replies."""
        works = [
            Deferred.fromCoroutine(client.send(kind, target_of(client), f"{client.user_id} {place} {n}"))
            for n in range(MESSAGES)
            for place, client in enumerate(clients)
        ]
        await gatherResults(works, consumeErrors=True)

    async def history(self, client: Client, session_id: str) -> list[str]:
        """Return the contents of all messages of a session, the oldest first."""
        found: list[Any] = []
        page: dict[str, Any] = {"has_more": True, "items": []}
        while page["has_more"]:
            older = {"message_id": found[0]["id"]} if found else {}
            page = await client.ask(203, session_id=session_id, count=100, **older)
            found = [*page["items"], *found]
        return [item["content"] for item in found]


class OrderTests(OrderCase):
    """Where all is pushed."""

    async def test_all_members_see_the_messages_of_a_chatroom_in_one_order(self) -> None:
        clients = await self.users("ann", "bob", "cat", "dan")
        await self.all_send(clients, CHATROOM, lambda client: "den")
        expected = await self.history(clients[0], "1:den")
        self.assertEqual(len(expected), len(clients) * MESSAGES)
        for client in clients:
            await eventually(lambda client=client: len(client.items()) == len(expected), "the pushes")
            self.assertEqual(client.contents(), expected)

    async def test_all_devices_see_a_private_session_in_one_order(self) -> None:
        clients = await self.users("ann", "ann", "bob", "bob")
        others = {"ann": "bob", "bob": "ann"}
        await self.all_send(clients, PRIVATE, lambda client: others[client.user_id])
        history = await self.history(clients[0], "2:ann:bob")
        self.assertEqual(len(history), len(clients) * MESSAGES)
        for place, client in enumerate(clients):
            own = f"{client.user_id} {place} "
            expected = [content for content in history if not content.startswith(own)]
            await eventually(lambda c=client, e=expected: len(c.items()) == len(e), "the pushes")
            self.assertEqual(client.contents(), expected)


class IntervalTests(OrderCase):
    """Where a push holds the newest three messages of an interval."""

    options = ("--message-push-duration", "100ms", "--message-push-count", "3")

    async def test_all_members_get_the_newest_and_the_number_of_what_was_skipped(self) -> None:
        clients = await self.users("ann", "bob", "cat", "dan")
        await self.all_send(clients, CHATROOM, lambda client: "den")
        history = await self.history(clients[0], "1:den")
        for client in clients:
            await eventually(lambda c=client: c.contents()[-1:] == history[-1:], "the newest message")
            self.check_pushes(client, history)

    def check_pushes(self, client: Client, history: Sequence[str]) -> None:
        """See that each push goes on where the last one ended, with the newest messages."""
        end = 0
        for push in client.pushes:
            contents = [item["content"] for item in push["items"]]
            end += push["skipped"] + len(contents)
            self.assertEqual(history[end - len(contents) : end], contents)
            self.assertTrue(len(contents) == 3 or not push["skipped"], push)
        self.assertEqual(end, len(history))
        self.assertGreater(client.skipped("1:den"), 0)


class MeanwhileTests(WorkersCase):
    """Users who come while others send without a pause."""

    async def begin(self, kind: int, target_id: str) -> None:
        """Let ann send the numbers from 0 on, some of them on the way at any time."""
        self.ann = await self.client(self.a, "ann")
        if kind == CHATROOM:
            await self.ann.ask(301, id=target_id)
        self.count, self.is_over = 0, False
        works = [Deferred.fromCoroutine(self.send_on(kind, target_id)) for _ in range(ON_THE_WAY)]
        self.sending = gatherResults(works, consumeErrors=True)

    async def send_on(self, kind: int, target_id: str) -> None:
        while not self.is_over:
            self.count += 1
            await self.ann.send(kind, target_id, str(self.count - 1))

    async def end(self) -> None:
        self.is_over = True
        await self.sending

    def numbers(self, client: Client) -> list[int]:
        return [int(content) for content in client.contents()]

    async def test_who_joins_gets_all_from_the_reply_on(self) -> None:
        await self.begin(CHATROOM, "den")
        for name in ("bob", "cat", "dan", "eve"):
            client = await self.client(self.a, name)
            await client.ask(301, id="den")
            page = await client.ask(203, session_id="1:den", count=1)
            await eventually(lambda client=client: len(client.items()) > MESSAGES, "pushes")
            found = self.numbers(client)
            self.assertLessEqual(found[0], int(page["items"][0]["content"]) + 1)
            self.assertEqual(found, [*range(found[0], found[-1] + 1)])
        await self.end()

    async def test_who_is_cut_off_and_comes_back_with_since_gets_each_message_once(self) -> None:
        await self.begin(PRIVATE, "bob")
        found: list[int] = []
        since: dict[str, str] = {}
        for _ in range(6):
            client = await self.client(self.a)
            told = await client.login("bob", **since)
            await eventually(lambda client=client: len(client.items()) > MESSAGES, "pushes")
            await client.hang_up()
            found += self.numbers(client)
            since = {"since": client.items()[-1]["id"], "epoch": told["epoch"]}
        await self.end()
        self.assertEqual(found, [*range(found[0], found[-1] + 1)])


class LimitTests(WorkersCase):
    """Limits that count all workers together."""

    options = ("--max-user-connections", "3", "--max-send-rate", "20")

    async def test_a_user_has_so_many_connections_at_all_workers(self) -> None:
        clients = [await self.client(self.a, "ann") for _ in range(3)]
        for _ in range(2):  # at each worker
            more = await self.client(self.a)
            self.assertEqual((await more.attempt(101, id="ann")).code, 409)
            await eventually(lambda more=more: more.close_code == 3504, "the end")
        await clients[0].ask(103)
        await self.client(self.a, "ann")
        more = await self.client(self.a)
        self.assertEqual((await more.attempt(101, id="ann")).code, 409)

    async def test_connections_that_log_in_at_once_are_counted_exactly(self) -> None:
        clients = await gather(self.client(self.a) for _ in range(20))
        answers = await gather(client.attempt(101, id="ann") for client in clients)
        self.assertEqual(sorted(answer.code for answer in answers), [0] * 3 + [409] * 17)

    async def test_a_user_sends_so_many_messages_through_all_workers(self) -> None:
        phone, desktop = [await self.client(self.a, "ann") for _ in range(2)]

        async def code(client: Client) -> int:
            return (await client.attempt(201, type=PRIVATE, target_id="bob", content="hi")).code

        while True:
            while await code(phone) == 0:
                pass
            there, here = await code(desktop), await code(phone)
            if here == 429:  # a new second has not begun
                break
        self.assertEqual(there, 429)
