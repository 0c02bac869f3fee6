"""How long the garbage collector stops the process, by generation."""

from __future__ import annotations

import gc
from time import perf_counter_ns

from twisted.application.service import Service

from gim.metrics.instruments.durations import Row, add, new_row


class GcPauses(Service):
    """Times the collections while it runs; `gim.daemon.gc_tuning` decides how often there are some."""

    name = "pauses"

    def __init__(self) -> None:
        self.rows: list[Row] = [new_row() for _ in gc.get_count()]
        self._began = perf_counter_ns()

    def startService(self) -> None:
        super().startService()
        gc.callbacks.append(self._called)

    def stopService(self) -> None:
        super().stopService()
        gc.callbacks.remove(self._called)

    def _called(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._began = perf_counter_ns()
        else:
            add(self.rows[info["generation"]], self._began)
