"""What is not a dump, or not a whole one."""

from __future__ import annotations

import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gim.storage.transfer.lines import FORMAT
from gim.storage.transfer.reader import BadDump, entries, read_head

ID, LATER = "01a2071aa0d27000b1c8c1f5a3ad7f12", "01a2071aa0d37000b1c8c1f5a3ad7f12"
HEAD: dict[str, Any] = {
    "kind": "dump",
    "format": FORMAT,
    "id": "00",
    "storage": "memory",
    "taken_at": 1,
    "epoch": "e",
    "created_at": 1,
    "last_id": ID,
    "lost": "",
}
USER = {"kind": "user", "id": "ann", "name": "Ann"}
PRIVATE = {"kind": "private", "id": "2:ann:bob", "read": {"bob": ID}}
ROOM = {"kind": "chatroom", "id": "den", "name": "Den"}
MEMBER = {"kind": "member", "chatroom_id": "den", "user_id": "ann", "joined": ID}
BAN = {"kind": "ban", "user_id": "ann", "since": 1, "until": 2, "forgotten_at": 3}


def message(message_id: str = ID, session_id: str = "2:ann:bob", **changes: Any) -> dict[str, Any]:
    return {
        "kind": "message",
        "id": message_id,
        "session_id": session_id,
        "sender": {"id": "ann", "name": "Ann"},
        "category": "text",
        "content": "hi",
        "sequence": 0,
        "status": 1,
        "created_at": int(message_id[:12], 16),
    } | changes


class ReaderTests(SynchronousTestCase):
    def read(self, *lines: dict[str, Any] | bytes, end: int | None = None) -> list[int]:
        """Return the numbers of the lines behind the head; *end* is what the last one says."""
        whole = [*lines, {"kind": "end", "lines": len(lines) if end is None else end}]
        texts = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in whole]
        return [number for number, _ in entries(iter(texts))]

    def refused(self, said: str, *lines: dict[str, Any] | bytes, end: int | None = None) -> None:
        with self.assertRaisesRegex(BadDump, said):
            self.read(*lines, end=end)

    def test_lines_in_their_order(self) -> None:
        lines = USER, BAN, PRIVATE, message(), message(LATER), ROOM, MEMBER, message(session_id="1:den")
        self.assertEqual(self.read(*lines), list(range(2, 10)))

    def test_the_first_line(self) -> None:
        self.assertEqual(read_head(json.dumps(HEAD).encode()).epoch, "e")
        for line in b"", b"{", b"[]", b'{"kind":"user"}', json.dumps(HEAD | {"more": 1}).encode():
            with self.assertRaisesRegex(BadDump, "line 1: it is not the first line of a dump"):
                read_head(line)

    def test_a_newer_format_is_refused_with_both_versions(self) -> None:
        newer = json.dumps(HEAD | {"format": FORMAT + 1, "more": 1}).encode()
        with self.assertRaisesRegex(BadDump, f"format {FORMAT + 1}, and this gim reads {FORMAT}"):
            read_head(newer)

    def test_a_line_that_is_not_valid_is_named(self) -> None:
        self.refused("line 3: it is not a line of a dump", USER, b"{")
        self.refused("line 2: it is not a line of a dump", b"\xff")
        self.refused("line 2: it is not a line of a dump", USER | {"more": 1})
        self.refused("line 2: it is not a line of a dump", USER | {"kind": "future"})
        self.refused("line 2: it is not a line of a dump", b"[" * 100_000)

    def test_values_that_no_storage_holds(self) -> None:
        self.refused("line 2: 'a b' is not a valid id of a user", USER | {"id": "a b"})
        self.refused("line 2: 'x' is not a valid id of a message", USER | {"delivered": "x"})
        self.refused("line 2: it is not a valid private session", PRIVATE | {"id": "2:bob:ann"})
        self.refused("line 2: it is not a valid private session", PRIVATE | {"read": {"cat": ID}})
        self.refused("line 2: session_id", PRIVATE | {"id": "2:bob"})
        self.refused("line 2: '' is not a valid id of a chatroom", ROOM | {"id": ""})
        self.refused("line 3: '' is not a valid id of a membership", ROOM, MEMBER | {"joined": ""})
        self.refused("line 3: created_at is not the time", PRIVATE, message(created_at=1))
        self.refused("line 3: 3 is not a valid status", PRIVATE, message(status=3))
        self.refused("line 2: -1 is not a valid number", BAN | {"since": -1})

    def test_lines_at_the_wrong_place(self) -> None:
        self.refused("line 3: a user stands behind", PRIVATE, USER)
        self.refused("line 3: a private stands behind", ROOM, PRIVATE)
        self.refused("line 3: the session of this message", ROOM, message())
        self.refused("line 2: the chatroom of this member", MEMBER)
        self.refused("line 4: the message must be newer", PRIVATE, message(), message())
        self.refused("line 2: another dump begins here", HEAD)

    def test_a_dump_that_was_cut_off(self) -> None:
        with self.assertRaisesRegex(BadDump, "cut off behind line 2"):
            list(entries(iter([json.dumps(USER).encode()])))
        with self.assertRaisesRegex(BadDump, "cut off behind line 1"):
            list(entries(iter([])))
        self.refused("line 3: 5 lines should stand before it, and there are 1", USER, end=5)

    def test_what_stands_behind_the_end(self) -> None:
        end = json.dumps({"kind": "end", "lines": 0}).encode()
        self.assertEqual(list(entries(iter([end, b"\n"]))), [])
        with self.assertRaisesRegex(BadDump, "line 3: the dump has ended"):
            list(entries(iter([end, json.dumps(USER).encode()])))
