"""Contents of the files that options name, as the parent hands them to its workers."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from gim.config.files import files_of
from gim.config.settings import Settings


class SharedFiles:
    """The contents that are in use, by the path of the file. They are read once, before the process takes
    another user's id, and again with SIGHUP."""

    def __init__(self, settings: Settings) -> None:
        """Reads all files. One that can't be read is left out: a worker tries it by itself."""
        self._directory = os.getcwd()  # twistd may change it, and paths in options are relative to it
        self._paths: dict[str, list[str]] = {}  # by option
        for option, path in files_of(settings):
            self._paths.setdefault(option, []).append(path)
        self.contents: dict[bytes, bytes] = {}
        self.read(self._paths)

    @property
    def directory(self) -> bytes:
        """What the paths are relative to."""
        return os.fsencode(self._directory)

    def read(self, options: Iterable[str]) -> dict[bytes, bytes]:
        """Read the files of some options again; return their contents."""
        found: dict[bytes, bytes] = {}
        for option in options:
            for path in self._paths.get(option, ()):
                with suppress(OSError):
                    found[os.fsencode(path)] = Path(self._directory, path).read_bytes()
        self.contents |= found
        return found
