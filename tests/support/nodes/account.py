"""The account of a traffic that has ended: what was acknowledged, stored, and pushed to whom."""

from __future__ import annotations

from collections import Counter
from typing import Any
from unittest import TestCase

from tests.support.nodes.client import Client
from tests.support.nodes.cluster_case import CHATROOM, eventually
from tests.support.nodes.traffic import Letter, Traffic

NEWEST = 10  # messages of a chatroom push


class Account:
    """Compares what is stored with what senders were told and with what receivers got."""

    def __init__(self, case: TestCase, traffic: Traffic) -> None:
        self._case = case
        self._traffic = traffic
        self._stored: dict[str, list[Any]] = {}  # messages by session

    async def settle(self) -> None:
        """Check all; connections that were closed on the way count no more."""
        await self._read()
        self._check_stored()
        for client in self._traffic.clients:
            if client.close_code is None:
                await self._check_private(client)
                await self._check_chatroom(client)

    # what is stored

    async def _read(self) -> None:
        for session_id in {letter.session_id for letter in self._traffic.letters}:
            people = [one for one in self._traffic.clients if _may_read(one, session_id)]
            some = [one for one in people if one.close_code is None]
            first, *others = [await _history(one, session_id) for one in some[:2]]
            for other in others:
                self._case.assertEqual(first, other, "two readers see the same")
            self._stored[session_id] = first

    def _check_stored(self) -> None:
        """All that was acknowledged, each once, and else only what was answered with 503."""
        told = {letter.content: letter for letter in self._traffic.letters}
        kept = [message for messages in self._stored.values() for message in messages]
        contents = Counter(message["content"] for message in kept)
        self._case.assertEqual([one for one, times in contents.items() if times > 1], [], "twice")
        for message in kept:
            letter = told[message["content"]]
            self._case.assertIn(letter.id, ("", message["id"]), "acknowledged under another id")
        lost = [one.content for one in told.values() if one.id and one.content not in contents]
        self._case.assertEqual(lost, [], "acknowledged but not stored")

    def stored(self, letter: Letter) -> bool:
        """Say whether a letter is in the history."""
        return any(one["content"] == letter.content for one in self._stored[letter.session_id])

    def stored_afterwards(self) -> list[str]:
        """Return what was stored after it was answered with 503, going by the server's clock.

        What was stored before is no fault: a server may stop, or lose its way to the node, between
        storing and answering, and the sender is told that it is not known.
        """
        made = {one["content"]: one["created_at"] for kept in self._stored.values() for one in kept}
        refused = [one for one in self._traffic.letters if one.refused_at and not one.id]
        return [one.content for one in refused if made.get(one.content, 0) > one.refused_at[0] * 1000]

    # what was pushed

    async def _check_private(self, client: Client) -> None:
        """Each private message once and in the order of its session, but those sent here never."""
        wanted = self.private_to(client)
        await eventually(lambda: wanted <= _ids(client, "2:").keys(), f"all pushes to {_name(client)}")
        got = _ids(client, "2:")
        self._case.assertEqual(_repeated(got), [], f"pushed twice to {_name(client)}")
        self._case.assertEqual(got.keys() - wanted, set(), f"not to be pushed to {_name(client)}")
        for session_id in self._stored:
            if session_id.startswith("2:"):
                ids = [item["id"] for item in client.items(session_id)]
                self._case.assertEqual(ids, sorted(ids), f"{session_id} at {_name(client)}")

    def private_to(self, client: Client) -> set[str]:
        """Return the ids of the private messages that a connection is to get."""
        own = self.said_by(client)
        return {
            message["id"]
            for session_id, messages in self._stored.items()
            if session_id.startswith("2:") and client.user_id in session_id.split(":")
            for message in messages
            if message["content"] not in own
        }

    def said_by(self, client: Client) -> set[str]:
        """Return the contents that were sent on a connection."""
        return {letter.content for letter in self._traffic.letters if letter.client is client}

    async def _check_chatroom(self, client: Client) -> None:
        """The newest messages, each once, the newest of all in the last push."""
        room_id = self._traffic.room_id
        ids = [message["id"] for message in self._stored[room_id]]
        newest = set(ids[-NEWEST:])
        await eventually(lambda: newest <= _ids(client, "1:").keys(), f"the newest at {_name(client)}")
        got = [item["id"] for item in client.items(room_id)]
        self._case.assertEqual(_repeated(Counter(got)), [], f"pushed twice to {_name(client)}")
        self._case.assertEqual(got, sorted(got), f"out of order at {_name(client)}")
        self._case.assertEqual(got[-1], ids[-1], f"the last push to {_name(client)}")
        self._case.assertEqual(len(got) + client.skipped(room_id), len(ids), _name(client))


def _may_read(client: Client, session_id: str) -> bool:
    kind, *people = session_id.split(":")
    return kind == str(CHATROOM) or client.user_id in people


async def _history(client: Client, session_id: str) -> list[Any]:
    """Return all messages of a session, oldest first."""
    found: list[Any] = []
    more = True
    while more:
        before = {"message_id": found[0]["id"]} if found else {}
        page = await client.ask(203, session_id=session_id, count=100, **before)
        found[:0] = page["items"]
        more = page["has_more"]
    return found


def _ids(client: Client, kind: str) -> Counter[str]:
    return Counter(one["id"] for one in client.items() if one["session_id"].startswith(kind))


def _repeated(ids: Counter[str]) -> list[str]:
    return [one for one, times in ids.items() if times > 1]


def _name(client: Client) -> str:
    return f"{client.user_id} at port {client.port}"
