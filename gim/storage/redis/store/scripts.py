"""The Lua scripts, what a server does in one step: sent to it once, and then called by their hashes."""

from __future__ import annotations

from hashlib import sha1
from importlib.resources import files

_LUA = files(__package__) / "lua"


class Script:
    """A script of the directory ``lua``: the library, the parts that its first line names, itself."""

    __slots__ = ("name", "sha", "source")

    def __init__(self, name: str) -> None:
        self.name = name
        own = _read(name)
        parts = own.splitlines()[0].removeprefix("-- parts:").split()
        self.source = "\n".join([_read("lib"), *map(_read, parts), own])
        self.sha = sha1(self.source.encode(), usedforsecurity=False).hexdigest()


def _read(name: str) -> str:
    return (_LUA / f"{name}.lua").read_text("utf-8")


ADMIT = Script("admit")
AFTER = Script("after")
APPOINT = Script("appoint")
BAN = Script("ban")
BANNED = Script("banned")
BEAT = Script("beat")
BROADCAST = Script("broadcast")
CREATE = Script("create")
DELIVERED = Script("delivered")
DISBAND = Script("disband")
DISMISS = Script("dismiss")
ENTER = Script("enter")
EVENT = Script("event")
EXIT = Script("exit")
HISTORY = Script("history")
INDEX = Script("index")
JOIN = Script("join")
LEAVE = Script("leave")
LINE = Script("line")
LISTED = Script("listed")
MARK_READ = Script("mark_read")
MEMBERS = Script("members")
MUTE = Script("mute")
NEWEST = Script("newest")
OPEN = Script("open")
PRESENT = Script("present")
PUT_USER = Script("put_user")
RECALL = Script("recall")
REFER = Script("refer")
REMOVE = Script("remove")
RENAME = Script("rename")
RENEW = Script("renew")
SEND_CHATROOM = Script("send_chatroom")
SEND_PRIVATE = Script("send_private")
STORE = Script("store")
UNSEEN = Script("unseen")
UNSETTLED = Script("unsettled")
WATCH = Script("watch")

ALL = [script for script in tuple(globals().values()) if isinstance(script, Script)]
