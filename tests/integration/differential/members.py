"""Who is a member of which chatroom, as far as the steps tell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from tests.integration.differential.steps import ADMINISTRATOR, Step

JOIN, LEAVE, DISMISS, REMOVE = 301, 303, 309, 311


class Members:
    """Tells for whose pushes a run must wait."""

    def __init__(self) -> None:
        self._rooms: defaultdict[str, set[str]] = defaultdict(set)

    def of(self, room: str) -> set[str]:
        return self._rooms[room]

    def note(self, step: Step, successes: Sequence[bool]) -> None:
        """Note what the requests of a step changed."""
        if step.via in ("ask", "burst"):
            for success, (op, body) in zip(successes, step.requests(), strict=False):
                if success:
                    self._note(step.user, op, body)
        elif step.via == "http" and "/chatrooms/" in step.path and successes[0]:
            self._note_request(step)

    def _note(self, user: str, op: int, body: dict[str, Any]) -> None:
        texts = {name: str(value).removeprefix("~") for name, value in body.items()}
        room = self._rooms[texts.get("id", "")]
        if op == JOIN:
            room.add(user)
        elif op == LEAVE:
            room.discard(user)
        elif op == DISMISS:
            room.clear()
        elif op == REMOVE:
            room.discard(texts["user_id"])

    def _note_request(self, step: Step) -> None:
        # /v1/chatrooms/ROOM/members/me, /v1/admin/chatrooms/ROOM, /v1/admin/chatrooms/ROOM/members/USER
        room, *rest = [word.removeprefix("~") for word in step.path.split("/chatrooms/")[1].split("/")]
        if len(rest) == 2:
            user = rest[1] if step.actor == ADMINISTRATOR else step.user
            if step.method == "PUT":
                self._rooms[room].add(user)
            elif step.method == "DELETE":
                self._rooms[room].discard(user)
        elif not rest and step.method == "DELETE":
            self._rooms[room].clear()
        elif not rest and step.method == "PUT" and step.body.get("owner_id"):
            self._rooms[room].add(step.body["owner_id"][1:])
