"""Counts what is in the files of a data directory."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any, Final

from gim.journal.files import read_file
from gim.journal.records import BEGIN, END, FORMAT, HEADER_SIZE, SEAL, SLICE, SUM, TICK, kind_of, records
from gim.journal.scan import Finding
from gim.storage.durable import effects
from gim.storage.durable.effects import decode_message
from gim.storage.memory.data import MemoryData
from gim.storage.transfer.directories import OpenDirectory

_KINDS: Final = {
    effects.MESSAGE: "message",
    effects.USER: "user",
    effects.READ: "read position",
    effects.ROOM: "chatroom",
    effects.JOINED: "joined",
    effects.LEFT: "left",
    effects.DISMISSED: "dismissed",
    effects.MUTED: "mute",
    effects.RECALLED: "recall",
    effects.BAN: "ban",
    effects.EVENT: "webhook event",
    TICK: "tick",
    effects.TOGETHER: "several changes",
    SLICE: "portion of a checkpoint",
    SEAL: "end of a checkpoint",
    BEGIN: "begin of a log",
    END: "end of a log",
    SUM: "checksum of a log",
}


def statistics_of(directory: OpenDirectory) -> dict[str, Any]:
    """Return counts of all files together, by file and by kind of record: ``gim log stats --json``.

    A message is live if a server would load it; one that stands in two files counts in both.
    """
    found, counts = directory.files, _Counts(directory.data)
    states = [found.state] if found.state is not None else []
    files = [counts.of_file(finding) for finding in (*states, *found.logs)]
    return {
        "format": FORMAT,
        "epoch": directory.meta.epoch,
        "created_at": directory.meta.created,
        "checkpoint": files[0]["file"] if states else None,
        "bytes": sum(file["bytes"] for file in files),
        "records": sum(file["records"] for file in files),
        "messages": sum(file["messages"] for file in files),
        "live_messages": directory.data.kept_messages,
        "oldest": min((file["oldest"] for file in files if file["oldest"] is not None), default=None),
        "newest": max((file["newest"] for file in files if file["newest"] is not None), default=None),
        "files": files,
        "kinds": counts.by_kind(),
    }


class _Counts:
    """Adds up the records of all files by kind."""

    def __init__(self, data: MemoryData) -> None:
        self._messages = data.archive.messages
        self._records: Counter[int] = Counter()
        self._bytes: Counter[int] = Counter()

    def of_file(self, finding: Finding) -> dict[str, Any]:
        """Count the records of a file; return what is said of it."""
        ids: list[str] = []
        live = 0
        for offset, payload in records(read_file(finding.path)):
            if offset >= finding.end:
                break
            kind = kind_of(payload)
            self._records[kind] += 1
            self._bytes[kind] += HEADER_SIZE + len(payload)
            if kind == effects.MESSAGE:
                message = decode_message(payload)
                ids.append(message.id)
                live += self._messages.get(message.session, message.id) is not None
        return {
            "file": os.path.basename(finding.path),
            "bytes": finding.end,
            "records": finding.records,
            "messages": len(ids),
            "live_messages": live,
            "oldest": _time_of(min(ids)) if ids else None,
            "newest": _time_of(max(ids)) if ids else None,
        }

    def by_kind(self) -> list[dict[str, Any]]:
        """Return how many records of each kind there are, and their bytes, the most bytes first."""
        return [
            {"kind": _KINDS.get(kind, str(kind)), "records": self._records[kind], "bytes": size}
            for kind, size in self._bytes.most_common()
        ]


def _time_of(message_id: str) -> int:
    return int(message_id[:12], 16)
