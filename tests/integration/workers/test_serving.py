"""A daemon with workers, as its users and its operator see it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import tempfile
from typing import Any

import treq
from twisted.internet.threads import deferToThread
from twisted.python.filepath import FilePath
from twisted.web.http_headers import Headers

from tests.support.daemon_process import PATIENCE, Client, DaemonTestCase, Process, until_gone, workers_in
from tests.support.key_material import key_set, pair
from tests.support.redis.server import RedisTestCase
from tests.support.webhooks.receiver import SECRET, start_hook

FREE = "tcp:0:interface=127.0.0.1"


class WorkersTestCase(DaemonTestCase):
    worker_count = 2

    async def all_ready(self, process: Process) -> dict[int, int]:
        """Wait until all workers serve; return their pids by number."""
        for number in range(1, self.worker_count + 1):
            await process.says(rf"worker {number} \(pid \d+\) is ready")
        return workers_in(process.output[1])

    async def get(self, path: str, **headers: list[str]) -> Any:
        """Ask the HTTP API, over a connection of its own."""
        url = f"http://127.0.0.1:{self.http}{path}"
        response = await treq.get(url, headers=Headers(headers), persistent=False)
        return await response.text()

    async def connections(self) -> dict[str, int]:
        """Return how many WebSocket connections each worker has."""
        page = await self.get("/metrics")
        found = re.findall(r'^gim_worker_connections\{worker="(\d+)"\} (\S+)$', page, re.MULTILINE)
        return {worker: int(float(count)) for worker, count in found}


async def pushed(client: Client) -> list[str]:
    """Return the contents of the next push."""
    packet = await client.packet()
    assert packet["op"] == 207, packet
    return [item["content"] for item in packet["body"]["items"]]


class ServingTests(WorkersTestCase):
    async def test_clients_of_different_workers_chat(self) -> None:
        process = await self.daemon("--drain", "0", "--message-push-duration", "50ms")
        await self.all_ready(process)
        ann, bob = await self.client(), await self.client()
        self.assertEqual(await self.connections(), {"1": 1, "2": 1})
        await ann.ask(101, id="ann", name="Ann")
        await bob.ask(101, id="bob", name="Bob")
        sent = await ann.ask(201, type=2, target_id="bob", content="hi")
        (item,) = (await bob.packet())["body"]["items"]
        self.assertEqual((item["id"], item["content"]), (sent["id"], "hi"))
        self.assertEqual(item["sender"], {"id": "ann", "name": "Ann"})
        await bob.ask(201, type=2, target_id="ann", content="you too")
        self.assertEqual(await pushed(ann), ["you too"])
        await ann.ask(301, id="den")
        self.assertEqual((await bob.ask(301, id="den"))["total"], 2)
        ann.request(201, type=1, target_id="den", content="all")
        self.assertEqual({(await ann.packet())["op"] for _ in range(2)}, {202, 207})
        self.assertEqual(await pushed(bob), ["all"])
        process.signal(signal.SIGTERM)
        self.assertEqual([await each.closed for each in (ann, bob)], [3001, 3001])
        self.assertEqual(await process.exited, 0)
        self.assertNotIn("Traceback", process.output[1] + process.output[2])

    async def test_http_of_any_worker_knows_all(self) -> None:
        process = await self.daemon()
        await self.all_ready(process)
        url = f"http://127.0.0.1:{self.http}/v1"
        login = await treq.json_content(
            await treq.post(f"{url}/login", json={"id": "ann"}, persistent=False)
        )
        token = f"Bearer {login['data']['token']}"
        for number in range(4):  # the workers take turns
            await treq.post(
                f"{url}/messages",
                json={"type": 2, "target_id": "bob", "content": str(number)},
                headers=Headers({"Authorization": [token]}),
                persistent=False,
            )
            page = json.loads(await self.get("/v1/sessions/2:ann:bob/messages", Authorization=[token]))
            contents = [item["content"] for item in page["data"]["items"]]
            self.assertEqual(contents, [str(each) for each in range(number + 1)])
            self.assertIn('"code":0', await self.get("/readyz"))

    async def test_any_worker_tells_the_administrator_of_all(self) -> None:
        process = await self.daemon(GIM_ADMIN_KEY="a-key-for-these-tests")
        await self.all_ready(process)
        clients = [await self.client() for _ in range(4)]
        for number, client in enumerate(clients):
            await client.ask(101, id=f"user-{number}")
            await client.ask(301, id="den")
        await clients[0].ask(301, id="attic")
        self.assertEqual(await self.connections(), {"1": 2, "2": 2})
        clients[0].request(201, type=1, target_id="den", content="hi")
        (sent,) = (await clients[3].packet())["body"]["items"]
        for _ in range(4):  # the workers take turns
            (room,) = (await self.admin("/chatrooms?sort=connections&count=1"))["items"]
            self.assertEqual((room["id"], room["connections"]), ("den", 4))
            self.assertGreater(room["messages"], 0)
            self.assertEqual((await self.admin("/chatrooms/attic"))["connections"], 1)
            users = (await self.admin("/users?online=true&prefix=user-"))["items"]
            self.assertEqual([user["id"] for user in users], [f"user-{number}" for number in range(4)])
            (message,) = (await self.admin("/sessions/1:den/messages"))["items"]
            self.assertEqual(message["id"], sent["id"])
            options = await self.admin("/options")
            self.assertEqual((options["workers"], options["storage"]), (2, "memory"))
            values = {item["name"]: item["value"] for item in options["items"]}
            self.assertEqual(values["--gateway-worker"], "2")
            self.assertEqual(values["GIM_ADMIN_KEY"], "…")

    async def admin(self, path: str) -> Any:
        """Ask a worker as the administrator."""
        found = json.loads(await self.get(f"/v1/admin{path}", **{"X-API-Key": ["a-key-for-these-tests"]}))
        self.assertEqual(found["code"], 0, found)
        return found["data"]

    async def test_it_says_once_what_has_started(self) -> None:
        process = await self.daemon()
        await self.all_ready(process)
        (line,) = re.findall(r"gim \S+ started: .*", process.output[1])
        self.assertIn("storage memory for 1000000 messages, 2 workers; limits: ", line)
        self.assertEqual(process.output[1].count("open mode: "), 1)
        self.assertEqual(len(re.findall("(?:api|gateway) listens on ", process.output[1])), 2)

    async def test_it_says_once_what_is_wrong_with_a_set_of_keys(self) -> None:
        path = FilePath(self.mktemp())
        path.setContent(key_set({"kty": "new"}, pair("ES256")[1]))
        process = await self.daemon("--auth-jwks-file", os.path.abspath(path.path))
        await self.all_ready(process)
        skipped = "--auth-jwks-file: skipped "
        self.assertEqual(process.output[1].count(skipped), 1)
        process.signal(signal.SIGHUP)
        await process.says("SIGHUP: --auth-jwks-file: read again")
        self.assertEqual(process.output[1].count(skipped), 2)

    async def test_the_end_of_the_daemon_is_the_end_of_its_workers(self) -> None:
        for number in signal.SIGTERM, signal.SIGKILL:
            process = await self.daemon()
            pids = await self.all_ready(process)
            process.signal(number)
            await process.exited
            for pid in pids.values():
                await until_gone(pid)

    async def test_a_worker_starts_again_without_the_files_of_keys(self) -> None:
        directory = FilePath(self.mktemp())
        directory.makedirs()
        admin, auth = directory.child("admin.key"), directory.child("auth.key")
        for file in admin, auth:
            file.setContent(b"0123456789abcdefghijklmnopqrstuv")
            file.chmod(0o600)
        words = "--admin-key-file", os.path.abspath(admin.path)
        process = await self.daemon(*words, "--auth-key-file", os.path.abspath(auth.path))
        pids = await self.all_ready(process)
        directory.remove()  # as if the parent had given up the right to read them
        for pid in pids.values():
            os.kill(pid, signal.SIGKILL)
        for number, pid in pids.items():
            await process.says(rf"worker {number} \(pid (?!{pid}\))\d+\) is ready")
        key = {"X-API-Key": ["0123456789abcdefghijklmnopqrstuv"]}
        for _ in pids:
            self.assertIn("connections", await self.get("/v1/admin/statistics", **key))
        self.assertNotIn("can't be read", process.output[1])


HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
GET = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def first_line(family: int, address: Any, request: bytes) -> str:
    """Send a request; return the first line of the answer. Blocks."""
    with socket.socket(family) as client:
        client.settimeout(PATIENCE)
        client.connect(address)
        client.sendall(request)
        return client.makefile("rb").readline().decode().strip()


class AddressTests(WorkersTestCase):
    """Endpoints of other kinds; those with TLS and systemd's are in `as_one_process`."""

    async def start(self, gateway: str, api: str) -> Process:
        process = self.spawn("twistd", "-n", "--pidfile=", "gim", "--ws", gateway, "--http", api)
        await self.all_ready(process)
        return process

    async def all_serve(self, family: int, gateway: Any, api: Any, header: bytes = b"") -> None:
        """See that each worker serves both, whose requests begin with a *header*."""
        for _ in range(self.worker_count):
            line = await deferToThread(first_line, family, gateway, header + HANDSHAKE)
            self.assertEqual(line, "HTTP/1.1 101 Switching Protocols")
            line = await deferToThread(first_line, family, api, header + GET)
            self.assertEqual(line, "HTTP/1.1 200 OK")

    async def test_unix_sockets(self) -> None:
        directory = FilePath(tempfile.mkdtemp())  # that of the test may be too long for a socket
        self.addCleanup(directory.remove)
        gateway, api = directory.child("gateway").path, directory.child("api").path
        process = await self.start(f"unix:{gateway}:mode=600", f"haproxy:unix:{api}")
        line = await deferToThread(first_line, socket.AF_UNIX, gateway, HANDSHAKE)
        self.assertEqual(line, "HTTP/1.1 101 Switching Protocols")
        header = b"PROXY TCP4 203.0.113.7 203.0.113.9 5 443\r\n"
        line = await deferToThread(first_line, socket.AF_UNIX, api, header + GET)
        self.assertEqual(line, "HTTP/1.1 200 OK")
        process.signal(signal.SIGTERM)
        self.assertEqual(await process.exited, 0)
        self.assertEqual(directory.children(), [])

    async def test_ipv6(self) -> None:
        process = await self.start("[::1]:0", r"tcp6:0:interface=\:\:1")
        ports = [
            int((await process.says(rf"{name} listens on \[::1\]:(\d+)"))[1])
            for name in ("gateway", "api")
        ]
        gateway, api = (("::1", port) for port in ports)
        await self.all_serve(socket.AF_INET6, gateway, api)

    async def test_the_proxy_protocol(self) -> None:
        process = await self.start(f"haproxy:{FREE}", f"haproxy:{FREE}")
        await self.listens(process)
        header = b"PROXY TCP4 203.0.113.7 203.0.113.9 5 443\r\n"
        gateway, api = (("127.0.0.1", port) for port in (self.ws, self.http))
        await self.all_serve(socket.AF_INET, gateway, api, header)


