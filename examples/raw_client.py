"""A chat client for gim: python3 raw_client.py ws://127.0.0.1:8080 ann bob

It logs in as ann, prints messages to ann, and sends each line of standard input to bob. When the
connection breaks, it comes back, gets the messages that it missed, and repeats sends that got no reply.
It ends at the end of its input, when all sends have got their replies.
It needs the package ``websockets``. If the server has a key, put ann's login token into the
variable TOKEN.
"""

import asyncio
import itertools
import json
import os
import random
import re
import stat
import sys
import uuid
from collections.abc import AsyncIterator
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

LOGIN, SEND, PUSH = 101, 201, 207
PRIVATE = 2  # the type of a session of two people
TRY_AGAIN = (429, 503)  # codes of a reply: too many requests; the storage is down
FINAL = 3500  # from this close code on, connecting again does not help
MAX_PAUSE = 30.0  # seconds between two attempts to connect


class Refused(Exception):
    """The server refuses this client."""


class Client:
    """Talks to one peer. It must remember the first four attributes between connections."""

    def __init__(self, url: str, user: str, peer: str) -> None:
        self.since = "0" * 32  # the newest message that was pushed to us
        self.epoch = "0" * 16  # the data set that this message is from
        self.known: set[str] = set()  # ids of messages printed or sent: some come twice
        self.unanswered: dict[str, str] = {}  # request_id -> content, in the order of sending
        self.all_answered = asyncio.Event()
        self.all_answered.set()
        self.url, self.user, self.peer = url, user, peer
        self.socket: ClientConnection | None = None  # while logged in
        self.numbers = itertools.count(1)
        self.pending: dict[int, str] = {}  # seq -> request_id, on this connection

    async def run(self) -> None:
        """Stay connected; raise `Refused` when coming back does not help."""
        failures = 0
        while True:
            try:
                async with connect(self.url) as socket:
                    await self.log_in(socket)
                    failures = 0
                    await self.read(socket)
            except ConnectionClosed as closed:
                pause = self.pause_after(closed)
            except (OSError, InvalidHandshake):
                pause = None
            finally:
                self.socket = None
            failures += 1
            if pause is None:  # a random part, so that not all clients come back at the same moment
                pause = random.uniform(0, min(MAX_PAUSE, 2.0 ** min(failures, 10) / 2))
            await asyncio.sleep(pause)

    def pause_after(self, closed: ConnectionClosed) -> float | None:
        """Return the seconds to wait that the server asks for, None if it does not say."""
        if closed.rcvd is None:  # the network broke
            return None
        if closed.rcvd.code >= FINAL:
            raise Refused(f"closed with {closed.rcvd.code}: {closed.rcvd.reason}")
        hint = re.search(r"reconnect in ([\d.]+) s", closed.rcvd.reason)
        return float(hint[1]) if hint else None

    async def log_in(self, socket: ClientConnection) -> None:
        """Log in, then send again what was not answered."""
        body = {"id": self.user, "since": self.since, "epoch": self.epoch}
        if token := os.environ.get("TOKEN"):
            body["token"] = token
        await socket.send(json.dumps({"op": LOGIN, "body": body}))
        # the reply is the first packet that comes
        reply = json.loads(json.loads(await socket.recv())["body"])
        if reply["code"] in TRY_AGAIN:
            raise OSError(reply["msg"])
        if reply["code"]:
            raise Refused(reply["msg"])
        if self.known and not reply["data"]["recovered"]:
            print("messages are missing: a real client lists its sessions and reads their history now")
        self.epoch = reply["data"]["epoch"]
        self.socket = socket
        self.pending.clear()
        for request_id in list(self.unanswered):
            await self.transmit(request_id)

    async def read(self, socket: ClientConnection) -> None:
        """Take packets until the connection ends with `ConnectionClosed`."""
        while True:
            packet = json.loads(await socket.recv())
            body = json.loads(packet["body"])
            if packet["op"] == PUSH:
                self.take_push(body)
            elif packet["op"] == SEND + 1:
                await self.take_reply(self.pending.pop(packet["seq"]), body)

    def take_push(self, push: dict[str, Any]) -> None:
        """Print the messages of a push that are new."""
        for message in push["items"]:
            if push["session"]["type"] == PRIVATE:
                self.since = max(self.since, message["id"])
            if message["id"] not in self.known:
                self.known.add(message["id"])
                print(f"{message['sender']['name']}: {message['content']}", flush=True)

    async def take_reply(self, request_id: str, reply: dict[str, Any]) -> None:
        """Forget what was sent once it is stored or refused."""
        if reply["code"] in TRY_AGAIN:
            await asyncio.sleep(1)
            await self.transmit(request_id)
            return
        content = self.unanswered.pop(request_id)
        if not self.unanswered:
            self.all_answered.set()
        if reply["code"]:
            print(f"not sent: {content!r}: {reply['msg']}", flush=True)
        else:
            self.known.add(reply["data"]["id"])

    async def send(self, content: str) -> None:
        """Send a message now, or when connected again."""
        request_id = str(uuid.uuid4())  # the server stores what has the same one once
        self.unanswered[request_id] = content
        self.all_answered.clear()
        if self.socket is not None:
            await self.transmit(request_id)

    async def transmit(self, request_id: str) -> None:
        """Write the request of an unanswered message."""
        assert self.socket is not None
        seq = next(self.numbers)
        self.pending[seq] = request_id
        body = {"type": PRIVATE, "target_id": self.peer, "request_id": request_id}
        body["content"] = self.unanswered[request_id]
        try:
            await self.socket.send(json.dumps({"op": SEND, "seq": seq, "body": body}))
        except ConnectionClosed:
            pass  # it is sent again after the next login


async def read_lines() -> AsyncIterator[bytes]:
    """Yield the lines of standard input. A plain file never blocks; asyncio refuses it as a pipe."""
    mode = os.fstat(sys.stdin.fileno()).st_mode
    if not (sys.stdin.isatty() or stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        for line in sys.stdin.buffer:
            yield line
        return
    lines = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(lines)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    async for line in lines:
        yield line


async def send_lines(client: Client) -> None:
    """Send the lines of standard input, and hang up when all are answered."""
    async for line in read_lines():
        if content := line.decode().strip():
            await client.send(content)
    await client.all_answered.wait()
    if client.socket is not None:
        await client.socket.close()


async def main(url: str, user: str, peer: str) -> None:
    client = Client(url, user, peer)
    tasks = [asyncio.create_task(work) for work in (client.run(), send_lines(client))]
    ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    try:
        for task in ended:
            await task
    except Refused as refused:
        sys.exit(f"refused: {refused}")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    try:
        asyncio.run(main(*sys.argv[1:]))
    except KeyboardInterrupt:
        pass
