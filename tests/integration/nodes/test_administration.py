"""The administrator reaches every user through any node: two of them on one Redis, and on a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gim.storage.redis.store.heartbeat import MAX_BROADCASTS
from tests.support.nodes.channels import subscribed
from tests.support.nodes.client import Client
from tests.support.nodes.cluster_case import CHATROOM, PRIVATE, Node, NodesTestCase, eventually
from tests.support.nodes.event_stream import open_stream
from tests.support.nodes.fault_case import QUICK
from tests.support.redis.environment import until
from tests.support.redis.shared import shared_cluster

KEY = "a-key-for-these-tests"


def types(client: Client) -> list[str]:
    """Return of what types the events were that a client got."""
    return [event["type"] for event in client.events]


class AdministrationCase(NodesTestCase):
    """Two nodes, and users at each."""

    node_names = 2  # how many there are
    storage, workers = "redis", 1
    users = 3  # how many are counted when ann is connected at both nodes, and bob at one

    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.prefix = self.id().rpartition(".")[2]
        options = (*QUICK, "--redis-prefix", self.prefix)
        url = await self.url()
        self.a, self.b = await self.nodes(url, url, options=options, GIM_ADMIN_KEY=KEY)
        self.ann, self.bob = await self.clients((self.a, "ann"), (self.b, "bob"))

    async def url(self) -> str:
        self.server = await self.durable_redis()
        return self.server.url

    async def admin(self, node: Node, method: str, path: str, **fields: Any) -> Any:
        status, data = await node.request(method, f"/v1/admin{path}", json=fields, key=KEY)
        self.assertEqual(status, 200, (path, data))
        return data

    async def share_room(self) -> None:
        """Let ann, who owns it, and bob be members of den."""
        for client in (self.ann, self.bob):
            await client.ask(301, id="den")

    async def becomes_deaf(self, client: Client, count: int) -> None:
        """See that a client got so many events, and no other before a message sent now."""
        sender = self.ann if client is self.bob else self.bob
        await sender.send(PRIVATE, client.user_id, "last")
        await eventually(lambda: "last" in client.contents(), "the last message")
        self.assertEqual(len(client.events), count)


if TYPE_CHECKING:
    MixedIn = AdministrationCase
else:
    MixedIn = object


class OneServerCases(MixedIn):
    """What holds on one server and on a cluster."""

    async def test_connections_of_all_nodes_are_listed_and_closed(self) -> None:
        other = await self.client(self.a, "bob")
        found = [await self.admin(node, "GET", "/users/bob/connections") for node in (self.a, self.b)]
        items = [one["items"] for one in found]
        self.assertEqual((len(items[0]), items[0]), (2, items[1]))
        self.assertLess(items[0][0]["since"], items[0][1]["since"])
        self.assertEqual(len({item["node"] for item in items[0]}), self.node_names)
        self.assertEqual(len((await self.admin(self.a, "DELETE", "/users/bob/connections"))["items"]), 2)
        for client in (self.bob, other):
            await eventually(lambda client=client: client.close_code == 3503, "the end")
        self.assertEqual(await self.admin(self.a, "GET", "/users/bob/connections"), {"items": []})
        self.assertIsNone(self.ann.close_code)

    async def test_connections_are_listed_traced_and_closed_at_any_node(self) -> None:
        await self.client(self.a)
        for node in (self.a, self.b):
            page = await self.admin(node, "GET", "/connections?sort=user")
            self.assertEqual([item["user_id"] for item in page["items"]], ["ann", "bob", ""])
            self.assertEqual((page["total"], page["nodes_missing"]), (3, 0))
            self.assertTrue(all(item["peer"].startswith("127.0.0.1:") for item in page["items"]))
        stream = await open_stream(self.a.http, "/v1/admin/users/bob/trace", KEY)
        self.addCleanup(stream.hang_up)
        await eventually(lambda: stream.of("connection"), "the connection of bob")
        await self.bob.send(PRIVATE, "ann", "secret")
        await self.ann.send(PRIVATE, "bob", "secret")
        await eventually(lambda: len(stream.of("packet")) == 3, "the packets of both messages")
        self.assertEqual(
            [(each["direction"], each["name"]) for each in stream.of("packet")],
            [("in", "send"), ("out", "send"), ("out", "push")],
        )
        await self.client(self.a, "bob")
        await eventually(lambda: len(stream.of("packet")) == 5, "the packets of the other login")
        self.assertNotIn("secret", repr(stream.events()))
        begun, opened = stream.of("connection")
        for key in (begun["key"], opened["key"]):
            self.assertEqual(await self.admin(self.b, "DELETE", f"/connections/{key}"), {"closed": True})
        await eventually(lambda: len(stream.of("connection")) == 4, "the ends")
        self.assertEqual({each["code"] for each in stream.of("connection")[2:]}, {3503})
        self.assertEqual(stream.events()[0][0], "begin")

    async def test_live_figures_are_those_of_all_nodes_through_any(self) -> None:
        await self.client(self.b, "ann")
        for node in (self.a, self.b):
            await until(lambda node=node: self.live_is(node, 3, self.users), "the figures")
        live = await self.admin(self.a, "GET", "/live?once=true")
        self.assertEqual(len({one["node"] for one in live["nodes"]}), self.node_names)
        bytes_in = [one["bytes_in"] for one in live["nodes"]]
        self.assertLessEqual(live["total"]["bytes_in"], max(bytes_in))  # of one network
        self.assertLess(live["total"]["cpu"], 2 * len(bytes_in))
        stream = await open_stream(self.a.http, "/v1/admin/live", KEY)
        self.addCleanup(stream.hang_up)
        await eventually(lambda: len(stream.of("sample")) == 2, "two samples")
        self.assertEqual(stream.events()[0][0], "history")
        (history,) = stream.of("history")
        self.assertEqual(history["second"][-1]["users"], self.users)

    async def live_is(self, node: Node, connections: int, users: int) -> bool:
        total = (await self.admin(node, "GET", "/live?once=true"))["total"]
        return (total["connections"], total["users"], total["ready"]) == (connections, users, True)

    async def test_a_ban_holds_at_every_node(self) -> None:
        token = await self.token(self.a, "bob")
        await self.admin(self.a, "PUT", "/users/bob/ban", seconds=60)
        await eventually(lambda: self.bob.close_code == 3503, "the end of the connection")
        for node in (self.a, self.b):
            client = await self.client(node)
            self.assertEqual((await client.attempt(101, id="bob")).code, 403)
            self.assertEqual((await node.request("GET", "/v1/sessions", token))[0], 403)
            self.assertEqual((await node.request("POST", "/v1/login", json={"id": "bob"}))[0], 403)
        await self.admin(self.b, "DELETE", "/users/bob/ban")
        self.assertEqual((await self.a.request("GET", "/v1/sessions", token))[0], 401)
        await (await self.client(self.a)).login("bob")

    async def test_an_owner_who_left_hears_nothing_of_the_heir(self) -> None:
        phone = await self.client(self.b, "ann")
        await self.share_room()
        await self.ann.ask(303, id="den")
        await eventually(lambda: types(self.bob) == ["appointed"], "the event")
        for client in (self.ann, phone):
            await self.becomes_deaf(client, 0)

    async def test_a_stranger_finds_nothing_of_a_chatroom_that_all_have_left(self) -> None:
        await self.ann.ask(301, id="den", name="Ours")
        await self.bob.ask(301, id="den")
        for client in (self.ann, self.bob):
            await client.send(CHATROOM, "den", "secret", request_id="r")
        for client in (self.ann, self.bob):
            await client.ask(303, id="den")
        eve = await self.client(self.b, "eve")
        await eve.ask(301, id="den")
        self.assertEqual((await eve.ask(203, session_id="1:den"))["items"], [])
        (line,) = (await eve.ask(205))["items"]
        self.assertEqual((line["title"], line["last"], line["unread"]), ("chatroom:den", None, 0))
        await self.ann.ask(301, id="den")
        await self.ann.send(CHATROOM, "den", "hello", request_id="r")
        await eventually(lambda: eve.contents() == ["hello"], "the push")

    async def test_roles_mutes_and_events_cross_nodes(self) -> None:
        await self.share_room()
        await self.ann.ask(307, id="den", name="New")
        await self.ann.ask(313, id="den", user_id="bob", seconds=60)
        self.assertEqual((await self.bob.attempt(201, type=1, target_id="den", content="x")).code, 403)
        await self.admin(self.b, "DELETE", "/chatrooms/den/members/bob/mute")
        await self.bob.send(CHATROOM, "den", "free")
        await eventually(lambda: self.ann.contents() == ["free"], "the push")
        sent = self.ann.items()[0]
        await self.ann.ask(211, session_id="1:den", message_id=sent["id"])
        await self.ann.ask(311, id="den", user_id="bob")
        expected = ["renamed", "muted", "muted", "recalled", "removed"]
        for client in (self.ann, self.bob):
            await eventually(lambda client=client: len(client.events) >= 5, "the events")
            self.assertEqual([event["type"] for event in client.events], expected)
        page = await self.ann.ask(203, session_id="1:den")
        self.assertEqual([(one["content"], one["status"]) for one in page["items"]], [("", 2)])
        await self.ann.send(CHATROOM, "den", "out")
        await self.becomes_deaf(self.bob, 5)
        self.assertNotIn("out", self.bob.contents())
        told = await self.ann.send(PRIVATE, "bob", "secret")
        await self.ann.ask(211, session_id="2:ann:bob", message_id=told["id"])
        for client in (self.ann, self.bob):
            await eventually(lambda client=client: len(client.events) == 6, "the event")
            self.assertEqual(client.events[-1]["message_id"], told["id"])

    async def test_any_node_lists_what_is_known_and_what_happens_at_all(self) -> None:
        await self.share_room()
        await self.admin(self.a, "PUT", "/chatrooms/hall", owner_id="bob")
        await self.token(self.a, "cat")
        sent = await self.ann.send(CHATROOM, "den", "hello")
        await eventually(lambda: self.bob.contents() == ["hello"], "the push")
        for node in (self.a, self.b):
            users = {user["id"]: user["online"] for user in await self.listed(node, "/users")}
            self.assertEqual(users, {"ann": True, "bob": True, "cat": False})
            online = await self.listed(node, "/users?online=true&prefix=a")
            self.assertEqual([user["id"] for user in online], ["ann"])
            rooms = {room["id"]: room for room in await self.listed(node, "/chatrooms")}
            den, hall = rooms["den"], rooms["hall"]
            self.assertEqual(len(rooms), 2)
            self.assertEqual((den["members"], den["connections"], den["is_kept"]), (2, 2, False))
            self.assertEqual((hall["owner_id"], hall["connections"], hall["messages"]), ("bob", 1, 0.0))
            self.assertGreater(den["messages"], 0.0)
            for sort in "connections", "messages":
                first = (await self.listed(node, f"/chatrooms?sort={sort}&count=1"))[0]
                self.assertEqual((first["id"], first["connections"]), ("den", 2))
            user = await self.admin(node, "GET", "/users/bob")
            self.assertEqual((user["online"], user["chatrooms"]), (True, ["den", "hall"]))
            self.assertEqual(len(user["connections"]), 1)
            lines = await self.listed(node, "/users/bob/sessions?type=1&count=1")
            self.assertEqual({line["id"]: line["unread"] for line in lines}, {"1:den": 1, "1:hall": 0})
            members = await self.listed(node, "/chatrooms/den/members")
            self.assertEqual(
                [(one["id"], one["role"]) for one in members], [("ann", "owner"), ("bob", "member")]
            )
            (message,) = (await self.admin(node, "GET", "/sessions/1:den/messages"))["items"]
            self.assertEqual(message["id"], sent["id"])
            options = await self.admin(node, "GET", "/options")
            self.assertEqual((options["storage"], options["workers"]), (self.storage, self.workers))

    async def listed(self, node: Node, path: str) -> list[Any]:
        """Return the items of all pages of a list, in which one may come twice."""
        page = await self.admin(node, "GET", path)
        items = page["items"]
        while page["cursor"]:
            more = "&" if "?" in path else "?"
            page = await self.admin(node, "GET", f"{path}{more}cursor={page['cursor']}")
            items += page["items"]
        return items

    async def test_a_chatroom_is_dismissed_for_members_of_all_nodes(self) -> None:
        await self.admin(self.a, "PUT", "/chatrooms/den", name="The den", owner_id="bob")
        await self.admin(self.b, "PUT", "/chatrooms/den/members/ann", role="admin")
        await self.admin(self.a, "POST", "/chatrooms/den/broadcasts", content="hello")
        for client in (self.ann, self.bob):
            await eventually(lambda client=client: client.contents() == ["hello"], "the push")
        await self.ann.ask(309, id="den")
        for client in (self.ann, self.bob):
            await eventually(lambda client=client: "dismissed" in types(client), "the event")
            self.assertEqual(types(client)[-1], "dismissed")
            self.assertEqual((await client.ask(205))["items"], [])
        self.assertEqual((await self.bob.attempt(203, session_id="1:den")).code, 404)


class TwoNodesTests(OneServerCases, AdministrationCase):
    """Two nodes on one server."""

    async def test_messages_and_broadcasts_reach_users_of_both_nodes_once(self) -> None:
        for node in (self.a, self.b):
            for content in "xy":
                await self.admin(node, "POST", "/broadcasts", content=content)
        for client in (self.ann, self.bob):
            await eventually(lambda client=client: len(client.events) >= 4, "the broadcasts")
            self.assertEqual([event["content"] for event in client.events], ["x", "y"] * 2)
        await self.admin(self.a, "POST", "/messages", type=2, target_id="bob", content="hello")
        await eventually(lambda: self.bob.contents() == ["hello"], "the message")
        self.assertEqual(self.bob.items()[0]["session_id"], "2:.:bob")
        for client in (self.ann, self.bob):
            await self.becomes_deaf(client, 4)

    async def test_statistics_are_those_of_each_node_and_of_all(self) -> None:
        await self.share_room()
        await self.client(self.b, "ann")
        for _ in range(3):
            await self.bob.send(PRIVATE, "ann", "hi")
        total = {"connections": 3, "users": 3, "chatrooms": 2, "messages": 3}
        await until(lambda: self.total_is(total), "the statistics")
        nodes = (await self.admin(self.a, "GET", "/statistics"))["nodes"]
        counts = sorted((one["connections"], one["messages"]) for one in nodes)
        self.assertEqual(counts, [(1, 0), (2, 3)])
        await self.b.stop()
        self.assertEqual(len((await self.admin(self.a, "GET", "/statistics"))["nodes"]), 1)

    async def total_is(self, total: dict[str, int]) -> bool:
        found = [await self.admin(node, "GET", "/statistics") for node in (self.a, self.b)]
        return [one["total"] for one in found] == [total] * 2

    async def test_too_many_broadcasts_are_refused_and_none_is_lost(self) -> None:
        for number in range(MAX_BROADCASTS):
            await self.admin(self.a, "POST", "/broadcasts", content=str(number))
        path = "/v1/admin/broadcasts"
        status, _ = await self.b.request("POST", path, json={"content": "more"}, key=KEY)
        self.assertEqual(status, 503)
        await eventually(lambda: len(self.bob.events) == MAX_BROADCASTS, "all broadcasts")
        contents = [event["content"] for event in self.bob.events]
        self.assertEqual(contents, [*map(str, range(MAX_BROADCASTS))])

    async def test_a_node_that_starts_hears_no_broadcast_of_before(self) -> None:
        await self.admin(self.a, "POST", "/broadcasts", content="old")
        options = ("--redis-url", self.server.url, *QUICK, "--redis-prefix", self.prefix)
        node = await self.ready(self.spawn_node(*options))
        cat = await self.client(node, "cat")
        await self.admin(self.a, "POST", "/broadcasts", content="new")
        await eventually(lambda: cat.events, "the broadcast")
        self.assertEqual([event["content"] for event in cat.events], ["new"])

    async def test_channels_stay_those_of_users_and_chatrooms(self) -> None:
        await self.share_room()
        await self.admin(self.a, "POST", "/broadcasts", content="x")
        await self.admin(self.a, "GET", "/users/bob/connections")
        await self.admin(self.a, "GET", "/statistics")
        channels = await subscribed(self.server, self.prefix)
        expected = {f"{self.prefix}:{{{name}}}" for name in ("u:ann", "u:bob", "s:1:den")}
        self.assertEqual(channels, expected)
        keys = await self.server.do("KEYS", "*answers*")
        for key in keys:
            self.assertGreater(await self.server.do("PTTL", key), 0)


class MeanwhileTests(NodesTestCase):
    """What is done while a node does not reach Redis."""

    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        server = await self.durable_redis()
        self.through = self.proxy(server)
        url = server.url.replace(str(server.port), str(self.through.port))
        self.a, self.b = await self.nodes(server.url, url, options=QUICK, GIM_ADMIN_KEY=KEY)
        self.bob = await self.client(self.b, "bob")

    async def meanwhile(self, method: str, path: str, **fields: Any) -> None:
        await self.through.refuse()
        self.through.cut()
        await self.b.becomes(503)
        await self.tell(method, path, **fields)
        self.through.allow()

    async def tell(self, method: str, path: str, **fields: Any) -> None:
        status, _ = await self.a.request(method, f"/v1/admin{path}", json=fields, key=KEY)
        self.assertEqual(status, 200)

    async def test_it_closes_the_connections_of_who_was_banned(self) -> None:
        await self.meanwhile("PUT", "/users/bob/ban", seconds=60)
        await eventually(lambda: self.bob.close_code == 3503, "the end of the connection")

    async def test_it_hears_a_broadcast_once(self) -> None:
        await self.meanwhile("POST", "/broadcasts", content="meanwhile")
        await self.b.becomes(200)
        await self.tell("POST", "/broadcasts", content="later")
        await eventually(lambda: len(self.bob.events) == 2, "both broadcasts")
        contents = [event["content"] for event in self.bob.events]
        self.assertEqual(contents, ["meanwhile", "later"])


class ClusterTests(OneServerCases, AdministrationCase):
    """Two nodes on a cluster."""

    async def url(self) -> str:
        return f"redis+cluster://127.0.0.1:{shared_cluster().port}"
