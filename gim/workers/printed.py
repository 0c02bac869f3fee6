"""What a process prints before it has a log, or when it crashes."""

from __future__ import annotations

from collections.abc import Callable

MAX_PRINTED = 64 * 2**10  # bytes of a process that are written
MAX_LINE = 4 * 2**10  # bytes; a longer one is cut into several


class PrintedLines:
    """Hands the output of a process on, line by line. What is more than `MAX_PRINTED` is only counted."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._parts: dict[int, bytes] = {}  # the last line by descriptor, while it has no end
        self._taken = 0  # bytes
        self._left_out = 0

    def receive(self, descriptor: int, data: bytes) -> None:
        """Take what was read from a descriptor."""
        taken = data[: MAX_PRINTED - self._taken]
        self._taken += len(taken)
        self._left_out += len(data) - len(taken)
        *lines, part = (self._parts.get(descriptor, b"") + taken).split(b"\n")
        if len(part) >= MAX_LINE:
            lines, part = [*lines, part], b""
        self._parts[descriptor] = part
        for line in lines:
            self._put(line)

    def end(self) -> None:
        """Write what is left."""
        for part in self._parts.values():
            self._put(part)
        self._parts.clear()
        if self._left_out:
            self._write(f"{self._left_out} bytes more were printed")
            self._left_out = 0

    def _put(self, line: bytes) -> None:
        text = line.decode(errors="replace").rstrip()
        for start in range(0, len(text), MAX_LINE):
            self._write(text[start : start + MAX_LINE])
