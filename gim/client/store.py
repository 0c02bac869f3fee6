"""Where a client keeps its state between two runs of a program."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Protocol


class Store(Protocol):
    """Keeps one state, a JSON object of some kilobytes."""

    def load(self) -> dict[str, Any] | None:
        """Return the state that was saved last, None without any."""

    def save(self, state: dict[str, Any]) -> None:
        """Keep a state in place of the former one."""


class FileStore:
    """Keeps the state in a file that only its owner may read. A crash leaves the former state."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)

    def load(self) -> dict[str, Any] | None:
        """Raises `ValueError` when the file holds something else."""
        try:
            state = json.loads(self._path.read_text("utf-8"))
        except FileNotFoundError:
            return None
        if not isinstance(state, dict):
            raise ValueError(f"{self._path} does not hold the state of a client")
        return state

    def save(self, state: dict[str, Any]) -> None:
        """Raises `OSError` when the file can't be written."""
        new = self._path.with_name(self._path.name + ".new")
        opened = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(opened, "w", encoding="utf-8") as file:
            json.dump(state, file)
        new.replace(self._path)
