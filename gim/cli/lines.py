"""Lines of standard input, read as they come while other things go on."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator

_CHUNK = 65536  # bytes read at a time


async def lines() -> AsyncIterator[str]:
    """Yield the lines of standard input without their ends, the last one also without a line break.

    Raises `UnicodeDecodeError` for one that is not valid UTF-8.
    """
    rest = b""
    async for chunk in _chunks(sys.stdin.fileno()):
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield _text(line)
    if rest:
        yield _text(rest)


def _text(line: bytes) -> str:
    return line.removesuffix(b"\r").decode()


async def _chunks(file: int) -> AsyncIterator[bytes]:
    while True:
        await _until_readable(file)
        chunk = os.read(file, _CHUNK)
        if not chunk:
            return
        yield chunk


async def _until_readable(file: int) -> None:
    loop = asyncio.get_running_loop()
    readable: asyncio.Future[None] = loop.create_future()

    def report() -> None:
        loop.remove_reader(file)  # or it reports once more before the file is read
        readable.set_result(None)

    try:
        loop.add_reader(file, report)
    except PermissionError:  # epoll refuses a regular file, which is always readable
        return
    try:
        await readable
    finally:
        loop.remove_reader(file)
