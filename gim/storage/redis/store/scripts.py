"""The Lua scripts: what a server does in one step. Each is sent once, and then called by its hash."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

from gim.ids import SYSTEM
from gim.storage.redis.client.script import Script
from gim.storage.rules import LEAST_RANK, RANKS, SYSTEM_RANK

ALL: list[Script] = []

_LUA = files(__package__) / "lua"


def _load(name: str) -> Script:
    """Join the library, the parts that the script's first line names, and the script itself."""
    own = _read(name)
    parts = own.splitlines()[0].removeprefix("-- parts:").split()
    script = Script(name, "\n".join([_read("lib"), *map(_part, parts), own]))
    ALL.append(script)
    return script


def _part(name: str) -> str:
    return _rules() if name == "rules" else _read(name)


def _read(name: str) -> str:
    return (_LUA / f"{name}.lua").read_text("utf-8")


def _rules() -> str:
    """Write what the scripts need of `gim.storage.rules`."""
    ranks = RANKS | {"system": SYSTEM_RANK}
    return f"""
local SYSTEM = '{SYSTEM}'
local RANK = {_table(ranks)}
local LEAST_RANK = {_table(LEAST_RANK)}
"""


def _table(numbers: Mapping[str, int]) -> str:
    return "{" + ", ".join(f"{name} = {number}" for name, number in numbers.items()) + "}"


ADMIT = _load("admit")
AFTER = _load("after")
APPOINT = _load("appoint")
BAN = _load("ban")
BANNED = _load("banned")
BEAT = _load("beat")
BROADCAST = _load("broadcast")
CREATE = _load("create")
DELIVERED = _load("delivered")
DESCRIBED = _load("described")
DISBAND = _load("disband")
DISMISS = _load("dismiss")
ENTER = _load("enter")
EVENT = _load("event")
EXIT = _load("exit")
HISTORY = _load("history")
INDEX = _load("index")
JOIN = _load("join")
LEAVE = _load("leave")
LINE = _load("line")
LISTED = _load("listed")
MARK_READ = _load("mark_read")
MEMBERS = _load("members")
MESSAGE = _load("message")
MUTE = _load("mute")
NEWEST = _load("newest")
OPEN = _load("open")
PEOPLE = _load("people")
PRESENT = _load("present")
PUT_USER = _load("put_user")
RECALL = _load("recall")
REFER = _load("refer")
REMOVE = _load("remove")
RENAME = _load("rename")
RENEW = _load("renew")
ROOMS = _load("rooms")
SEND_CHATROOM = _load("send_chatroom")
SEND_PRIVATE = _load("send_private")
SINCE = _load("since")
STORE = _load("store")
UNSEEN = _load("unseen")
UNSETTLED = _load("unsettled")
VALUES = _load("values")
WATCH = _load("watch")
