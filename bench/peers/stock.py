"""The same job done straightforwardly on stock Autobahn and Twisted: what gim is compared with.

Login (101), send (201), join (301) and the pushes (207) of docs/protocol.md, with the usual good
choices (msgspec structs, one SortedDict, a push encoded once) and everything else left out: no limits, no
timeouts, no read positions, no catching up. A chatroom message is pushed at once.

Usage: ``python stock.py PORT``
"""

from __future__ import annotations

import sys
import time
from itertools import count
from typing import Any

import msgspec
from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from msgspec import Struct
from sortedcontainers import SortedDict
from twisted.internet import reactor


class Packet(Struct):
    op: int
    body: str
    seq: int = 0


class Login(Struct):
    id: str
    name: str = ""


class Send(Struct):
    type: int
    target_id: str
    content: str
    category: str = "text"


class Join(Struct):
    id: str


class User(Struct):
    id: str
    name: str


class Message(Struct):
    id: str
    session_id: str
    sender: User
    category: str
    content: str
    sequence: int
    status: int
    created_at: int


class Head(Struct):
    id: str
    type: int
    title: str


class Push(Struct):
    session: Head
    items: list[Message]
    skipped: int = 0


class Reply(Struct):
    code: int
    msg: str
    data: Any


encode = msgspec.json.Encoder().encode
read_packet = msgspec.json.Decoder(Packet).decode
read_body = {
    op: msgspec.json.Decoder(kind).decode for op, kind in ((101, Login), (201, Send), (301, Join))
}


def packet(op: int, body: Any, seq: int) -> bytes:
    return encode(Packet(op, encode(body).decode(), seq))


class ChatServer(WebSocketServerFactory):
    """Who is connected, who is in which chatroom, and all messages."""

    def __init__(self) -> None:
        super().__init__()
        self.setProtocolOptions(tcpNoDelay=True)
        self.messages: SortedDict[tuple[str, str], Message] = SortedDict()
        self.users: dict[str, set[ChatConnection]] = {}
        self.rooms: dict[str, set[ChatConnection]] = {}
        self.counter = count()

    def store(self, session_id: str, sender: User, body: Send) -> Message:
        at_ms = int(time.time() * 1000)
        number = next(self.counter)
        message_id = f"{at_ms:012x}7{number >> 62:03x}8{number & (1 << 60) - 1:015x}"
        message = Message(message_id, session_id, sender, body.category, body.content, 0, 1, at_ms)
        self.messages[session_id, message_id] = message
        return message


class ChatConnection(WebSocketServerProtocol):
    """One client."""

    factory: ChatServer
    user: User | None = None

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        request = read_packet(payload)
        body = read_body[request.op](request.body)
        data = {101: self.on_login, 201: self.on_send, 301: self.on_join}[request.op](body)  # type: ignore[operator]
        self.sendMessage(packet(request.op + 1, Reply(0, "", data), request.seq))

    def on_login(self, body: Login) -> Any:
        self.user = User(body.id, body.name or body.id)
        self.factory.users.setdefault(body.id, set()).add(self)
        return {"user": self.user, "server_time": int(time.time() * 1000), "missed": 0}

    def on_join(self, body: Join) -> Any:
        room = self.factory.rooms.setdefault(body.id, set())
        room.add(self)
        return {"session_id": f"1:{body.id}", "total": len(room)}

    def on_send(self, body: Send) -> Any:
        assert self.user is not None
        if body.type == 1:
            session_id, title = f"1:{body.target_id}", f"chatroom:{body.target_id}"
            receivers = self.factory.rooms[body.target_id]
        else:
            session_id = "2:" + ":".join(sorted((self.user.id, body.target_id)))
            title, receivers = self.user.name, self.factory.users.get(body.target_id, set())
        message = self.factory.store(session_id, self.user, body)
        payload = packet(207, Push(Head(session_id, body.type, title), [message]), 0)
        for connection in tuple(receivers):
            if connection.state == connection.STATE_OPEN:
                connection.sendMessage(payload)
        return {
            "id": message.id,
            "session_id": session_id,
            "sequence": 0,
            "created_at": message.created_at,
        }

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        if self.user is not None:
            self.factory.users[self.user.id].discard(self)
        for room in self.factory.rooms.values():
            room.discard(self)


if __name__ == "__main__":
    server = ChatServer()
    server.protocol = ChatConnection
    reactor.listenTCP(int(sys.argv[1]), server, backlog=1024, interface="127.0.0.1")
    reactor.run()
