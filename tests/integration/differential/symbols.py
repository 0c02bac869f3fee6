"""What differs from run to run, and the words that stand for it."""

from __future__ import annotations

import re
from typing import Any

_MARK = re.compile(r"<(message|session|sessions|members|epoch|key)(?::(\d+)([+-]1)?)?>")
_MESSAGE_ID = re.compile(r"\b[0-9a-f]{32}\b")
_CHANGING = re.compile(r"\b\d+ s\b|trace [0-9a-f]+")  # in sentences: how long a mute lasts
_LAST = 16**32 - 1
_TIMES = frozenset({"server_time", "until", "since", "time", "number"})
_HIDDEN = frozenset({"token", "node", "peer", "key"})


class Symbols:
    """Puts words in place of ids, times and tokens, and the other way round."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self._words: dict[str, str] = {}  # by id
        self._ids: list[str] = []
        self._sessions: dict[str, str] = {}  # by message id
        self._told: dict[tuple[str, str], str] = {}  # cursors and epochs, by actor and mark
        self.keys: list[str] = []  # of connections, as listed last

    # from marks to what the server knows

    def fill_in(self, value: Any, actor: str) -> Any:
        """Return a copy with all marks replaced."""
        if isinstance(value, dict):
            return {name: self.fill_in(each, actor) for name, each in value.items()}
        if isinstance(value, list):
            return [self.fill_in(each, actor) for each in value]
        if not isinstance(value, str):
            return value
        return _MARK.sub(lambda match: self._find(match, actor), value.replace("~", self.prefix))

    def _find(self, match: re.Match[str], actor: str) -> str:
        kind, back, shift = match.groups()
        if kind in ("sessions", "members", "epoch"):
            return self._told.get((actor, kind), "")
        if kind == "key":
            return self.keys[0] if self.keys else "none"
        message_id = self._ids[-1 - int(back) % len(self._ids)] if self._ids else "0" * 32
        if kind == "session":
            return self._sessions.get(message_id, "1:none")
        return f"{min(max(int(message_id, 16) + int(shift or 0), 0), _LAST):032x}"

    # from what the server says to words

    def learn(self, actor: str, data: Any) -> None:
        """Keep what later steps may ask for."""
        if isinstance(data, dict):
            if data.get("cursor"):
                self._told[actor, "members" if "total" in data else "sessions"] = data["cursor"]
            if data.get("epoch"):
                self._told[actor, "epoch"] = data["epoch"]
            if data.get("items") and "key" in data["items"][0]:
                self.keys = [item["key"] for item in data["items"]]

    def is_new(self, message_id: str) -> bool:
        return message_id not in self._words

    def in_words(self, value: Any, name: str = "") -> Any:
        """Return a copy in which nothing is left that differs from run to run."""
        if isinstance(value, dict):
            if "session_id" in value and "id" in value:
                self._sessions[value["id"]] = value["session_id"]
            return {key: self.in_words(each, key) for key, each in self._checked(value).items()}
        if isinstance(value, list):
            return [self.in_words(each, name) for each in value]
        if name in _HIDDEN and value:
            return name
        if name in _TIMES and value:
            return "time"
        return self._text(value, name) if isinstance(value, str) else value

    def _text(self, text: str, name: str) -> str:
        if name in ("cursor", "epoch"):
            return name if text else ""
        if name == "msg":
            text = _CHANGING.sub("…", text)
        return _MESSAGE_ID.sub(lambda match: self._word(match[0]), text).replace(self.prefix, "~")

    def _word(self, message_id: str) -> str:
        if message_id not in self._words:
            self._words[message_id] = f"message {len(self._ids)}"
            self._ids.append(message_id)
        return self._words[message_id]

    def _checked(self, value: dict[str, Any]) -> dict[str, Any]:
        """Replace the time of a message if it is that of its id, and that of a broadcast."""
        if "created_at" not in value:
            return value
        is_right = "id" not in value or int(value["id"][:12], 16) == value["created_at"]
        return value | {"created_at": "time" if is_right else f"not that of the id {value}"}
