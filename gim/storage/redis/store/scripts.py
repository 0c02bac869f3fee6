"""The Lua scripts, what a server does in one step: sent to it once, and then called by their hashes."""

from __future__ import annotations

from importlib.resources import files

from gim.storage.redis.client.script import Script

_LUA = files(__package__) / "lua"


def _load(name: str) -> Script:
    """Join the library, the parts that the script's first line names, and the script itself."""
    own = _read(name)
    parts = own.splitlines()[0].removeprefix("-- parts:").split()
    return Script(name, "\n".join([_read("lib"), *map(_read, parts), own]))


def _read(name: str) -> str:
    return (_LUA / f"{name}.lua").read_text("utf-8")


ADMIT = _load("admit")
AFTER = _load("after")
APPOINT = _load("appoint")
BAN = _load("ban")
BANNED = _load("banned")
BEAT = _load("beat")
BROADCAST = _load("broadcast")
CREATE = _load("create")
DELIVERED = _load("delivered")
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
MUTE = _load("mute")
NEWEST = _load("newest")
OPEN = _load("open")
PRESENT = _load("present")
PUT_USER = _load("put_user")
RECALL = _load("recall")
REFER = _load("refer")
REMOVE = _load("remove")
RENAME = _load("rename")
RENEW = _load("renew")
SEND_CHATROOM = _load("send_chatroom")
SEND_PRIVATE = _load("send_private")
STORE = _load("store")
UNSEEN = _load("unseen")
UNSETTLED = _load("unsettled")
WATCH = _load("watch")

ALL = [script for script in tuple(globals().values()) if isinstance(script, Script)]
