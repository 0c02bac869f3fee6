"""The Redis store on a cluster whose servers, names or files can't be reached for a while."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import DNSLookupError
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gim.concurrency.gather import gather
from gim.errors import Unavailable
from gim.storage.redis.client import cluster, protocol, topology
from gim.storage.redis.client.cluster import Cluster
from gim.storage.redis.client.connect import connect
from gim.storage.redis.client.handshake import Handshake
from gim.storage.redis.client.link import RECONNECT
from gim.storage.redis.client.topology import Slots, ask_for_slots
from gim.storage.redis.client.url import Address, read
from gim.storage.redis.store.store import RedisStore
from tests.support.redis.environment import until
from tests.support.redis.server import SKEW_MISSING, RedisTestCase
from tests.support.redis.settling import settled
from tests.support.redis.shared import shared_cluster
from tests.support.settings import redis_store
from tests.support.storage_behaviour.base import RecordingListener, enter, private, send

PATIENCE = 5.0  # seconds


class ClusterStoreCase(RedisTestCase):
    """Stores on a cluster of one server."""

    skip = RedisTestCase.skip or SKEW_MISSING

    def setUp(self) -> None:
        self.address = Address("127.0.0.1", shared_cluster().port)
        self.listener = RecordingListener()

    async def store(self, *more: str) -> RedisStore:
        """Start a store with the server's address and maybe more."""
        url = f"redis+cluster://{','.join([*more, str(self.address)])}"
        store = redis_store(connect(read(url), reactor), reactor, prefix=self.id())
        self.addCleanup(store.stop)
        started: Deferred[None] = Deferred.fromCoroutine(store.start(self.listener))
        await started.addTimeout(PATIENCE, reactor)
        return store


class ManyChannelsTests(ClusterStoreCase):
    async def test_more_channels_are_subscribed_to_again_than_commands_may_wait(self) -> None:
        users = [f"u{number}" for number in range(300)]
        store = await self.store()
        for start in range(0, len(users), 100):
            await gather(enter(store, user_id) for user_id in users[start : start + 100])
        self.patch(protocol, "MAX_WAITING", 250)
        self.patch(cluster, "MAX_SUBSCRIBING", 100)
        redis: Any = store._redis
        (link,) = redis._links.values()
        link.drop()

        async def hears_all() -> bool:
            return all(map(store._redis.hears, store.bases()))

        await until(hears_all, "all channels", PATIENCE)
        await until(lambda: _is_caught_up(store), "the end of the resync", PATIENCE)
        await send(store, private("ann", users[-1]))
        await settled(store)
        self.assertEqual([news.reader for news in self.listener.news[-1:]], users[-1:])

    async def test_a_subscription_that_is_given_up_on_its_way_is_ended(self) -> None:
        store = await self.store()
        subscribing = Deferred.fromCoroutine(enter(store, "bob"))
        subscribing.cancel()
        self.failureResultOf(subscribing, CancelledError)
        base = store._keys.user("bob")
        self.assertNotEqual(
            await store._redis.call(base, "PUBSUB", "SHARDNUMSUB", base), [base.encode(), 0]
        )
        await settled(store)
        self.assertEqual(await store._redis.call(base, "PUBSUB", "SHARDNUMSUB", base), [base.encode(), 0])
        self.assertEqual(await store._redis.call(base, "SMEMBERS", f"{base}:nodes"), [])


async def _is_caught_up(store: RedisStore) -> bool:
    return all(watch.held is None for watch in store._subscriptions)


class UnreachableTests(ClusterStoreCase):
    """A way to a server can't even be tried."""

    async def test_a_name_that_can_not_be_resolved_is_nothing_to_the_other_servers(self) -> None:
        way = topology.endpoint  # type: ignore[attr-defined]

        class Unknown:
            def connect(self, factory: Any) -> Any:
                raise DNSLookupError("no such host")

        def endpoint(reactor: Any, address: Address, tls: Any) -> Any:
            return Unknown() if address.host == "gone" else way(reactor, address, tls)

        self.patch(topology, "endpoint", endpoint)
        store = await self.store("gone:7000")
        redis: Any = store._redis
        self.assertTrue(redis._slots.is_whole)
        gone = read("redis+cluster://gone:7000")
        with self.assertRaisesRegex(Unavailable, "no such host"):
            await ask_for_slots(list(gone.addresses), gone, reactor)

    async def test_a_file_that_can_not_be_read_for_a_while_is_read_again(self) -> None:
        for module in (topology, cluster):
            self.patch(module, "endpoint", self.failing_once(module.endpoint))
        store = await self.store()
        await send(store, private("ann", "bob"))

    def failing_once(self, way: Any) -> Any:
        failures = [PermissionError("ca.pem")]

        def endpoint(*words: Any) -> Any:
            if failures:
                raise failures.pop()
            return way(*words)

        return endpoint


OLD, NEW = (Slots([(0, 16383, Address(host, 7000))]) for host in ("old", "new"))


