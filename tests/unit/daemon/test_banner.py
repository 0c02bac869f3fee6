"""What the log says at the start."""

from __future__ import annotations

import resource
from types import SimpleNamespace
from typing import Any

from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from gim.daemon.banner import StartupBanner
from gim.storage.settings import MemorySettings


class OpenFilesTests(SynchronousTestCase):
    def warnings(self, open_files: int, workers: int) -> list[str]:
        """Return what a start with a limit of *open_files* warns about."""
        self.patch(resource, "getrlimit", lambda which: (open_files, open_files))
        settings: Any = SimpleNamespace(
            daemon=SimpleNamespace(gateway_worker=workers),
            gateway=SimpleNamespace(max_packet=65536),
            console=SimpleNamespace(console=False),
            storage=MemorySettings(max_session_messages=10, max_messages=10, ttl=60.0, sequences=False),
            origins={},
        )
        port: Any = SimpleNamespace(address="127.0.0.1:8080")
        with capturedLogs() as events:
            StartupBanner(settings, port, port, is_open=False).startService()
        return [formatEvent(event) for event in events if event["log_level"].name == "warn"]

    def test_too_few_are_named(self) -> None:
        (line,) = self.warnings(4096, workers=1)
        self.assertIn("4096 open files are enough for some 3996 connections: raise", line)

    def test_each_worker_has_as_many(self) -> None:
        (line,) = self.warnings(2048, workers=3)
        self.assertIn("2048 open files are enough for some 5844 connections to 3 workers: raise", line)
        self.assertEqual(self.warnings(4096, workers=3), [])


class ConsoleTests(SynchronousTestCase):
    def url(self, endpoint: str, host: str, console: bool = True) -> str | None:
        """Return where the log says that the console is."""
        settings: Any = SimpleNamespace(
            daemon=SimpleNamespace(gateway_worker=1),
            gateway=SimpleNamespace(max_packet=65536),
            console=SimpleNamespace(console=console),
            net=SimpleNamespace(api_address=endpoint),
            storage=MemorySettings(max_session_messages=10, max_messages=10, ttl=60.0, sequences=False),
            origins={},
        )
        address = SimpleNamespace(host=host, port=8081)
        port: Any = SimpleNamespace(address="", port=SimpleNamespace(getHost=lambda: address))
        with capturedLogs() as events:
            StartupBanner(settings, port, port, is_open=False).startService()
        lines = [formatEvent(event) or "" for event in events]
        return next((line for line in lines if line.startswith("console at ")), None)

    def test_it_is_where_a_browser_on_this_machine_finds_it(self) -> None:
        for endpoint, host, url in (
            ("tcp:8081", "0.0.0.0", "http://127.0.0.1:8081"),
            ("tcp:0:interface=192.0.2.1", "192.0.2.1", "http://192.0.2.1:8081"),
            (r"tcp6:8081:interface=\:\:", "::", "http://[::1]:8081"),
            (r"tcp6:8081:interface=2001\:db8\:\:1", "2001:db8::1", "http://[2001:db8::1]:8081"),
            ("ssl:8081:privateKey=/k:certKey=/c", "0.0.0.0", "https://127.0.0.1:8081"),
        ):
            self.assertEqual(self.url(endpoint, host), f"console at {url}/console/")

    def test_it_is_not_named_where_it_is_off_or_behind_a_proxy(self) -> None:
        self.assertIsNone(self.url("tcp:8081", "127.0.0.1", console=False))
        self.assertIsNone(self.url("unix:/run/gim/api.sock", ""))
        self.assertIsNone(self.url("haproxy:tcp:8081", "0.0.0.0"))
