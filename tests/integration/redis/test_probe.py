"""The check of Redis before the start, with real servers, and stand-ins for answers that none gives."""

from __future__ import annotations

import socket
from typing import Any

from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from hiredis import Reader
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.python.filepath import FilePath

from gim.storage.redis.client.url import read
from gim.storage.redis.probe.connection import ANSWER_TIMEOUT, NotYet
from gim.storage.redis.probe.probe import Probe, Unusable
from tests.support.redis.environment import HOST, until, write_certificate
from tests.support.redis.server import OLD_MISSING, OLD_SERVER, SKEW_MISSING, RedisServer
from tests.support.redis.setups import NAME, NEW_MASTER_DELAY, Node, SetupTestCase

PASSWORD = "pa55-w0rd"
AT_ONCE = 10.0  # seconds that a refusal may take on a busy machine
LONG = 2 * AT_ONCE  # a patience that such a refusal does not use up
SHORT = 0.1  # a patience that is used up soon
PAUSE = 0.02  # seconds between two attempts
SOON = 0.2  # seconds that a server has for its answer where none comes


def bulk(text: str) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(text), text.encode())


class StandIn(Protocol):
    """Says to each command what its factory has for the first word of it."""

    transport: Any
    factory: Any

    def connectionMade(self) -> None:
        self._reader = Reader()
        self.lost: Deferred[None] = Deferred()
        self.factory.connections.append(self)

    def dataReceived(self, data: bytes) -> None:
        if isinstance(self.factory.says, bytes):
            self.transport.write(self.factory.says)
            self.transport.loseConnection()
            return
        self._reader.feed(data)
        while words := self._reader.gets():
            self.transport.write(self.factory.says.get(words[0], b"+OK\r\n"))

    def connectionLost(self, reason: Any = None) -> None:
        self.lost.callback(None)


class ProbeCase(SetupTestCase):
    answer_timeout = ANSWER_TIMEOUT

    async def usable(self, url: str, patience: float = 0.0) -> None:
        await deferToThread(Probe(read(url), patience, PAUSE, self.answer_timeout).run)

    async def refusal(self, url: str, patience: float) -> Unusable:
        """Return why *url* can't be used: one line, without the password."""
        try:
            await self.usable(url, patience)
        except Unusable as unusable:
            self.assertTrue(str(unusable).isprintable())
            self.assertNotIn(PASSWORD, str(unusable))
            return unusable
        raise self.failureException(f"{url} is usable")

    async def assert_refused(self, url: str, *parts: str) -> None:
        """Check that it ends at once with a line that holds all *parts*."""
        begin = reactor.seconds()
        unusable = await self.refusal(url, LONG)
        self.assertLess(reactor.seconds() - begin, AT_ONCE)
        for part in parts:
            self.assertIn(part, str(unusable))

    async def assert_tried_again(self, url: str, *parts: str) -> None:
        """Check that it asks until the patience has gone by, then says a line that holds all *parts*."""
        begin = reactor.seconds()
        unusable = await self.refusal(url, SHORT)
        self.assertGreaterEqual(reactor.seconds() - begin, SHORT)
        self.assertIsInstance(unusable, NotYet)
        for part in parts:
            self.assertIn(part, str(unusable))

    async def stand_in(self, says: bytes | dict[bytes, bytes]) -> int:
        """Listen and answer; return the port."""
        factory: Any = Factory.forProtocol(StandIn)
        factory.noisy, factory.says, factory.connections = False, says, []
        port = reactor.listenTCP(0, factory, interface=HOST)
        self.addCleanup(self._end, factory)
        self.addCleanup(port.stopListening)
        host: Any = port.getHost()
        return int(host.port)

    def _end(self, factory: Any) -> Deferred[Any]:
        for connection in factory.connections:
            connection.transport.abortConnection()
        return gatherResults([connection.lost for connection in factory.connections])

    async def node(self, **options: Any) -> Node:
        node = Node(FilePath(self.mktemp()), **options)
        self.addCleanup(node.stop)
        await node.start()
        return node

    def unstarted(self) -> RedisServer:
        server = RedisServer(FilePath(self.mktemp()))
        self.addCleanup(server.stop)
        return server


