"""What the user may type: text, or a word that begins with a slash."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from difflib import get_close_matches
from typing import Final, NamedTuple

from gim import units
from gim.cli.chat.book import Conversation
from gim.cli.chat.painting import shortened
from gim.cli.chat.talk import SHOWN, Talk
from gim.cli.output import count, safe
from gim.client.events import User
from gim.client.outcome import GimError
from gim.errors import BadRequest, NotFound

QUIT: Final = "quit"
_OFFLINE: Final = "there is no connection: try again when it is back"
_MOST = 100  # messages that the server gives at a time


class Word(NamedTuple):
    """What a word takes, and what it does."""

    takes: str
    does: str


WORDS: Final = {
    "to": Word("WHO", "open a conversation: bob, #den"),
    "join": Word("ROOM [NAME]", "join or create a chatroom, and open it"),
    "leave": Word("[ROOM]", "leave a chatroom for good"),
    "sessions": Word("", "list all conversations"),
    "members": Word("", "list the members of the chatroom"),
    "history": Word("[N]", f"show the newest messages again, {SHOWN} if left out"),
    "read": Word("[WHO]", "mark one conversation as read, or all"),
    "recall": Word("[N]", "recall your last message, or the Nth last"),
    "retry": Word("[N]", "send again what was not sent, the last or number N"),
    "who": Word("", "say who you are, and where"),
    "help": Word("", "list these words"),
    QUIT: Word("", "end, as Ctrl-D does"),
}


class Words:
    """Does what is typed."""

    def __init__(self, talk: Talk, url: str) -> None:
        self._talk = talk
        self._url = url
        self._acts: dict[str, Callable[[str], Awaitable[None]]] = {
            "to": self._to,
            "join": self._join,
            "leave": self._leave,
            "sessions": self.sessions,
            "members": self._members,
            "history": self._history,
            "read": self._read,
            "recall": self._recall,
            "retry": self._retry,
            "who": self._who,
            "help": self._help,
        }

    async def enter(self, text: str) -> None:
        """Send a text, or follow its word. A text that begins with // is sent with one slash."""
        if not text.strip():
            self._talk.wake()
            return
        if not text.startswith("/") or text.startswith("//"):
            self._talk.send(text.removeprefix("/") if text.startswith("//") else text)
            return
        word, _, rest = text[1:].strip().partition(" ")
        act = self._acts.get(word)
        if act is None:
            self._talk.complain(_unknown(word))
            return
        try:
            await act(rest.strip())
        except GimError as error:
            is_offline = error.code == "closed"
            self._talk.complain(_OFFLINE if is_offline else safe(str(error)))
        except (BadRequest, ValueError) as error:
            self._talk.complain(safe(str(error)))

    async def start(self, who: str | None, room: str | None) -> None:
        """Begin with a user, a chatroom, or the list of all. Raises `GimError`, `BadRequest`."""
        await self._talk.load_sessions()
        if room is not None:
            await self._join(room)
        elif who is not None:
            await self._talk.open(self._talk.book.user(who))
        else:
            await self.sessions("")

    async def _to(self, who: str) -> None:
        await self._talk.open(self._named(who))

    def _named(self, who: str) -> Conversation:
        if not who:
            raise ValueError("name a user or a chatroom: /to bob, /to #den")
        return self._talk.book.find(who)

    async def _join(self, rest: str) -> None:
        id, _, name = rest.partition(" ")
        room = self._talk.book.room(id.removeprefix("#"))
        await self._talk.client.join(room.target, name.strip())
        await self._talk.load_sessions()
        await self._talk.open(room)

    async def _leave(self, id: str) -> None:
        room = self._talk.book.room(id.removeprefix("#")) if id else self._open_room()
        try:
            await self._talk.client.leave(room.target)
        except GimError as error:
            if error.code != NotFound.code:  # a chatroom that is gone is left already
                raise
        self._talk.book.forget(room)
        self._talk.tell(f"you left {safe(room.word)}")

    def _open_room(self) -> Conversation:
        room = self._talk.book.open
        if room is None or not room.is_room:
            raise ValueError("no chatroom is open")
        return room

    async def sessions(self, rest: str) -> None:
        """List all conversations."""
        if self._talk.client.state == "online":
            await self._talk.load_sessions()
        book = self._talk.book
        for each in book:
            unread = f", {count(each.unread)} unread" if each.unread else ""
            self._talk.tell(f"{book.title_of(each)}{unread}")
        if not list(book):
            self._talk.tell("there are no conversations yet: /to bob, /join den")

    async def _members(self, rest: str) -> None:
        room = self._open_room()
        members = await self._talk.client.members(room.target)
        self._talk.book.meet(User(each.id, each.name) for each in members)
        for member in members:
            role = "" if member.role == "member" else f", {member.role}"
            online = "online" if member.online else "offline"
            self._talk.tell(f"{self._talk.book.name_of(member.id)}: {online}{role}")

    async def _history(self, number: str) -> None:
        if self._talk.book.open is None:
            raise ValueError("no conversation is open")
        wanted = min(_MOST, units.count(number)) if number else SHOWN
        await self._talk.open(self._talk.book.open, wanted)

    async def _read(self, who: str) -> None:
        for each in [self._named(who)] if who else self._talk.book.unread():
            newest = (await self._talk.client.history(each.session, count=1)).items
            if newest:
                each.unread = await self._talk.client.read(each.session, newest[0].id)
        self._talk.tell("marked as read")

    async def _recall(self, number: str) -> None:
        book = self._talk.book
        if book.open is None:
            raise ValueError("no conversation is open")
        own, place = book.open.own(book.me), units.count(number) if number else 1
        if place > len(own):
            raise ValueError("there is no such message of yours on the screen")
        self._talk.recalling.add(own[place - 1].id)
        await self._talk.client.recall(book.open.session, own[place - 1].id)
        self._talk.tell(f"recalled: {shortened(own[place - 1].content)}")

    async def _retry(self, number: str) -> None:
        if not self._talk.letters.retry(units.count(number) if number else None):
            raise ValueError("there is no such message that was not sent")

    async def _who(self, rest: str) -> None:
        user, book = self._talk.client.user, self._talk.book
        name = safe(f"{user.name} ({user.id})" if user and user.name != user.id else book.me)
        preposition = "in" if book.open and book.open.is_room else "with"
        where = f", {preposition} {book.title_of(book.open)}" if book.open else ""
        self._talk.tell(f"you are {name} at {safe(self._url)}, {self._talk.client.state}{where}")

    async def _help(self, rest: str) -> None:
        heads = {name: f"/{name} {word.takes}".strip() for name, word in WORDS.items()}
        width = max(map(len, heads.values()))
        for name, word in WORDS.items():
            self._talk.tell(f"{heads[name].ljust(width)}  {word.does}")
        self._talk.tell("//text sends a text with one slash; Alt-Enter breaks the line; Tab completes")


def _unknown(word: str) -> str:
    near = get_close_matches(word, WORDS, 1)
    return f"/{safe(word)} is not known: " + (f"did you mean /{near[0]}?" if near else "/help lists all")
