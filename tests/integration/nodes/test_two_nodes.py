"""Two nodes on one Redis are one server to their users."""

from __future__ import annotations

from typing import Any

from gim.concurrency.gather import gather
from tests.support.nodes.channels import subscribed
from tests.support.nodes.client import Client
from tests.support.nodes.cluster_case import CHATROOM, PRIVATE, Node, NodesTestCase, eventually
from tests.support.redis.environment import until

QUICK = ("--message-push-duration", "100ms")


class TwoNodesCase(NodesTestCase):
    """Has a Redis and the nodes ``a`` and ``b`` on it."""

    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.server = await self.durable_redis()
        self.a, self.b = await self.nodes(self.server.url, self.server.url, options=QUICK)

    async def channels(self) -> set[str]:
        return await subscribed(self.server)


class MessageTests(TwoNodesCase):
    """What is sent at one node arrives at the other."""

    async def test_a_private_message_reaches_all_devices_but_the_sending_one_and_each_once(self) -> None:
        ann, ann_too, bob = await self.clients((self.a, "ann"), (self.b, "ann"), (self.b, "bob"))
        await bob.login("bob", name="Bob")
        await ann.login("ann", name="Ann")
        sent = await ann.send(PRIVATE, "bob", "hi", request_id="r")
        again = await ann_too.send(PRIVATE, "bob", "hi", request_id="r")
        self.assertEqual(again, sent, "the answer at the other node")
        await bob.send(PRIVATE, "ann", "you too")
        await eventually(lambda: ann.pushes and bob.pushes and len(ann_too.pushes) == 2, "the pushes")
        self.assertEqual(ann.contents(), ["you too"])
        self.assertEqual(ann_too.contents(), ["hi", "you too"])
        self.assertEqual(bob.contents(), ["hi"])
        self.assertEqual(bob.items()[0]["id"], sent["id"])
        self.assertEqual(bob.items()[0]["sender"], {"id": "ann", "name": "Ann"})
        titles = [client.pushes[0]["session"]["title"] for client in (bob, ann, ann_too)]
        self.assertEqual(titles, ["Ann", "Bob", "Bob"])

    async def test_what_is_sent_without_waiting_is_stored_and_answered_in_order(self) -> None:
        ann, bob = await self.clients((self.a, "ann"), (self.b, "bob"))
        ann.answered.clear()
        contents = [f"{number}" for number in range(100)]
        works = [ann.attempt(201, type=PRIVATE, target_id="bob", content=content) for content in contents]
        works.insert(50, ann.attempt(201, type=PRIVATE, target_id="ann", content="to myself"))
        works.insert(70, ann.attempt(203, session_id="2:ann:bob", count=100))
        answers = await gather(works)
        self.assertEqual(ann.answered, list(range(2, 2 + len(works))))
        self.assertEqual(answers[50].code, 400)
        listed = [item["content"] for item in answers[70].data["items"]]
        self.assertEqual(listed, contents[:69], "the history at its place in the order")
        await eventually(lambda: len(bob.items()) == 100, "the pushes")
        self.assertEqual(bob.contents(), contents)

    async def test_what_is_sent_over_http_at_one_node_reaches_the_sender_at_the_other(self) -> None:
        ann, bob = await self.clients((self.b, "ann"), (self.a, "bob"))
        token = await self.token(self.a, "ann")
        for node, content in ((self.a, "here"), (self.b, "there")):
            said = {"type": PRIVATE, "target_id": "bob", "content": content}
            status, _ = await node.request("POST", "/v1/messages", token, json=said)
            self.assertEqual(status, 200)
        for client in (ann, bob):
            await eventually(lambda client=client: len(client.items()) == 2, "the pushes")
            self.assertEqual(client.contents(), ["here", "there"])

    async def test_a_chatroom_message_reaches_the_members_at_both_nodes(self) -> None:
        ann, bob, eve = await self.clients((self.a, "ann"), (self.b, "bob"), (self.b, "eve"))
        await ann.ask(301, id="den", name="The den")
        self.assertEqual((await bob.ask(301, id="den"))["total"], 2)
        await ann.send(CHATROOM, "den", "hello all")
        await eventually(lambda: ann.pushes and bob.pushes, "the pushes")
        head = {"id": "1:den", "type": 1, "title": "The den"}
        self.assertEqual([client.pushes[0]["session"] for client in (ann, bob)], [head, head])
        self.assertEqual(ann.items(), bob.items())
        self.assertEqual(eve.pushes, [])

    async def test_what_was_sent_to_somebody_offline_waits_at_the_other_node(self) -> None:
        ann = await self.client(self.a, "ann")
        for content in "xyz":
            await ann.send(PRIVATE, "bob", content)
        bob = await self.client(self.b)
        self.assertEqual((await bob.login("bob"))["missed"], 3)
        await eventually(lambda: len(bob.items()) == 3, "what was missed")
        self.assertEqual(bob.contents(), ["x", "y", "z"])
        await until(lambda: self.nothing_missed("bob"), "the mark to be moved")

    async def nothing_missed(self, user_id: str) -> bool:
        client = await self.client(self.a)
        return (await client.login(user_id))["missed"] == 0