class RedisTests(WorkersTestCase, RedisTestCase):
    """With Redis each worker is a node of its own."""

    async def test_workers_are_nodes(self) -> None:
        server = await self.redis()
        process = await self.daemon("--storage", "redis", "--redis-url", server.url, "--drain", "0")
        await self.all_ready(process)
        ann, bob = await self.client(), await self.client()
        await ann.ask(101, id="ann")
        await bob.ask(101, id="bob")
        await ann.ask(201, type=2, target_id="bob", content="hi")
        self.assertEqual(await pushed(bob), ["hi"])
        self.assertEqual(await self.connections(), {"1": 1, "2": 1})
        process.signal(signal.SIGTERM)
        self.assertEqual(await process.exited, 0)

    async def test_each_has_webhooks_of_its_own(self) -> None:
        hook = start_hook(self)
        server = await self.redis()
        words = "--webhook-url", hook.url, "--webhook-events", "message.sent"
        process = await self.daemon(
            *("--storage", "redis", "--redis-url", server.url, "--drain", "0"),
            *words,
            GIM_WEBHOOK_SECRET=SECRET,
        )
        await self.all_ready(process)
        clients = [await self.client() for _ in range(self.worker_count)]
        for number, client in enumerate(clients):
            await client.ask(101, id=f"user{number}")
            await client.ask(201, type=2, target_id="bob", content="hi")
            await hook.tells("message.sent", f"user{number}")
        process.signal(signal.SIGTERM)
        self.assertEqual(await process.exited, 0)
