"""Users who talk all the time, and what became of everything that they said."""

from __future__ import annotations

from collections.abc import Iterable

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

from gim.ids import chatroom_session, private_session
from tests.support.nodes.client import Answer, Client, HungUp
from tests.support.nodes.cluster_case import CHATROOM, PRIVATE, eventually

UNAVAILABLE = 503
PAUSE = 0.01  # seconds between an answer and the next message
PAUSE_AFTER_503 = 0.05


class Letter:
    """One message: its content is like no other, and so is its request_id."""

    def __init__(self, word: object, client: Client, kind: int, target_id: str) -> None:
        sender = client.user_id
        self.content = f"{sender} to {target_id}: {word}"
        self.client = client  # that sends it
        self.kind = kind
        self.target_id = target_id
        whole = private_session(sender, target_id) if kind == PRIVATE else chatroom_session(target_id)
        self.session_id = whole.id
        self.id = ""  # until it is acknowledged
        self.refused_at: list[float] = []  # when it was answered with 503

    async def send(self) -> Answer:
        """Send it, maybe again; take note of the answer."""
        words = {"content": self.content, "request_id": self.content}
        answer = await self.client.attempt(201, type=self.kind, target_id=self.target_id, **words)
        if answer.code == 0:
            self.id = answer.data["id"]
        else:
            self.refused_at.append(answer.at)
        return answer


class Sender:
    """Sends letters to its targets by turns, each when the one before was answered."""

    def __init__(self, client: Client, targets: Iterable[tuple[int, str]], persists: bool) -> None:
        """It *persists* if it sends again what was answered with 503 until it is acknowledged."""
        self.client = client
        self.letters: list[Letter] = []
        self.slowest = 0.0  # seconds until an answer
        self.codes: set[int] = set()
        self.acknowledged = self.refused = 0  # how often
        self._targets = tuple(targets)
        self._persists = persists
        self._stopped = False
        self.ended = Deferred.fromCoroutine(self._run())

    def stop(self) -> None:
        """Send no new letter."""
        self._stopped = True

    async def _run(self) -> None:
        try:
            while not self._stopped:
                for kind, target_id in self._targets:
                    letter = Letter(len(self.letters), self.client, kind, target_id)
                    self.letters.append(letter)
                    await self._deliver(letter)
        except HungUp:
            pass

    async def _deliver(self, letter: Letter) -> None:
        while not await self._send(letter) and self._persists:
            pass

    async def _send(self, letter: Letter) -> bool:
        answer = await letter.send()
        self.codes.add(answer.code)
        self.slowest = max(self.slowest, answer.took)
        self.acknowledged += answer.code == 0
        self.refused += answer.code != 0
        await deferLater(reactor, PAUSE_AFTER_503 if answer.code else PAUSE)
        return answer.code == 0


class Traffic:
    """Senders, and everybody who listens: senders are among the clients."""

    def __init__(self, clients: Iterable[Client], senders: Iterable[Sender], room: str) -> None:
        self.clients = list(clients)
        self.senders = list(senders)
        self.room_id = chatroom_session(room).id
        self.extra: list[Letter] = []  # sent once, by hand

    @property
    def letters(self) -> list[Letter]:
        return [letter for sender in self.senders for letter in sender.letters] + self.extra

    async def send_once(self, client: Client, target_id: str) -> Letter:
        """Send one private message in between; return when it is answered."""
        letter = Letter(f"extra {len(self.extra)}", client, PRIVATE, target_id)
        self.extra.append(letter)
        await letter.send()
        return letter

    @property
    def slowest(self) -> float:
        return max(sender.slowest for sender in self.senders)

    @property
    def refused(self) -> int:
        return sum(sender.refused for sender in self.senders)

    async def flows(self, count: int = 10) -> None:
        """Wait until each sender who is connected got *count* more acknowledgements."""
        wanted = [(sender, sender.acknowledged + count) for sender in self.senders]
        await eventually(
            lambda: all(s.client.close_code or s.acknowledged >= enough for s, enough in wanted),
            f"{count} acknowledgements for each sender",
        )

    async def is_refused(self, users: Iterable[str] = ()) -> None:
        """Wait until each sender, or those of *users*, got another 503."""
        names = set(users)
        some = [s for s in self.senders if not names or s.client.user_id in names]
        before = [(sender, sender.refused) for sender in some]
        await eventually(lambda: all(s.refused > n for s, n in before), "a 503 for each sender")

    async def stop(self) -> None:
        """End it: no letter of those who persist is left without an acknowledgement."""
        for sender in self.senders:
            sender.stop()
        await gatherResults([sender.ended for sender in self.senders])


def start_traffic(clients: Iterable[Client], room: str = "den") -> Traffic:
    """Let the first four of *clients* talk; the first and third one persist.

    The first two talk with each other, and so do the next two; all do in a chatroom that has them as
    members.
    """
    clients = list(clients)
    ann, bob, cid, dan = clients[:4]
    pairs = ((ann, bob, True), (bob, ann, False), (cid, dan, True), (dan, cid, False))
    senders = [
        Sender(one, ((PRIVATE, other.user_id), (CHATROOM, room)), persists)
        for one, other, persists in pairs
    ]
    return Traffic(clients, senders, room)