class StateTests(TwoNodesCase):
    """What one node knows, the other knows."""

    async def test_read_positions_history_sessions_and_members_are_the_same(self) -> None:
        ann, bob = await self.clients((self.a, "ann"), (self.b, "bob"))
        for client in (ann, bob):
            await client.ask(301, id="den")
        sent = [await ann.send(PRIVATE, "bob", content) for content in "xyz"]
        await ann.send(CHATROOM, "den", "all")
        unread = await bob.ask(209, session_id="2:ann:bob", message_id=sent[1]["id"])
        self.assertEqual(unread, {"unread": 1})
        token = await self.token(self.a, "bob")  # taken from one node, good for both
        for path in (
            "/v1/sessions",
            "/v1/sessions/2:ann:bob/messages",
            "/v1/sessions/1:den/messages",
            "/v1/chatrooms/den/members",
            "/v1/users/ann",
        ):
            (status, data), other = [await node.request("GET", path, token) for node in (self.a, self.b)]
            self.assertEqual((status, data), other, path)
            self.assertEqual(status, 200, path)
        sessions = (await self.b.request("GET", "/v1/sessions", token))[1]["items"]
        self.assertEqual(
            [(one["id"], one["unread"]) for one in sessions], [("1:den", 1), ("2:ann:bob", 1)]
        )

    async def test_devices_on_both_nodes_hear_of_what_one_of_them_reads(self) -> None:
        ann, phone, desktop = await self.clients((self.a, "ann"), (self.a, "bob"), (self.b, "bob"))
        sent = await ann.send(PRIVATE, "bob", "hi")
        await phone.ask(209, session_id="2:ann:bob", message_id=sent["id"])
        read = {"type": "read", "by": "bob", "session_id": "2:ann:bob", "user_id": "bob"}
        told = [read | {"message_id": sent["id"], "unread": 0}]
        for client in (phone, desktop):
            await eventually(lambda client=client: client.events == told, "the event")
        self.assertEqual(ann.events, [])

    async def online(self, node: Node, token: str) -> list[bool]:
        """Return whether bob is online: what a node says of the user, and of the member of den."""
        _, user = await node.request("GET", "/v1/users/bob", token)
        _, page = await node.request("GET", "/v1/chatrooms/den/members", token)
        return [user["online"]] + [one["online"] for one in page["items"] if one["id"] == "bob"]

    async def shows(self, token: str, online: bool) -> None:
        for node in (self.a, self.b):
            await until(lambda node=node: self._is(node, token, online), f"online to be {online}")

    async def _is(self, node: Node, token: str, online: bool) -> bool:
        return await self.online(node, token) == [online, online]

    async def test_users_and_members_are_online_at_both_nodes_until_their_last_connection_ends(
        self,
    ) -> None:
        ann, bob, bob_too = await self.clients((self.a, "ann"), (self.a, "bob"), (self.b, "bob"))
        for client in (ann, bob):
            await client.ask(301, id="den")
        token = await self.token(self.b, "ann")
        for node in (self.a, self.b):
            self.assertEqual(await self.online(node, token), [True, True])
        await bob.ask(103)  # the other one is still there
        await self.nodes_of_bob_become(1)
        for node in (self.a, self.b):
            self.assertEqual(await self.online(node, token), [True, True])
        await bob_too.ask(103)
        await self.shows(token, False)
        await bob.login("bob")
        await self.shows(token, True)
        await bob.hang_up()
        await self.shows(token, False)

    async def nodes_of_bob_become(self, count: int) -> None:
        async def check() -> bool:
            return await self.server.do("SCARD", "gim:{u:bob}:nodes") == count

        await until(check, "the logout to be known")

    async def test_joining_over_http_gives_pushes_to_a_connection_elsewhere_and_leaving_ends_them(
        self,
    ) -> None:
        ann, bob = await self.clients((self.a, "ann"), (self.b, "bob"))
        token = await self.token(self.a, "bob")
        await ann.ask(301, id="den")
        await self.a.request("PUT", "/v1/chatrooms/den/members/me", token, json={})
        await self.listeners_of_den_become(2)
        await ann.send(CHATROOM, "den", "in")
        await eventually(lambda: bob.contents() == ["in"], "the push")
        await self.a.request("DELETE", "/v1/chatrooms/den/members/me", token)
        await self.listeners_of_den_become(1)
        await ann.send(CHATROOM, "den", "out")
        await eventually(lambda: "out" in ann.contents(), "the push")
        await ann.send(PRIVATE, "bob", "last")  # comes behind all that node b was told before
        await eventually(lambda: "last" in bob.contents(), "the last message")
        self.assertEqual(bob.contents(), ["in", "last"])

    async def listeners_of_den_become(self, count: int) -> None:
        async def check() -> bool:
            return await self.server.do("PUBSUB", "NUMSUB", "gim:{s:1:den}") == [b"gim:{s:1:den}", count]

        await until(check, "the nodes to listen")


