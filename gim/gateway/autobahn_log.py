"""Autobahn's log lines, as far as they are worth a line."""

from __future__ import annotations

from typing import Any

from gim.log.logger import Logger


class AutobahnLog:
    """Replaces Autobahn's logger and passes on faults only.

    Autobahn also logs what a peer did wrong, with the peer's raw bytes. `GatewayProtocol` logs one line
    at the end of each connection instead, with the trace id and without these bytes.
    """

    _log = Logger(namespace="autobahn")

    def trace(self, text: str, **fields: Any) -> None:
        pass

    debug = info = warn = trace

    def error(self, text: str, **fields: Any) -> None:
        self._log.error(text, **fields)

    def critical(self, text: str, **fields: Any) -> None:
        self._log.critical(text, **fields)

    def failure(self, text: str, **fields: Any) -> None:
        self._log.failure(text, **fields)