class ReachTests(ProbeCase):
    """Servers that are there, late, or not at all."""

    async def test_a_server_can_be_used(self) -> None:
        server = await self.redis()
        await self.usable(server.url)
        await self.usable(f"redis://{HOST}:{server.port}/15")

    async def test_a_unix_socket_can_be_used(self) -> None:
        server = await self.redis(unix=True, password=PASSWORD)
        await self.usable(server.url.replace("db=0", "db=3"))
        await server.stop()
        await self.assert_tried_again(
            server.url, f"unix://{server.socket_path}?db=0: No such file", "start it"
        )

    async def test_a_server_that_starts_late_is_waited_for(self) -> None:
        server = self.unstarted()
        probed = Deferred.fromCoroutine(self.usable(server.url, LONG))
        await deferLater(reactor, 5 * PAUSE)
        self.assertFalse(probed.called)
        await server.start()
        await probed

    async def test_a_server_that_does_not_start_is_given_up(self) -> None:
        url = self.unstarted().url
        await self.assert_tried_again(
            url, f"can't reach Redis at {url}: Connection refused: start it or correct"
        )

    async def test_a_server_that_is_frozen_is_given_up(self) -> None:
        server = await self.redis(password=PASSWORD)
        server.freeze()
        self.answer_timeout = SOON
        await self.assert_tried_again(
            server.url, f"no answer within {SOON} s: start it or correct --redis-url"
        )

    async def test_a_server_that_hangs_up_is_given_up(self) -> None:
        port = await self.stand_in(b"")
        await self.assert_tried_again(
            f"redis://{HOST}:{port}", "can't reach", "losed by server: start it"
        )

    async def test_a_server_that_is_full_is_given_up(self) -> None:
        server = await self.redis()
        async with server.connected() as connection:
            await connection.call("CONFIG", "SET", "maxclients", "1")
            await self.assert_tried_again(server.url, "max number of clients reached")

    async def test_a_server_that_loads_its_data_is_waited_for(self) -> None:
        slowly = ("--key-load-delay", "1000", "--loading-process-events-interval-bytes", "1024")
        server = await self.redis(*slowly)
        await server.do("EVAL", "for n = 1, 2000 do redis.call('SET', n, 'some text') end", 0)
        await server.do("SAVE")
        restarted = Deferred.fromCoroutine(server.restart())
        await until(lambda: self._loads(server), "a server that loads")
        await self.assert_tried_again(server.url, "is still loading its data")
        await server.do("CONFIG", "SET", "key-load-delay", "0")
        await self.usable(server.url, LONG)
        await restarted

    async def _loads(self, server: RedisServer) -> bool:
        return (await server.info("persistence"))["loading"] == "1"

    async def test_a_name_that_does_not_resolve_is_refused(self) -> None:
        def resolve(*_: object) -> None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        self.patch(socket, "getaddrinfo", resolve)
        await self.assert_refused(
            "redis://nosuch", "redis://nosuch:6379/0: Name or service not known", "correct"
        )