class TopologyTests(SynchronousTestCase):
    """Who of several servers is believed."""

    def asked(self, *views: Any) -> Any:
        """Return what comes of servers that tell these views, or fail."""
        target = read("redis+cluster://" + ",".join(f"h{number}:1" for number in range(len(views))))
        told = dict(zip(target.addresses, views, strict=True))

        async def ask(address: Address, *_words: Any) -> Any:
            if isinstance(told[address], Exception):
                raise told[address]
            return told[address]

        self.patch(topology, "_ask", ask)
        return self.successResultOf(
            Deferred.fromCoroutine(ask_for_slots(list(target.addresses), target, None))
        )

    def test_a_server_that_sees_a_cluster_that_is_well_comes_before_one_that_does_not(self) -> None:
        self.assertIs(self.asked((False, 9, OLD), Unavailable("away"), (True, 2, NEW)), NEW)
        self.assertIs(self.asked((True, 2, NEW), (False, 9, OLD)), NEW)

    def test_without_one_the_highest_epoch_counts(self) -> None:
        self.assertIs(self.asked((False, 2, OLD), (False, 3, NEW), (False, 1, OLD)), NEW)

    def test_state_and_epoch_are_read_from_the_words_of_a_server(self) -> None:
        for state, epoch in (("ok", 7), ("fail", 12)):
            info = f"cluster_state:{state}\r\ncluster_slots_ok:5\r\ncluster_current_epoch:{epoch}\r\n"
            self.assertEqual(topology._view(info, NEW), (state == "ok", epoch, NEW))


class _ScannedLink:
    """A master with its keys, of which a command shows two. A cursor is the number of the first one."""

    is_up = True

    def __init__(self, *keys: bytes) -> None:
        self.keys = keys

    async def scan(self, cursor: str, pattern: str, count: int) -> tuple[list[bytes], str]:
        begin = int(cursor)
        following = begin + 2
        found = list(self.keys[begin:following])
        return found, str(following) if following < len(self.keys) else "0"


class ScanTests(SynchronousTestCase):
    """Scanning visits one master after the other."""

    def setUp(self) -> None:
        target, subscriber = read("redis+cluster://a:1"), cast(Any, self)
        self.cluster = Cluster(target, Handshake(target, "gim"), subscriber, Clock())
        links: Any = {
            Address("b", 2): _ScannedLink(b"b1", b"b2"),
            Address("a", 1): _ScannedLink(b"a1", b"a2", b"a3"),
            Address("c", 3): _ScannedLink(),
        }
        self.cluster._links = links
        self.cluster._slots = Slots([(0, 16_383, Address("a", 1))])

    def scan(self, cursor: str) -> tuple[list[bytes], str]:
        return self.successResultOf(Deferred.fromCoroutine(self.cluster.scan(cursor, "*", 2)))

    def test_all_keys_come_and_the_last_cursor_is_empty(self) -> None:
        found, cursors = list[bytes](), [""]
        while cursors[-1] or not found:
            keys, cursor = self.scan(cursors[-1])
            found += keys
            cursors.append(cursor)
        self.assertEqual(found, [b"a1", b"a2", b"a3", b"b1", b"b2"])
        self.assertEqual(cursors, ["", "a:1/2", "b:2/0", "c:3/0", ""])

    def test_in_the_place_of_a_master_that_is_gone_the_next_one_is_scanned_from_its_begin(self) -> None:
        self.assertEqual(self.scan("aa:7/9"), ([b"b1", b"b2"], "c:3/0"))
        self.assertEqual(self.scan("d:4/9"), ([], ""))

    def test_while_a_slot_does_not_have_a_master_nothing_is_scanned(self) -> None:
        self.cluster._slots = Slots([])
        failed = Deferred.fromCoroutine(self.cluster.scan("", "*", 2))
        self.failureResultOf(failed, Unavailable)

    def test_what_is_not_a_cursor_is_refused(self) -> None:
        failed = Deferred.fromCoroutine(self.cluster.scan("17", "*", 2))
        self.failureResultOf(failed, ValueError)


class ReadTopologyTests(SynchronousTestCase):
    """When the topology is read."""

    cancelled: Exception = CancelledError()  # what a read ends with that is cancelled

    def setUp(self) -> None:
        self.reads: list[Deferred[Any]] = []
        self.patch(cluster, "ask_for_slots", self.ask)
        self.clock, target = Clock(), read("redis+cluster://old:7000")
        subscriber: Any = self
        self.cluster = Cluster(target, Handshake(target, "gim"), subscriber, self.clock)
        self.patch(cluster, "Link", self.link)
        self.cluster.start()
        self.addCleanup(self.cluster.stop)

    async def ask(self, *_words: Any) -> Any:
        self.reads.append(Deferred(lambda read: read.errback(self.cancelled)))
        return await self.reads[-1]

    # what stands for a link

    is_up = True
    connection = None

    def link(self, *_words: Any) -> Any:
        return self

    def startService(self) -> None:
        """Take no notice."""

    stopService = startService

    def test_a_read_that_is_asked_for_during_another_one_follows_it_at_once(self) -> None:
        self.cluster._read_topology_soon()
        self.reads[0].callback(OLD)
        self.clock.advance(RECONNECT.shortest)
        self.assertEqual(len(self.reads), 2)
        self.reads[1].callback(NEW)
        self.clock.advance(cluster.TOPOLOGY_INTERVAL - 0.1)
        self.assertEqual(len(self.reads), 2)
        self.clock.advance(0.1)
        self.assertEqual(len(self.reads), 3)

    def test_no_failure_ends_the_reading(self) -> None:
        for number, error in enumerate((DNSLookupError(), Unavailable("away"), ValueError("a bug")), 1):
            self.reads[-1].errback(error)
            self.clock.advance(1.0)
            self.assertEqual(len(self.reads), number + 1)

    def test_a_read_that_fails_because_of_the_stop_is_the_last(self) -> None:
        self.cancelled = Unavailable("the connection was ended")
        self.cluster.stop()
        self.assertEqual((self.clock.getDelayedCalls(), len(self.reads)), ([], 1))
