"""A receiver of gim's webhooks: python3 webhook_receiver.py PORT SECRET_FILE

It listens on 127.0.0.1, checks each event, answers, and prints it. It needs no packages.
"""

import hashlib
import hmac
import json
import re
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any

MAX_AGE = 300  # seconds for which a signature is valid
MAX_BODY = 2**20  # bytes
MEMORY = 3600  # seconds for which an event may come again


def is_signed(secret: bytes, timestamp: str, signature: str, body: bytes) -> bool:
    """Say whether gim signed the body."""
    digest = hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(f"v1={digest}".encode(), signature.encode())


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keeps connections open
    timeout = 60  # seconds that a connection may be silent
    secret = b""
    taken: dict[str, float] = {}  # id -> when it came; in real life rows of a table with a unique key
    lock = Lock()  # each connection has its own thread
    events: SimpleQueue[dict[str, Any]] = SimpleQueue()

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if re.fullmatch("[0-9]{1,7}", length) and int(length) <= MAX_BODY:
            self.answer(self.take(self.rfile.read(int(length))))
        else:
            self.close_connection = True
            self.answer(413)

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def take(self, body: bytes) -> int:
        """Check an event and keep it; return the status of the answer."""
        timestamp, now = self.headers.get("Gim-Timestamp", ""), time.time()
        if not is_signed(self.secret, timestamp, self.headers.get("Gim-Signature", ""), body):
            return 401
        if abs(now - int(timestamp)) > MAX_AGE:  # an old request, played again
            return 400
        event = json.loads(body)
        if self.is_new(event["id"], now):
            self.events.put(event)
        return 204

    def is_new(self, id: str, now: float) -> bool:
        """Say whether an event comes for the first time: it comes again when an answer got lost."""
        with self.lock:
            while self.taken and now - next(iter(self.taken.values())) > MEMORY:
                del self.taken[next(iter(self.taken))]
            is_new = id not in self.taken
            self.taken.setdefault(id, now)
        return is_new

    def log_message(self, format: str, *values: object) -> None:
        """Print events only."""


def handle(event: dict[str, Any]) -> None:
    """Do what the event asks for: gim has its answer already, and does not wait."""
    data = json.dumps(event["data"], ensure_ascii=False, separators=(",", ":"))
    print(event["type"], event["user_id"], data, flush=True)


def main() -> None:
    port, secret_file = sys.argv[1:]
    with open(secret_file, "rb") as file:
        Receiver.secret = file.read().strip()
    server = ThreadingHTTPServer(("127.0.0.1", int(port)), Receiver)
    print("listens on port", server.server_port, flush=True)
    Thread(target=server.serve_forever, daemon=True).start()
    while True:
        handle(Receiver.events.get())


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
