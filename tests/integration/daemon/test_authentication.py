"""Keys, tokens and origins as an operator and clients use them: real processes and sockets."""

from __future__ import annotations

import json
import signal
import socket
from typing import Any

import treq
from autobahn.twisted.websocket import WebSocketClientFactory
from twisted.internet import reactor
from twisted.internet.endpoints import HostnameEndpoint
from twisted.python.filepath import FilePath
from twisted.web.http_headers import Headers

from tests.support.daemon_process import PATIENCE, Client, DaemonTestCase, Process

FREE = "tcp:0:interface=127.0.0.1"


class AuthenticationTestCase(DaemonTestCase):
    def setUp(self) -> None:
        self.files = FilePath(self.mktemp())
        self.files.makedirs()
        self.secret = self.files.child("secret").path
        self.private, self.public = self.files.child("private").path, self.files.child("public").path

    async def tool(self, *words: str) -> str:
        """Run gim-token; return what it says."""
        process = self.spawn("gim-token", *words)
        status = await process.exited
        self.assertEqual((process.output[2], status), ("", 0))
        return process.output[1].strip()

    async def login(self, client: Client, user_id: str, token: str) -> Any:
        """Try to log in; return the reply's body."""
        client.say(json.dumps({"op": 101, "body": {"id": user_id, "token": token}}))
        return json.loads(json.loads(await client.next())["body"])

    async def http_login(self, **fields: str) -> tuple[int, Any]:
        response = await treq.post(
            f"http://127.0.0.1:{self.http}/v1/login", json=fields, persistent=False, timeout=PATIENCE
        )
        return response.code, (await treq.json_content(response))["data"]


class KeyTests(AuthenticationTestCase):
    async def test_a_secret_made_and_tokens_made_with_the_tool(self) -> None:
        await self.tool("key", "--key-file", self.secret)
        process = await self.daemon("--auth-key-file", self.secret, "--auth-audience", "chat")
        token = await self.tool(
            "make", "--key-file", self.secret, "--sub", "ann", "--name", "Ann", "--audience", "chat"
        )
        client = await self.client()
        self.assertEqual((await self.login(client, "ann", ""))["code"], 401)
        self.assertEqual((await self.login(client, "bob", token))["code"], 401)
        reply = await self.login(client, "ann", token)
        self.assertEqual(reply["data"]["user"], {"id": "ann", "name": "Ann"})
        self.assertEqual((await self.http_login(id="ann"))[0], 401)
        self.assertEqual((await self.http_login(id="ann", token=token))[0], 200)
        self.assertNotIn("open mode", process.output[1])
        self.assertNotIn(token, process.output[1])
        self.assertNotIn("Traceback", process.output[1])

    async def test_an_expired_token_closes_with_3005(self) -> None:
        await self.tool("key", "--key-file", self.secret)
        await self.daemon("--auth-key-file", self.secret)
        token = await self.tool("make", "--key-file", self.secret, "--sub", "ann", "--ttl", "2s")
        client = await self.client()
        self.assertEqual((await self.login(client, "ann", token))["code"], 0)
        self.assertEqual(await client.closed.addTimeout(PATIENCE, reactor), 3005)

    async def test_a_secret_in_the_environment(self) -> None:
        process = self.spawn(
            "twistd",
            "-n",
            "gim",
            "--ws",
            FREE,
            "--http",
            FREE,
            GIM_AUTH_KEY="a" + "0123456789" * 4,
        )
        await self.listens(process)
        self.assertEqual((await self.http_login(id="ann"))[0], 401)

    async def test_public_keys_are_exchanged_without_a_restart(self) -> None:
        await self.new_pair("one")
        process = await self.daemon("--auth-jwks-file", self.public)
        one = await self.tool("make", "--key-file", f"{self.private}-one", "--sub", "ann")
        self.assertEqual((await self.http_login(id="ann", token=one))[0], 200)
        await self.new_pair("two")
        two = await self.tool("make", "--key-file", f"{self.private}-two", "--sub", "ann")
        self.assertEqual((await self.http_login(id="ann", token=two))[0], 401)
        process.signal(signal.SIGHUP)
        await process.says("--auth-jwks-file: read again, one, two")
        for token in one, two:
            self.assertEqual((await self.http_login(id="ann", token=token))[0], 200)
        FilePath(self.public).setContent(b"broken")
        process.signal(signal.SIGHUP)
        await process.says("not a valid JSON Web Key Set.*stays in use")
        self.assertEqual((await self.http_login(id="ann", token=two))[0], 200)
        process.signal(signal.SIGTERM)
        self.assertEqual(await process.exited, 0)

    async def new_pair(self, name: str) -> None:
        await self.tool(
            *("key", "--type", "ES256", "--kid", name),
            *("--key-file", f"{self.private}-{name}", "--jwks-file", self.public),
        )

    async def test_a_key_file_that_everybody_may_read_is_warned_of(self) -> None:
        await self.tool("key", "--key-file", self.secret)
        FilePath(self.secret).chmod(0o644)
        process = await self.daemon("--auth-key-file", self.secret)
        self.assertIn("every user of this machine may read", process.output[1])


