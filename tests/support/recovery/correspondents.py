"""Users who send all the time, by WebSocket and by HTTP, to a server that ends and comes back."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import treq
from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredList, succeed
from twisted.internet.error import ConnectError
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from tests.support.nodes.client import Client, HungUp, connect
from tests.support.recovery.letters import CHATROOM, PRIVATE, Account, Letter
from tests.support.redis.environment import HOST, PATIENCE

LOGIN, SEND, HISTORY, JOIN = 101, 201, 203, 301
OK, UNAVAILABLE, UNAUTHORIZED = 0, 503, 401
BATCH = 16  # messages that are sent without waiting for replies, at most
PAUSE = 0.05  # seconds between two attempts
PAGE = 100  # messages


class Sender:
    """One who sends, and repeats what has no answer."""

    def __init__(
        self,
        user_id: str,
        targets: Sequence[tuple[int, str]],
        dice: Random,
        account: Account,
    ) -> None:
        """*targets* are kinds and names."""
        self.user_id = user_id
        self.letters: list[Letter] = []  # all, in the order of sending
        self.ended: Deferred[None] = succeed(None)
        self._targets = targets
        self._dice = dice
        self._account = account
        self._unanswered: list[Letter] = []
        self._is_stopped = self._has_given_up = False

    def start(self) -> None:
        """Send until `stop`; ``ended`` fires when all is acknowledged."""
        self.ended = Deferred.fromCoroutine(self._live()).addErrback(self._failed)

    def _failed(self, failure: Failure) -> None:
        self._account.blame(f"{self.user_id} has ended: {failure.getTraceback()}")

    def stop(self) -> None:
        self._is_stopped = True

    def go(self) -> Deferred[None]:
        """End at once, whatever is not acknowledged; fire when it has ended."""
        self._is_stopped = self._has_given_up = True
        return self.ended

    async def _live(self) -> None:
        while not self._is_stopped:
            self._write(self._dice.randint(1, BATCH))
            await self._send_all()

    async def _send_all(self) -> None:
        """Send what has no answer, until all has one."""
        while self._unanswered and not self._has_given_up:
            await self._try_all(list(self._unanswered))
            self._unanswered = [letter for letter in self._unanswered if not letter.answers]

    async def _try_all(self, letters: list[Letter]) -> None:
        raise NotImplementedError

    def _write(self, count: int) -> None:
        for _ in range(count):
            kind, target = self._dice.choice(self._targets)
            request_id = f"{self.user_id} {len(self.letters)}"
            content = request_id + " ☺" * self._dice.choice((0, 3, 40))
            letter = Letter(request_id, content, self.user_id, kind, target)
            self.letters.append(letter)
            self._unanswered.append(letter)

    def _take_answer(self, letter: Letter, data: dict[str, Any]) -> None:
        is_first = not letter.answers
        letter.answers.add((data["id"], data["sequence"]))
        if is_first:
            self._account.acknowledge()


class Device(Sender):
    """A device that comes back with ``since`` and ``epoch``. It is in its chatrooms from the first
    login on."""

    def __init__(
        self,
        port: int,
        user_id: str,
        targets: Sequence[tuple[int, str]],
        dice: Random,
        account: Account,
    ) -> None:
        super().__init__(user_id, targets, dice, account)
        self.pushed: dict[str, Any] = {}  # private messages by id
        self.heard: dict[str, Any] = {}  # chatroom messages by id
        self.logins = 0
        self._port = port
        self._client: Client | None = None
        self._epoch = ""
        self._since = "0" * 32
        self._taken = 0  # pushes of this connection
        self._missed = 0  # messages of this login that are still to come

    async def come(self) -> None:
        """Connect and log in; try until it works."""
        while self._client is None and not self._has_given_up:
            try:
                await self._log_in(await connect(self._port))
            except (ConnectError, HungUp):
                await deferLater(reactor, PAUSE)

    async def join_all(self) -> None:
        """Join all chatrooms."""
        assert self._client is not None
        for kind, target in self._targets:
            if kind == CHATROOM:
                await self._client.ask(JOIN, id=target)

    async def come_again(self) -> None:
        """Come back on a new connection, and wait for what was missed."""
        await self.hang_up()
        await self.come()
        await self._catch_up()

    async def hang_up(self) -> None:
        if self._client is not None:
            client = self._client
            self._lose()
            await client.hang_up()

    async def history(self, session_id: str) -> list[Any]:
        """Return all messages of a session, the oldest first."""
        assert self._client is not None
        items: list[Any] = []
        has_more = True
        while has_more:
            before = {"message_id": items[-1]["id"]} if items else {}
            page = await self._client.ask(HISTORY, session_id=session_id, count=PAGE, **before)
            items += reversed(page["items"])
            has_more = page["has_more"]
        return items[::-1]

    async def _log_in(self, client: Client) -> None:
        point = {"since": self._since, "epoch": self._epoch} if self._epoch else {}
        answer = await client.attempt(LOGIN, id=self.user_id, **point)
        if answer.code == UNAVAILABLE:  # it starts
            await client.hang_up()
            raise HungUp
        self._client, self._taken, self._missed = client, 0, answer.data["missed"]
        self.logins += 1
        if self._epoch and not (answer.data["recovered"] and answer.data["epoch"] == self._epoch):
            self._account.blame(f"login {self.logins} of {self.user_id}: {answer.data}")
        self._epoch = answer.data["epoch"]

    async def _catch_up(self) -> None:
        """Ask until what was missed is here: an answer comes after the pushes before it."""
        assert self._client is not None
        while self._missed > 0:
            await self._client.ask(105)
            self._take_pushes(self._client)

    async def _try_all(self, letters: list[Letter]) -> None:
        await self.come()
        if (client := self._client) is not None:
            tried = [Deferred.fromCoroutine(self._try(client, letter)) for letter in letters]
            results = await DeferredList(tried, consumeErrors=True)
            self._take_pushes(client)
            if not all(success for success, _ in results):
                self._lose()
                await client.hang_up()

    async def _try(self, client: Client, letter: Letter) -> None:
        letter.tries += 1
        answer = await client.attempt(SEND, **letter.body)
        if answer.code != OK:
            self._account.blame(f"{letter}: {answer}")
        else:
            self._take_answer(letter, answer.data)

    def _lose(self) -> None:
        if self._client is not None:
            self._take_pushes(self._client)
        self._client = None

    def _take_pushes(self, client: Client) -> None:
        pushes = client.pushes[self._taken :]
        self._taken += len(pushes)
        for push in pushes:
            for item in push["items"]:
                self._take(item)

    def _take(self, item: Any) -> None:
        if item["session_id"][0] == str(CHATROOM):
            self.heard[item["id"]] = item
            return
        self._missed -= 1
        if item["id"] in self.pushed:
            self._account.blame(f"{item} was pushed to {self.user_id} twice")
        self.pushed[item["id"]] = item
        self._since = max(self._since, item["id"])


class Poster(Sender):
    """Sends over HTTP, one message after the other, with the token of its first login."""

    def __init__(
        self,
        port: int,
        user_id: str,
        targets: Sequence[tuple[int, str]],
        dice: Random,
        account: Account,
    ) -> None:
        super().__init__(user_id, targets, dice, account)
        self._url = f"http://{HOST}:{port}"
        self._headers: Any = {}

    async def log_in(self) -> None:
        """Get the token."""
        status, data = await self._post("/v1/login", {"id": self.user_id})
        assert status == 200, (status, data)
        self._headers = {"Authorization": f"Bearer {data['token']}"}

    async def _try_all(self, letters: list[Letter]) -> None:
        for letter in letters:
            letter.tries += 1
            try:
                status, data = await self._post("/v1/messages", letter.body)
            except Exception:  # of several kinds: it is not there, or it ended before its answer
                status, data = UNAVAILABLE, None
            if status == 200:
                self._take_answer(letter, data)
                continue
            if status != UNAVAILABLE:
                self._account.blame(f"{letter}: {status}")
            await deferLater(reactor, PAUSE)
            return

    async def _post(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        response = await treq.post(
            self._url + path, json=body, headers=self._headers, persistent=False, timeout=PATIENCE
        )
        return response.code, (await treq.json_content(response))["data"]


def targets_of(user_id: str, user_ids: Sequence[str], rooms: Sequence[str]) -> list[tuple[int, str]]:
    """Return the users and chatrooms that a user writes to: more often to a user."""
    private = [(PRIVATE, other) for other in user_ids if other != user_id]
    return private + [(CHATROOM, room) for room in rooms]
