"""Lists of connections: their orders and filters, and what one connection shows."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol

from gim.gateway.outbound import OutboundQueue
from gim.inspection import connections, tcp_info
from gim.inspection.connections import ConnectionsOf, NodeConnectionList
from gim.inspection.tcp_info import TcpInfo
from tests.unit.api.test_admin import AdminCase


class ListCase(AdminCase):
    def listed(self, **query: Any) -> Any:
        return self.admin("GET", f"/connections?{urlencode(query)}")

    def users(self, **query: Any) -> list[str]:
        """Return the users of a list, which is not one that was repeated."""
        self.clock.advance(connections.CACHE_TIME + 0.1)
        return [item["user_id"] for item in self.listed(**query)["items"]]

    def infos(self, by_user: dict[str, TcpInfo]) -> None:
        """Let the kernel tell these of connections of users, and nothing of others."""

        def read(transport: Any) -> TcpInfo:
            (connection,) = [each for each in self.gateway.connections if each.transport is transport]
            user = connection.login.user.id if connection.login is not None else ""
            return by_user.get(user, tcp_info.UNKNOWN)

        self.patch(tcp_info, "read", read)

    def unsent(self, by_user: dict[str, int]) -> None:
        """Let so many bytes wait for connections of users, and none for others."""
        sizes = {
            each.outbound.key: by_user.get(each.login.user.id, 0)
            for each in self.gateway.connections
            if each.login is not None
        }
        self.patch(OutboundQueue, "unsent", property(lambda queue: sizes.get(queue.key, 0)))


class ListTests(ListCase):
    def test_a_connection_shows_who_and_how(self) -> None:
        self.user("ann")
        self.infos({"ann": TcpInfo(10, 20, 30, 0.5, 1)})
        page = self.listed()
        (item,) = page["items"]
        key = item.pop("key")
        self.assertRegex(key, "^[0-9a-f]{8}-1$")
        self.assertEqual(
            item,
            {
                "node": self.admin("GET", "/users/ann/connections")["items"][0]["node"],
                "user_id": "ann",
                "peer": "unix",
                "codec": "json",
                "since": self.wall.now_ms(),
                "tls": False,
                "unsent": 0,
                "in_bytes": 10,
                "out_bytes": 20,
                "idle_ms": 30,
                "rtt_ms": 0.5,
                "retransmits": 1,
            },
        )
        self.assertEqual((page["total"], page["nodes_missing"]), (1, 0))

    def test_what_is_not_known_is_null(self) -> None:
        self.connect()
        (item,) = self.listed()["items"]
        self.assertEqual((item["user_id"], item["since"]), ("", None))
        for name in ("in_bytes", "out_bytes", "idle_ms", "rtt_ms", "retransmits"):
            self.assertIsNone(item[name])

    def test_each_order_has_its_first_ones_first(self) -> None:
        for name in ("cid", "ann", "bob"):
            self.user(name)
            self.clock.advance(1.0)
        self.connect()
        self.infos(
            {
                "ann": TcpInfo(in_bytes=5, out_bytes=1, idle_ms=10),
                "bob": TcpInfo(in_bytes=1, out_bytes=9, idle_ms=7),
            }
        )
        self.unsent({"bob": 700, "cid": 900})
        self.assertEqual(self.users()[:2], ["cid", "bob"])
        self.assertEqual(self.users(sort="bytes")[:2], ["bob", "ann"])
        self.assertEqual(self.users(sort="idle")[:2], ["ann", "bob"])
        self.assertEqual(self.users(sort="age"), ["", "bob", "ann", "cid"])
        self.assertEqual(self.users(sort="user"), ["ann", "bob", "cid", ""])

    def test_a_list_may_be_shorter_than_all_that_match(self) -> None:
        for name in ("ann", "ann", "bob"):
            self.user(name)
        page = self.listed(sort="user", count=2)
        self.assertEqual([item["user_id"] for item in page["items"]], ["ann", "ann"])
        self.assertEqual(page["total"], 3)
        self.assertEqual(self.listed(user="bob")["total"], 1)
        self.assertEqual(self.listed(user="none"), {"items": [], "total": 0, "nodes_missing": 0})
        self.assertEqual(self.listed(address="uni")["total"], 3)
        self.assertEqual(self.listed(address="10.")["total"], 0)

    def test_a_query_is_checked(self) -> None:
        for query in ("sort=size", "count=0", "count=501", "user=a:b", f"address={'1' * 65}"):
            self.assertEqual(self.refused("GET", f"/connections?{query}"), 400)

    def test_the_same_answer_is_given_for_a_second(self) -> None:
        self.user("ann")
        self.assertEqual(self.listed()["total"], 1)
        self.user("bob")
        self.assertEqual(self.listed()["total"], 1)
        self.assertEqual(self.listed(count=5)["total"], 2)
        self.clock.advance(connections.CACHE_TIME + 0.1)
        self.assertEqual(self.listed()["total"], 2)

    def test_all_that_ask_at_once_get_one_answer(self) -> None:
        self.patch(connections, "CONNECTIONS_PER_SLICE", 2)
        for _ in range(5):
            self.user("ann")
        there = NodeConnectionList(self.gateway, "node", self.clock)
        question = ConnectionsOf("unsent", 100, "", "")
        asked = [Deferred.fromCoroutine(there.first(question)) for _ in range(2)]
        self.pump()
        first, second = [self.successResultOf(each) for each in asked]
        self.assertIs(first, second)

    def test_an_answer_that_is_not_asked_for_again_takes_no_memory(self) -> None:
        there = NodeConnectionList(self.gateway, "node", self.clock)
        for count in (1, 2):
            Deferred.fromCoroutine(there.first(ConnectionsOf("unsent", count, "", "")))
            self.assertEqual(len(there._answers), 1)
            self.clock.advance(connections.FORGET_TIME)

    def test_between_slices_the_reactor_goes_on(self) -> None:
        self.patch(connections, "CONNECTIONS_PER_SLICE", 2)
        for _ in range(5):
            self.user("ann")
        there = NodeConnectionList(self.gateway, "node", self.clock)
        answer = Deferred.fromCoroutine(there.first(ConnectionsOf("unsent", 100, "", "")))
        self.assertNoResult(answer)
        (gone,) = [each for each in self.gateway.connections if each.outbound.key.endswith("-1")]
        gone.transport.loseConnection()
        while self.pumps[0].pump():  # without the clock
            pass
        self.assertNoResult(answer)
        self.pump()
        found = self.successResultOf(answer)
        self.assertEqual(len(found.items), 4)


class CloseTests(ListCase):
    def test_one_is_closed_whether_logged_in_or_not(self) -> None:
        ann, stranger = self.user("ann"), self.connect()
        first, second = sorted(item["key"] for item in self.listed()["items"])
        for key, client in ((first, ann), (second, stranger)):
            self.assertEqual(self.admin("DELETE", f"/connections/{key}"), {"closed": True})
            self.assertEqual(client.closed, (3503, "disconnected by an administrator"))
            self.assertEqual(self.refused("DELETE", f"/connections/{key}"), 404)

    def test_one_whose_handshake_is_not_complete_is_dropped(self) -> None:
        server = self.attach(Protocol())
        key = server.outbound.key
        self.assertEqual(self.admin("DELETE", f"/connections/{key}"), {"closed": True})
        self.assertEqual(self.gateway.connections, set())

    def test_an_unknown_key_is_not_found(self) -> None:
        self.user("ann")
        key = self.listed()["items"][0]["key"]
        for unknown in ("x", f"{key}0", key.split("-")[0]):
            self.assertEqual(self.refused("DELETE", f"/connections/{unknown}"), 404)


class KeyTests(ListCase):
    def test_only_the_administrator_may_ask(self) -> None:
        for method, path in (
            ("GET", "/connections"),
            ("DELETE", "/connections/k-1"),
            ("GET", "/users/ann/trace"),
        ):
            self.assertEqual(self.shown(method, path, "wrong").status, 401)
