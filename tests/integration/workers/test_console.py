"""The console where several processes serve it, with TLS: one login is good at all of them."""

from __future__ import annotations

import json
import os
import signal
import ssl
from http.client import HTTPSConnection
from typing import Any

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.python.filepath import FilePath

from tests.support.daemon_process import PATIENCE, DaemonTestCase, workers_in
from tests.support.redis.environment import write_certificate

KEY, NEW_KEY = "a-key-for-these-tests", "another-key-for-these-tests"


class ConsoleTests(DaemonTestCase):
    worker_count = 2

    def setUp(self) -> None:
        self.files = FilePath(self.mktemp())
        self.files.makedirs()
        write_certificate(self.files)
        self.write_key(KEY)
        self.cookie = ""

    def file(self, name: str) -> str:
        return os.path.abspath(self.files.child(name).path)

    def write_key(self, key: str) -> None:
        self.files.child("admin.key").setContent(key.encode())
        self.files.child("admin.key").chmod(0o600)

    def connect(self) -> HTTPSConnection:
        """Return a connection; two that are open at a time are at different workers."""
        context = ssl.create_default_context(cafile=self.file("ca.pem"))
        connection = HTTPSConnection("127.0.0.1", self.http, timeout=PATIENCE, context=context)
        connection.connect()
        self.addCleanup(connection.close)
        return connection

    def ask(self, connection: HTTPSConnection, method: str, path: str, **body: str) -> tuple[int, Any]:
        """Request as the console's page does; return status and data."""
        headers = {"X-Gim-Console": "1", "Cookie": f"gim_console={self.cookie}"}
        if method != "GET":
            headers["Origin"] = f"https://127.0.0.1:{self.http}"
        connection.request(method, path, json.dumps(body) if body else None, headers)
        response = connection.getresponse()
        self.set_cookie = response.headers["Set-Cookie"]
        return response.status, json.loads(response.read())["data"]

    async def until_refused(self, connection: HTTPSConnection) -> None:
        """Wait until a worker does not take the session any more."""
        for _ in range(int(PATIENCE / 0.05)):
            status, _ = await deferToThread(self.ask, connection, "GET", "/v1/admin/statistics")
            if status == 401:
                return
            await deferLater(reactor, 0.05)
        self.fail("the session goes on")

    def log_in(self, connection: HTTPSConnection, key: str) -> None:
        status, _ = self.ask(connection, "POST", "/console/login", key=key)
        self.assertEqual(status, 200)
        self.assertIn("; Secure", self.set_cookie)
        self.cookie = self.set_cookie.partition(";")[0].partition("=")[2]

    async def test_a_session_begins_and_ends_at_all_workers(self) -> None:
        tls = f"ssl:0:interface=127.0.0.1:privateKey={self.file('key.pem')}:certKey={self.file('ca.pem')}"
        options = "--http", tls, "--admin-key-file", self.file("admin.key"), "--drain", "0"
        process = await self.daemon(*options)
        await process.says(rf"console at https://127.0.0.1:{self.http}/console/\n")
        one, other = await deferToThread(lambda: (self.connect(), self.connect()))
        await deferToThread(self.log_in, one, KEY)
        for connection in (one, other):
            status, _ = await deferToThread(self.ask, connection, "GET", "/v1/admin/statistics")
            self.assertEqual(status, 200)
        await deferToThread(self.ask, one, "DELETE", "/console/login")
        await self.until_refused(other)

        os.kill(workers_in(process.output[1])[1], signal.SIGKILL)  # its successor asks the other worker
        await process.says(r"(?s)(worker 1 \(pid \d+\) is ready.*){2}")
        one, other = await deferToThread(lambda: (self.connect(), self.connect()))
        for connection in (one, other):
            await self.until_refused(connection)

        await deferToThread(self.log_in, other, KEY)
        self.write_key(NEW_KEY)
        process.signal(signal.SIGHUP)
        for connection in (one, other):
            await self.until_refused(connection)
        await deferToThread(self.log_in, one, NEW_KEY)
