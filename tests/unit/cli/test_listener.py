"""What ``gim listen`` prints, and which chatrooms it joins."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
from argparse import Namespace
from collections.abc import AsyncIterator, Sequence
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gim.cli.failures import Failure
from gim.cli.listener import Listener, Rooms
from gim.cli.message_format import DEFAULT, message_format
from gim.cli.notices import text_of
from gim.cli.output import Output
from gim.client import events as kinds
from gim.client.calls import SessionItem
from gim.client.events import Event, Gap, Message, Reset, Sent, State, User
from gim.client.outcome import GimError

ID = "0" * 32
EVIL = "a\x1b[2J\n\u202e"
SAFE = "a\\x1b[2J\\n\\u202e"
NOTICES: Sequence[tuple[Event, str]] = (
    (Gap("1:den", None, None, 1200), "1,200 messages are missing"),
    (Gap("1:den", None, None, None), "some messages are missing"),
    (Reset("epoch"), "the server has lost its data"),
    (Reset("missed"), "more messages were missed than the server keeps"),
    (kinds.Recalled("ann", "1:den", EVIL), f"ann recalled the message {SAFE}"),
    (kinds.Read("ann", "1:den", "ann", ID, 2), f"ann has read up to {ID}, 2 are unread"),
    (kinds.Renamed("ann", "1:den", EVIL), f"ann renamed the chatroom to {SAFE}"),
    (kinds.Dismissed(EVIL, "1:den", "bob"), f"{SAFE} dismissed the chatroom"),
    (kinds.Removed("ann", "1:den", EVIL), f"ann removed {SAFE}"),
    (kinds.Muted("ann", "1:den", "bob", 1_800_000_000_000), "ann muted bob until 2027-01-15T08:00:00Z"),
    (kinds.Muted("ann", "1:den", "bob"), "ann ended the mute of bob"),
    (kinds.Appointed("ann", "1:den", "bob", EVIL), f"ann made bob {SAFE}"),
    (kinds.Broadcast(".", EVIL), f"to all: {SAFE}"),
    (kinds.Error("protocol", EVIL), f"protocol, {SAFE}"),
    (kinds.Other(EVIL, {"x": "\x1b"}), f'{SAFE} {{"x":"\\u001b"}}'),
)


def message(content: str, session: str = "2:ann:bob", status: int = 1) -> Message:
    sender = User("ann", "Ann")
    return Message(ID, session, sender, "text", content, 0, status, 1_800_000_000_000, "Ann")


async def each(*events: Event) -> AsyncIterator[Event]:
    for event in events:
        yield event


class ListenerTestCase(SynchronousTestCase):
    def listen(
        self, *events: Event, sessions: Sequence[str] = (), format: str = DEFAULT, **options: bool
    ) -> list[str]:
        """Return the lines on standard output; ``err`` has the others."""
        args = Namespace(json=options.get("json", False), quiet=False, no_color=True)
        out, err = io.StringIO(), io.StringIO()
        self.listener = Listener(
            Output(args), format, sessions, prints_events=options.get("prints_events", False)
        )
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            asyncio.run(self.listener.run(each(*events), 3))
        self.err = err.getvalue().splitlines()
        return out.getvalue().splitlines()


class TextTests(ListenerTestCase):
    def test_a_message_is_a_line_whatever_is_in_it(self) -> None:
        self.assertEqual(
            self.listen(message(EVIL), message("", status=2)),
            [
                f"2027-01-15T08:00:00Z 2:ann:bob ann: {SAFE}",
                "2027-01-15T08:00:00Z 2:ann:bob ann: (recalled)",
            ],
        )

    def test_it_ends_after_so_many(self) -> None:
        self.assertEqual(len(self.listen(*map(message, "abcd"))), 3)

    def test_only_sessions_that_are_asked_for_count(self) -> None:
        events = message("a"), message("b", "1:den"), Gap("2:ann:bob", None, None, 1)
        self.assertEqual(self.listen(*events, sessions=["1:den"], format="{content}"), ["b"])
        self.assertEqual((self.listener.printed, self.err), (1, []))

    def test_gaps_and_events_are_notes(self) -> None:
        sent = Sent("r", ID, "2:ann:bob", 0, 0)
        events = Gap("1:den", None, None, 3), kinds.Read("ann", "1:den"), Reset("start"), sent
        self.assertEqual(self.listen(*events), [])
        self.assertEqual(self.err, ["1:den 3 messages are missing"])

    def test_events_are_lines_on_request(self) -> None:
        events = Gap("1:den", None, None, 3), Reset("epoch"), Reset("start")
        self.assertEqual(
            self.listen(*events, prints_events=True),
            ["* 1:den 3 messages are missing", "* the server has lost its data"],
        )

    def test_every_event_has_a_text_in_which_nothing_controls_a_terminal(self) -> None:
        for event, text in NOTICES:
            self.assertEqual(text_of(event), text)
        for event in message("x"), State("online"), Reset("start"):
            self.assertEqual(text_of(event), "")

    def test_a_change_of_the_connection_is_a_note(self) -> None:
        self.listen(State("connecting"), State("waiting", 1.25, 1006, EVIL), State("online"))
        self.assertEqual(self.err, [f"disconnected (1006, {SAFE}): next try in 1.2 s", "connected again"])
        self.listen(State("waiting", 1.0, 1006))
        self.assertEqual(self.err, ["disconnected (1006): next try in 1.0 s"])
        self.assertRaises(Failure, self.listen, State("closed", None, 3503, "banned"))


class JsonTests(ListenerTestCase):
    def test_a_message_is_an_object(self) -> None:
        (line,) = self.listen(message("a\x1b"), json=True)
        self.assertNotIn("\x1b", line)
        found = json.loads(line)
        self.assertEqual((found["kind"], found["content"]), ("message", "a\x1b"))
        self.assertEqual(found["sender"], {"id": "ann", "name": "Ann"})

    def test_other_events_are_on_request(self) -> None:
        events = State("waiting", 1.0, 1006), Gap("1:den", None, ID, 3), kinds.Read("ann", "1:den")
        self.assertEqual(self.listen(*events, json=True), [])
        found = [json.loads(line) for line in self.listen(*events, json=True, prints_events=True)]
        self.assertEqual([event["kind"] for event in found], ["state", "gap", "read"])
        self.assertEqual(
            found[1],
            {"kind": "gap", "session_id": "1:den", "after": None, "before": ID, "skipped": 3},
        )


class FormatTests(ListenerTestCase):
    def test_all_fields_may_be_named(self) -> None:
        format = message_format(r"{id}\t{sequence}\n{{{name}}} {title} {category} {session} \\t")
        out = self.listen(message("x"), format=format)
        self.assertEqual(out, [f"{ID}\t0", r"{Ann} Ann text 2:ann:bob \t"])

    def test_anything_else_is_refused(self) -> None:
        for text in ("{x}", "{}", "{sender.id}", "{time!r}", "{time:>99999999999}", "{", "}"):
            self.assertRaises(ValueError, message_format, text)


class Joining:
    """A client that remembers which chatrooms it is in."""

    def __init__(self, *rooms: str) -> None:
        self.rooms = set(rooms)
        self.is_offline = False

    async def sessions(self, type: int) -> list[SessionItem]:
        return [SessionItem(f"1:{room}", type, room, None, 0) for room in self.rooms]

    async def join(self, room: str) -> None:
        self.rooms.add(room)

    async def leave(self, room: str) -> None:
        if self.is_offline:
            raise GimError("closed", "the client is waiting")
        self.rooms.remove(room)


class RoomsTests(SynchronousTestCase):
    def rooms(self, client: Any, *rooms: str) -> Rooms:
        return Rooms(client, rooms, Output(Namespace(json=False, quiet=False, no_color=True)))

    def test_only_those_that_were_joined_are_left(self) -> None:
        client = Joining("den")
        rooms = self.rooms(client, "den", "hall")
        asyncio.run(rooms.join())
        self.assertEqual(client.rooms, {"den", "hall"})
        asyncio.run(rooms.leave())
        self.assertEqual(client.rooms, {"den"})

    def test_without_rooms_nothing_is_asked(self) -> None:
        asyncio.run(self.rooms(None).join())

    def test_one_that_can_not_be_left_is_named(self) -> None:
        client, err = Joining(), io.StringIO()
        rooms = self.rooms(client, "hall")
        asyncio.run(rooms.join())
        client.is_offline = True
        with contextlib.redirect_stderr(err):
            asyncio.run(rooms.leave())
        self.assertEqual(err.getvalue(), "hall was not left: closed, the client is waiting\n")