class SubscriptionTests(TwoNodesCase):
    """What nodes subscribe to."""

    async def test_only_what_concerns_connected_users_is_subscribed_to(self) -> None:
        ann, bob, bob_too = await self.clients((self.a, "ann"), (self.b, "bob"), (self.a, "bob"))
        await self.token(self.a, "eve")  # no connection
        await ann.ask(301, id="den")
        await bob.ask(301, id="hut")
        await until(self._channels_are("{u:ann}", "{u:bob}", "{s:1:den}", "{s:1:hut}"), "the channels")
        self.assertEqual(await self.server.do("PUBSUB", "NUMPAT"), 0)
        await bob.ask(303, id="hut")
        await until(self._channels_are("{u:ann}", "{u:bob}", "{s:1:den}"), "the end of a channel")
        await ann.ask(103)
        await bob.hang_up()
        await until(self._channels_are("{u:bob}"), "the channels of one user")
        await bob_too.hang_up()
        await until(self._channels_are(), "no channel")
        self.assertEqual(await self.server.do("PUBSUB", "NUMPAT"), 0)

    def _channels_are(self, *names: str) -> Any:
        async def check() -> bool:
            return await self.channels() == {f"gim:{name}" for name in names}

        return check


class SlowNodeTests(NodesTestCase):
    """Nodes with push intervals of their own, one of which is stopped."""

    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        url = ("--redis-url", (await self.durable_redis()).url)
        slow = ("--message-push-duration", "1m", "--message-push-count", "2")
        processes = [self.spawn_node(*url, *QUICK), self.spawn_node(*url, *slow)]
        self.a, self.slow = [await self.ready(process) for process in processes]

    async def test_each_node_keeps_its_interval_and_pushes_what_waits_when_it_is_stopped(self) -> None:
        ann, bob = await self.clients((self.a, "ann"), (self.slow, "bob"))
        for client in (ann, bob):
            await client.ask(301, id="den")
        await ann.send(CHATROOM, "den", "1")
        await eventually(lambda: ann.pushes and bob.pushes, "the first push")
        for content in "234":
            await ann.send(CHATROOM, "den", content)
        await eventually(lambda: ann.contents() == ["1", "2", "3", "4"], "all at the quick node")
        self.assertEqual(bob.contents(), ["1"])
        sent = [(await bob.send(PRIVATE, "ann", content))["id"] for content in "xyz"]
        await self.slow.stop()
        self.assertEqual((bob.contents(), bob.skipped("1:den")), (["1", "3", "4"], 1))
        self.assertEqual((bob.close_code, await self.slow.process.exited), (3001, 0))
        await self.check_left(ann, sent)

    async def check_left(self, ann: Client, sent: list[str]) -> None:
        """See that bob counts as offline at once, and that all he was told to be stored is there."""
        token = await self.token(self.a, "ann")
        status, user = await self.a.request("GET", "/v1/users/bob", token)
        self.assertEqual((status, user["online"]), (200, False))
        page = await ann.ask(203, session_id="2:ann:bob")
        self.assertEqual([item["id"] for item in page["items"]], sent)
        await eventually(lambda: ann.contents("2:ann:bob") == ["x", "y", "z"], "the last pushes")