class AccessTests(ProbeCase):
    """Users, passwords and databases."""

    async def test_a_password_or_a_user_gives_access(self) -> None:
        for options in ({"password": PASSWORD}, {"password": "p@ss w/%:", "user": "ann"}):
            await self.usable((await self.redis(**options)).url)

    async def test_a_wrong_password_is_refused(self) -> None:
        place = f"@{HOST}:{(await self.redis(password='other')).port}"
        await self.assert_refused(
            f"redis://:{PASSWORD}{place}", "'default' with this password", "correct"
        )
        await self.assert_refused(f"redis://ann:{PASSWORD}{place}", "'ann' with this password", "correct")

    async def test_a_missing_password_is_refused(self) -> None:
        server = await self.redis(password=PASSWORD)
        await self.assert_refused(
            f"redis://{HOST}:{server.port}", "requires a password", "user:password@"
        )

    async def test_a_password_where_there_is_none_is_refused(self) -> None:
        server = await self.redis()
        await self.assert_refused(
            f"redis://:{PASSWORD}@{HOST}:{server.port}", "has no password", "leave out"
        )

    async def test_a_user_who_may_do_too_little_is_refused(self) -> None:
        server = await self.redis()
        url = f"redis://ann:{PASSWORD}@{HOST}:{server.port}"
        for allowed, missing in (("+ping", "info"), ("+info", "time"), ("+time", "eval")):
            await server.do("ACL", "SETUSER", "ann", "on", f">{PASSWORD}", allowed)
            await self.assert_refused(
                url, "does not let user 'ann' do this", f"'{missing}' command", "ACL SETUSER"
            )
        await server.do("ACL", "SETUSER", "ann", "+eval")
        await self.usable(url)
        await self.assert_refused(f"{url}/1", "'select' command")

    async def test_a_server_without_a_command_that_gim_needs_is_refused(self) -> None:
        server = await self.redis("--rename-command", "HELLO", "", password=PASSWORD)
        await self.assert_refused(server.url, "refuses HELLO: unknown command")

    async def test_a_database_that_does_not_exist_is_refused(self) -> None:
        server = await self.redis("--databases", "2")
        await self.usable(f"redis://{HOST}:{server.port}/1")
        await self.assert_refused(f"redis://{HOST}:{server.port}/2", "no database 2", "smaller")

    async def test_what_a_server_says_to_a_login_is_not_repeated(self) -> None:
        port = await self.stand_in(
            {b"AUTH": b"-ERR unknown command 'AUTH', with args '%b'\r\n" % PASSWORD.encode()}
        )
        await self.assert_refused(f"redis://:{PASSWORD}@{HOST}:{port}", "refuses the login")


class TlsTests(ProbeCase):
    """Certificates, and TLS on one side only."""

    async def test_a_certificate_is_verified(self) -> None:
        server = await self.redis(tls=True, password=PASSWORD)
        await self.usable(f"{server.url}?ssl_ca_certs={server.ca_file}")
        await self.assert_refused(server.url, "can't verify", "self-signed certificate", "ssl_ca_certs")

    async def test_a_certificate_for_another_host_is_refused(self) -> None:
        server = await self.redis(tls=True)
        place = f"127.0.0.2:{server.port}?ssl_ca_certs={server.ca_file}"
        await server.do("CONFIG", "SET", "bind", f"{HOST} 127.0.0.2")
        await self.assert_refused(f"rediss://{place}", "IP address mismatch")

    async def test_it_is_not_verified_on_demand(self) -> None:
        server = await self.redis(tls=True)
        await self.usable(f"{server.url}?ssl_cert_reqs=none")

    async def test_a_server_may_want_a_certificate(self) -> None:
        server = await self.redis(tls=True)
        await server.do("CONFIG", "SET", "tls-auth-clients", "yes")
        ca = f"ssl_ca_certs={server.ca_file}"
        key = server.directory.child("key.pem").path
        await self.usable(f"{server.url}?{ca}&ssl_certfile={server.ca_file}&ssl_keyfile={key}")
        self.assertIn(
            "name a certificate with ssl_certfile", str(await self.refusal(f"{server.url}?{ca}", 0.0))
        )

    async def test_tls_with_a_server_without_it_is_refused(self) -> None:
        server = await self.redis(password=PASSWORD)
        self.answer_timeout = SOON
        await self.assert_refused(
            server.url.replace("redis:", "rediss:"), "does not speak TLS: write redis"
        )

    async def test_no_tls_with_a_server_with_it_is_refused(self) -> None:
        server = await self.redis(tls=True, password=PASSWORD)
        await self.assert_refused(server.url.replace("rediss:", "redis:"), "speaks TLS: write rediss")

    async def test_tls_with_something_else_is_refused(self) -> None:
        port = await self.stand_in(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await self.assert_refused(f"rediss://{HOST}:{port}", "TLS fails, WRONG_VERSION_NUMBER")

    async def test_files_that_are_none_are_refused(self) -> None:
        empty = FilePath(self.mktemp())
        empty.setContent(b"")
        url, cert = f"rediss://{HOST}:1", f"ssl_certfile={empty.path}"
        await self.assert_refused(
            f"{url}?ssl_ca_certs=/no/such", "ssl_ca_certs '/no/such'", "No such file"
        )
        await self.assert_refused(f"{url}?ssl_certfile=/dev", "ssl_certfile '/dev'", "Is a directory")
        await self.assert_refused(f"{url}?{cert}&ssl_keyfile=/no/such", "ssl_keyfile '/no/such'")
        await self.assert_refused(f"{url}?{cert}", f"ssl_certfile '{empty.path}'", "PEM")
        await self.assert_refused(f"{url}?ssl_ca_certs={empty.path}", "ssl_ca_certs", "PEM")

    async def test_a_key_with_a_passphrase_is_refused(self) -> None:
        directory = FilePath(self.mktemp())
        directory.makedirs()
        write_certificate(directory)
        key = directory.child("key.pem")
        plain = load_pem_private_key(key.getContent(), None)
        locked = BestAvailableEncryption(PASSWORD.encode())
        key.setContent(plain.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))
        files = f"ssl_certfile={directory.child('ca.pem').path}&ssl_keyfile={key.path}"
        await self.assert_refused(f"rediss://{HOST}:1?{files}", "ssl_certfile", "without a passphrase")


