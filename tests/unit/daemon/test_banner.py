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
