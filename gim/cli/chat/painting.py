"""How things look in the chat: fragments of text with the name of a style, as prompt_toolkit has them.

What users wrote is escaped before it gets here or in here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from zlib import crc32

from gim.cli.chat.book import Book
from gim.cli.output import safe
from gim.client.events import Message
from gim.concurrency.clocks import WallClock

Fragments = list[tuple[str, str]]

STYLE: Final[Mapping[str, str]] = {
    "time": "dim",
    "divider": "dim",
    "notice": "dim",
    "recalled": "dim italic",
    "waiting": "dim",
    "error": "ansired",
    "broadcast": "ansiyellow bold",
    "me": "bold",
    "prompt": "bold",
    "hint": "dim",
    "sender0": "ansicyan",
    "sender1": "ansimagenta",
    "sender2": "ansigreen",
    "sender3": "ansiyellow",
    "sender4": "ansiblue",
    "sender5": "ansibrightred",
    "bottom-toolbar": "noreverse",
    "bar.online": "ansigreen",
    "bar.offline": "ansired",
    "bar.unread": "bold",
}
_SENDERS = sum(name.startswith("sender") for name in STYLE)
INDENT: Final = " " * 6  # as wide as a time
_RECALLED = 2  # the status of a message
_TAB = " " * 4


def divider(text: str) -> Fragments:
    """Return a line between messages."""
    return [("class:divider", f"── {text} ──")]


def notice(text: str, style: str = "notice") -> Fragments:
    """Return a line about something other than a message."""
    return [(f"class:{style}", f"· {text}")]


def error(text: str) -> Fragments:
    return [("class:error", f"! {text}")]


def day_of(message: Message) -> str:
    """Return the day of a message in the time zone of this machine, such as Monday, 23 November 2026."""
    return _day(_local(message.created_at))


def today() -> str:
    return _day(_local(WallClock().now_ms()))


def _day(at: datetime) -> str:
    return f"{at:%A}, {at.day} {at:%B %Y}"


def time_of(unix_ms: int) -> str:
    return f"{_local(unix_ms):%H:%M}"


def _local(unix_ms: int) -> datetime:
    return datetime.fromtimestamp(unix_ms / 1000).astimezone()


def painted(message: Message, book: Book) -> Fragments:
    """Return a message; further lines of its content are indented."""
    who = message.sender.id
    style = "class:me" if who == book.me else f"class:sender{crc32(who.encode()) % _SENDERS}"
    head = [("class:time", f"{time_of(message.created_at)} "), (style, f"{book.name_of(who)}: ")]
    if message.status == _RECALLED:
        return [*head, ("class:recalled", "(recalled)")]
    kind = "" if message.category == "text" else f"[{safe(message.category)}] "
    return [*head, ("", kind + in_lines(message.content))]


def in_lines(content: str) -> str:
    """Return a content with its line breaks, and all else that could control a terminal escaped."""
    lines = content.replace("\r\n", "\n").replace("\t", _TAB).split("\n")
    return f"\n{INDENT}".join(map(safe, lines))


def shortened(content: str, width: int = 40) -> str:
    """Return the beginning of a content in one line."""
    text = safe(content)
    return text if len(text) <= width else f"{text[: width - 1]}…"