class KindTests(ProbeCase):
    """Servers that are not what the URL says."""

    async def test_what_is_no_redis_is_refused(self) -> None:
        port = await self.stand_in(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await self.assert_refused(
            f"redis://:{PASSWORD}@{HOST}:{port}", "does not speak the Redis protocol", "correct"
        )

    async def test_what_refuses_a_command_is_quoted_in_one_line(self) -> None:
        port = await self.stand_in({b"INFO": b"-DENIED protected\x1b mode " + b"!" * 999 + b"\r\n"})
        await self.assert_refused(
            f"redis://{HOST}:{port}", "refuses INFO: DENIED protected  mode !!!", "..."
        )

    async def test_a_server_before_7_0_is_refused(self) -> None:
        server = await self.redis(binary=OLD_SERVER)
        await self.assert_refused(server.url, "has version 6.2.5: gim needs 7.0 or newer")

    test_a_server_before_7_0_is_refused.skip = OLD_MISSING  # type: ignore[attr-defined]

    async def test_versions_are_compared_as_numbers(self) -> None:
        for version in ("7.0", "7.2.4", "10.0.1"):
            await self.usable(f"redis://{HOST}:{await self.told(f'redis_version:{version}')}")
        for version in ("6.10.0", "unstable", ""):
            await self.assert_refused(
                f"redis://{HOST}:{await self.told(f'redis_version:{version}')}", "7.0"
            )
        await self.assert_refused(f"redis://{HOST}:{await self.told('other:1')}", "version unknown")

    async def test_valkey_can_be_used(self) -> None:
        told = ("redis_version:7.2.4", "server_name:valkey", "valkey_version:8.1.0")
        port = await self.told(*told, "server_mode:standalone")
        await self.usable(f"redis://{HOST}:{port}")
        port = await self.told(*told, "server_mode:cluster")
        await self.assert_refused(f"redis://{HOST}:{port}", "is a node of a cluster")

    async def told(self, *lines: str) -> int:
        """Listen and say these lines to INFO; return the port."""
        info = "\r\n".join(("# Server", *lines, "", "# Replication", "role:master", ""))
        return await self.stand_in({b"INFO": bulk(info)})

    async def test_a_replica_is_refused(self) -> None:
        master = await self.redis()
        replica = await self.redis("--replicaof", f"{HOST} {master.port}")
        await self.assert_refused(replica.url, "is a replica: write the address of its master")

    async def test_a_node_of_a_cluster_is_no_single_server(self) -> None:
        node = await self.node()
        await self.assert_refused(node.url, "is a node of a cluster: write redis+cluster://")

    async def test_a_single_server_is_no_cluster_and_no_sentinel(self) -> None:
        place = f"{HOST}:{(await self.redis()).port}"
        await self.assert_refused(f"redis+cluster://{place}", "is a single server: write redis://")
        await self.assert_refused(f"redis+sentinel://{place}/main", "is a single server: write redis://")


class SentinelTests(ProbeCase):
    """Masters that sentinels know."""

    async def test_the_master_of_the_first_sentinel_that_answers_can_be_used(self) -> None:
        setup = await self.sentinels(replicas=0, sentinels=1)
        await self.usable(f"{setup.url}/3")
        gone = f"{HOST}:{self.unstarted().port}"
        await self.usable(setup.url.replace("://", f"://{gone},"))

    async def test_what_the_sentinels_or_the_master_refuse_is_said(self) -> None:
        setup = await self.sentinels(replicas=0, sentinels=1)
        sentinel, master = setup.sentinels[0], setup.master
        await self.assert_refused(
            f"redis://{HOST}:{sentinel.port}", "is a sentinel: write redis+sentinel://"
        )
        await self.assert_refused(f"{setup.url}x", f"does not know a master '{NAME}x': correct the name")
        await self.assert_refused(f"{setup.url}/99", f"master {HOST}:{master.port} of", "no database 99")
        secret = f"sentinel_password={PASSWORD}"
        await self.assert_refused(
            f"{setup.url}?{secret}", "sentinel", "has no password", "sentinel_password="
        )
        await sentinel.do("ACL", "SETUSER", "default", "resetpass", f">{PASSWORD}")
        sentinel.password = PASSWORD
        await self.assert_refused(
            setup.url, "requires a password: write sentinel_user= and sentinel_password="
        )
        await self.usable(f"{setup.url}?{secret}")
        await self.usable(f"{setup.url}?sentinel_user=default&{secret}")
        await self.assert_refused(
            setup.url.replace("://", f"://:{PASSWORD}@") + f"?{secret}", "master", "no password"
        )

    async def test_a_master_that_is_down_or_a_replica_is_waited_for(self) -> None:
        replica = await self.redis("--replicaof", f"{HOST} {self.unstarted().port}")
        names = await self.naming(replica.port)
        await self.assert_tried_again(names, f"master {HOST}:{replica.port} of", "is a replica: wait")
        probed = Deferred.fromCoroutine(self.usable(names, LONG))
        await replica.do("REPLICAOF", "NO", "ONE")
        await probed
        await replica.stop()
        await self.assert_tried_again(names, f"can't reach master {HOST}:{replica.port} of", "refused")

    async def naming(self, port: int) -> str:
        """Return the URL of a sentinel that names the master with that port."""
        info = bulk("redis_version:7.0.15\r\nredis_mode:sentinel\r\n")
        name = b"*2\r\n" + bulk(HOST) + bulk(str(port))
        return f"redis+sentinel://{HOST}:{await self.stand_in({b'INFO': info, b'SENTINEL': name})}/{NAME}"

    async def test_sentinels_that_are_all_gone_are_given_up(self) -> None:
        hosts = f"{HOST}:{self.unstarted().port},{HOST}:{self.unstarted().port}"
        await self.assert_tried_again(
            f"redis+sentinel://{hosts}/m", "can't reach sentinel", f"{hosts}/m/0: Connection"
        )


class ClusterTests(ProbeCase):
    """Clusters, ready and not yet."""

    async def test_a_cluster_can_be_used_from_any_node_and_while_one_is_gone(self) -> None:
        setup = await self.cluster(skewed=SKEW_MISSING is None)
        await self.usable(setup.url)
        for node in setup.servers:
            await self.usable(f"redis+cluster://{HOST}:{node.port}")
        await setup.servers[0].stop()
        await self.usable(setup.url, LONG)

    async def test_a_cluster_with_slots_without_a_master_is_waited_for(self) -> None:
        node = await self.node(skewed=True)
        url = f"redis+cluster://{HOST}:{node.port}"
        await self.assert_tried_again(url, "says cluster_state:fail: give every slot a master")
        probed = Deferred.fromCoroutine(self.usable(url, LONG))
        await node.do("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        node.advance(NEW_MASTER_DELAY)
        await probed

    test_a_cluster_with_slots_without_a_master_is_waited_for.skip = SKEW_MISSING  # type: ignore[attr-defined]

    async def test_what_is_wrong_is_said_before_what_may_come_right(self) -> None:
        hosts = f"{HOST}:{self.unstarted().port},{HOST}:{(await self.redis()).port}"
        await self.assert_refused(f"redis+cluster://{hosts}", "is a single server")