class StartTests(AuthenticationTestCase):
    async def test_a_key_that_can_not_be_used_ends_the_start_with_one_line(self) -> None:
        FilePath(self.secret).setContent(b"too short")
        process = self.spawn("twistd", "-n", "gim", "--auth-key-file", self.secret)
        self.assertEqual(await process.exited, 1)
        self.assertRegex(process.output[2], r"\Agim: --auth-key-file: [^\n]+\n\Z")

    def start(self, *words: str) -> Process:
        return self.spawn("twistd", "-n", "gim", "--ws", FREE, *words)

    async def address(self, process: Process) -> str:
        return str((await process.says(r"api listens on (\S+):\d+"))[1])

    async def test_open_mode_is_said_once_and_keeps_the_http_api_to_this_machine(self) -> None:
        for words in ["--http", "0"], ["--http", ":0"], ["--http", "tcp:0"]:
            process = self.start(*words)
            self.assertEqual(await self.address(process), "127.0.0.1")
            await process.says(r"open mode: .*loopback")
            self.assertEqual(process.output[1].count("open mode"), 1)

    async def test_a_host_that_is_given_is_listened_on(self) -> None:
        self.assertEqual(await self.address(self.start("--http", "0.0.0.0:0")), "0.0.0.0")

    async def test_with_a_key_a_bare_port_is_open_to_all(self) -> None:
        await self.tool("key", "--key-file", self.secret)
        process = self.start("--http", "0", "--auth-key-file", self.secret)
        self.assertEqual(await self.address(process), "0.0.0.0")


class OriginTests(AuthenticationTestCase):
    async def handshake(self, origin: str) -> int:
        """Return the status that a browser's handshake gets."""
        with socket.create_connection(("127.0.0.1", self.ws)) as browser:
            browser.settimeout(PATIENCE)
            browser.sendall(
                b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                b"Origin: " + origin.encode() + b"\r\n\r\n"
            )
            return int(browser.recv(4096).split()[1])

    async def test_pages_of_this_host_only_unless_others_are_listed(self) -> None:
        page = "https://app.example.com"
        for options, expected in ((), [101, 403]), (("--allowed-origins", page), [403, 101]):
            await self.daemon(*options)
            for origin, status in zip(("http://127.0.0.1:3000", page), expected, strict=True):
                self.assertEqual(await self.handshake(origin), status)
                response = await treq.get(
                    f"http://127.0.0.1:{self.http}/healthz",
                    headers=Headers({"Origin": [origin]}),
                    persistent=False,
                )
                self.assertEqual(response.code, 200 if status == 101 else 403)
                await response.content()

    async def test_a_client_library_that_names_its_origin(self) -> None:
        await self.daemon()
        factory = WebSocketClientFactory(f"ws://127.0.0.1:{self.ws}", origin="http://127.0.0.1")
        factory.protocol = Client
        client: Any = await HostnameEndpoint(reactor, "127.0.0.1", self.ws).connect(factory)
        self.addCleanup(self._hang_up, client)
        await client.opened.addTimeout(PATIENCE, reactor)
