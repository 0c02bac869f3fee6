"""What the parent gives a worker to begin with, and what the worker makes of it."""

from __future__ import annotations

import os

from msgspec.structs import replace
from twisted.internet.testing import MemoryReactorClock
from twisted.python.filepath import FilePath
from twisted.trial.unittest import SynchronousTestCase

from gim.auth import from_settings as auth
from gim.concurrency.clocks import WallClock
from gim.config import types
from gim.config.files import map_paths
from gim.config.options import Options
from gim.config.settings import Settings, settings_of
from gim.config.validate import validate
from gim.daemon.build_parent import ParentBuilder
from gim.daemon.build_worker import settings_in_memory
from gim.webhooks import from_settings as webhooks
from gim.workers.files_in_memory import FilesInMemory
from gim.workers.start import Start, read
from gim.workers.supervisor import Supervisor
from tests.support.workers import FakeReactor

KEYS = {name: f"0123456789-abcdefghijklmn-{name:0>10}" for name in ("auth", "admin", "webhook")}


class WorkerSettingsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.files = FilePath(self.mktemp())
        self.files.makedirs()
        for name, text in KEYS.items():
            file = self.files.child(name)
            file.setContent(text.encode())
            file.chmod(0o600)

    def path(self, name: str) -> str:
        return os.path.abspath(self.files.child(name).path)

    def start(self, *words: str) -> Start:
        """Let a parent start its workers; return what the second one reads."""
        options = Options()
        options.parseOptions(["--drain", "7", *words])
        self.settings = settings_of(options)
        resources = validate(self.settings, MemoryReactorClock(), starts=False)
        reactor = FakeReactor()
        daemon = ParentBuilder(options, self.settings, resources, reactor, WallClock()).daemon()
        (supervisor,) = [service for service in daemon if isinstance(service, Supervisor)]
        supervisor.startService()
        self.addCleanup(supervisor.stopService)
        self.assertNotIn("-key-", " ".join(reactor.processes[1].words))
        return read(reactor.processes[1].start)

    def in_memory(self, start: Start) -> Settings:
        files = FilesInMemory(start.files)
        self.addCleanup(files.close)
        return settings_in_memory(start, files)

    def without_paths(self, settings: Settings) -> Settings:
        return map_paths(settings, lambda option, path: "path")

    def test_its_settings_are_those_of_the_parent(self) -> None:
        start = self.start("--ws-worker", "3", "--max-packet", "1MiB", "--trusted-proxies", "10.0.0.7")
        self.assertEqual((start.number, start.count), (2, 3))
        self.assertEqual(self.in_memory(start), self.settings)

    def test_with_files_too_whose_contents_are_the_same(self) -> None:
        start = self.start(
            *("--ws-worker", "2", "--auth-key-file", self.path("auth")),
            *("--admin-key-file", self.path("admin"), "--webhook-url", "http://127.0.0.1:9/"),
            *("--webhook-secret-file", self.path("webhook")),
        )
        self.files.remove()
        settings = self.in_memory(start)
        self.assertEqual(self.without_paths(settings), self.without_paths(self.settings))
        self.assertEqual(auth.admin_key(settings.auth), KEYS["admin"].encode())
        self.assertIsNotNone(auth.keyring(settings.auth))
        assert settings.webhooks is not None
        self.assertEqual(webhooks.secret_of(settings.webhooks), KEYS["webhook"].encode())

    def test_secrets_of_the_environment_are_handed_on(self) -> None:
        variables = {"GIM_AUTH_KEY": KEYS["auth"], "GIM_ADMIN_KEY": KEYS["admin"]}
        self.patch(os, "environ", os.environ | variables)
        start = self.start("--ws-worker", "2")
        self.patch(os, "environ", {})
        self.assertEqual(self.in_memory(start), self.settings)

    def test_the_number_of_workers_is_decided_once(self) -> None:
        self.patch(types, "usable_cores", lambda: 4)
        start = self.start("--ws-worker", "auto")
        self.patch(types, "usable_cores", lambda: 5)
        self.assertEqual((start.count, self.in_memory(start).daemon.gateway_worker), (4, 4))

    def test_an_address_that_only_the_parent_needs_is_another_one(self) -> None:
        start = self.start("--ws-worker", "2", "--ws", f"haproxy:unix:{self.path('socket')}")
        settings = self.in_memory(start)
        self.assertEqual(settings.net.gateway_address, "haproxy:tcp:0")
        self.assertEqual(replace(settings, net=self.settings.net), self.settings)
