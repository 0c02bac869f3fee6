"""Log files that are not written to any more, but not known to be on the disk yet."""

from __future__ import annotations

import os
from contextlib import suppress

from gim.journal.files import write_file
from gim.journal.records import BEGIN, MAGIC, encode, frame
from gim.journal.segment import Segment


class Closed:
    """A segment that is full, and will be finished when it is synced."""

    __slots__ = ("end", "segment")

    def __init__(self, segment: Segment, end: int) -> None:
        self.segment = segment
        self.end = end


class Failed:
    """Files that could not be synced, the oldest first. All their records are in a later file, apart from
    those before the offset *valid* of the first one, which an earlier sync has covered."""

    def __init__(self, files: list[Closed], valid: int) -> None:
        self._files = files
        self._valid = valid

    def replace(self) -> None:
        """Put files with nothing in them in the place of all but the first. May raise `OSError`, and
        waits for the disk.

        The later file must be there, or a crash loses records. The next file says how much of the one
        before it is valid, and what is not on the disk can't say so.
        """
        valid = self._valid
        for failed in self._files[1:]:
            content = MAGIC + frame(encode((BEGIN, failed.segment.number, valid)))
            write_file(failed.segment.path, content)
            valid = len(content)

    def abandon(self) -> None:
        """Close the files, and cut the first one to what is valid. Never raises."""
        for failed in self._files:
            failed.segment.abandon()
        with suppress(OSError):
            os.truncate(self._files[0].segment.path, self._valid)
