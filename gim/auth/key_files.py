"""Reads files with keys."""

from __future__ import annotations

import os

from twisted.logger import Logger


def read_key_file(path: str, longest: int, not_for_others: int, risk: str, log: Logger) -> bytes:
    """Return the content of a file, at most *longest* + 1 bytes. Raises `OSError` or ValueError.

    Logs *risk* as a warning if the file's mode has one of the bits *not_for_others*.
    """
    with open(path, "rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        data = file.read(longest + 1)
    if mode & not_for_others:
        log.warn("{path}: {risk}: chmod o-rw it", path=path, risk=risk)
    return data
