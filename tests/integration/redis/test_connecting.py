"""The Redis store over every way to one server that a URL can name."""

from __future__ import annotations

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from gim.errors import Unavailable
from gim.storage.announcements import MessageStored
from gim.storage.redis.client.connect import connect
from gim.storage.redis.client.url import read
from gim.storage.redis.store.store import RedisStore
from tests.support.redis.environment import HOST, PATIENCE, until, write_certificate
from tests.support.redis.server import RedisTestCase
from tests.support.redis.settling import settled
from tests.support.settings import redis_store
from tests.support.storage_behaviour.base import AB, RecordingListener, enter, private, send

SECRET = "p/a:s@s?"


class WayTests(RedisTestCase):
    """A message goes in, comes back, and is announced."""

    async def serves(self, url: str) -> RedisStore:
        store = redis_store(connect(read(url), reactor), reactor)
        listener = RecordingListener()
        started: Deferred[None] = Deferred.fromCoroutine(store.start(listener))
        self.addCleanup(lambda: Deferred.fromCoroutine(store.stop()))
        await started.addTimeout(PATIENCE, reactor)
        await enter(store, "bob")
        await send(store, private("ann", "bob", "hello"))
        page, _ = await store.messages.history(AB, "ann", None, 10)
        await settled(store)
        stored = [news for news in listener.news if isinstance(news, MessageStored)]
        self.assertEqual([message.content for message in page], ["hello"])
        self.assertEqual([news.message for news in stored], page)
        return store

    async def test_a_password_and_a_database(self) -> None:
        server = await self.redis(password=SECRET)
        await self.serves(server.url.removesuffix("/0") + "/3")
        self.assertEqual((await server.info("keyspace")).keys(), {"db3"})

    async def test_a_user_on_a_unix_socket(self) -> None:
        server = await self.redis(unix=True, user="gim", password=SECRET)
        await self.serves(server.url)

    async def test_tls_with_a_user(self) -> None:
        server = await self.redis(tls=True, user="gim", password=SECRET)
        await self.serves(f"{server.url}?ssl_ca_certs={server.ca_file}")

    async def test_tls_with_a_certificate_of_ones_own(self) -> None:
        server = await self.redis(tls=True)
        await server.do("CONFIG", "SET", "tls-auth-clients", "yes")
        key = server.directory.child("key.pem").path
        files = f"ssl_ca_certs={server.ca_file}&ssl_certfile={server.ca_file}&ssl_keyfile={key}"
        await self.serves(f"{server.url}?{files}")

    async def test_renewed_certificates_are_read_at_the_next_connecting(self) -> None:
        server = await self.redis(tls=True)
        store = await self.serves(f"{server.url}?ssl_ca_certs={server.ca_file}")
        write_certificate(server.directory)
        await server.restart()

        async def answered() -> bool:
            try:
                await store.ping()
            except Unavailable:
                return False
            return True

        await until(answered, "Redis with its new certificate")

    async def test_tls_that_is_not_verified(self) -> None:
        server = await self.redis(tls=True)
        await self.serves(f"{server.url}?ssl_cert_reqs=none")

    async def test_a_name_instead_of_an_address(self) -> None:
        server = await self.redis()
        await self.serves(server.url.replace(HOST, "localhost"))
