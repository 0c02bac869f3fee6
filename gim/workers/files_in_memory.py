"""Files that exist only in the memory of this process.

A worker may run as a user that can't read the files of keys, for the parent has read them as root. So it
gets their contents, and reads them where it would have read the files.
"""

from __future__ import annotations

import os
from collections.abc import Mapping


class FilesInMemory:
    """Gives paths to contents. They stay until the process ends; no other user can read them."""

    def __init__(self, contents: Mapping[bytes, bytes]) -> None:
        """*contents* are by the path that each is known by elsewhere."""
        self._files: dict[bytes, int] = {}
        self.replace(contents)

    def path_of(self, option: str, path: str) -> str:
        """Return the path in place of another one, or that one if its content is not here."""
        file = self._files.get(os.fsencode(path))
        return path if file is None else f"/proc/self/fd/{file}"

    def replace(self, contents: Mapping[bytes, bytes]) -> None:
        """Take other contents; files that are not named keep theirs."""
        for path, content in contents.items():
            if path not in self._files:
                self._files[path] = _new_file()
            os.ftruncate(self._files[path], 0)
            _write(self._files[path], content)

    def close(self) -> None:
        """Forget all contents."""
        for file in self._files.values():
            os.close(file)
        self._files.clear()


def _new_file() -> int:
    file = os.memfd_create("gim")
    os.fchmod(file, 0o600)  # as a file with a key should be; 0o777 is the default
    return file


def _write(file: int, content: bytes) -> None:
    written = 0
    while written < len(content):
        written += os.pwrite(file, content[written:], written)
