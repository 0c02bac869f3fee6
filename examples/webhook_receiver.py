"""A receiver of gim's webhooks: python3 webhook_receiver.py PORT SECRET_FILE

It listens on 127.0.0.1, checks each event and prints it. It needs Python's standard library only.
"""

import hashlib
import hmac
import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MAX_AGE = 300  # seconds for which a signature is valid
MAX_BODY = 2**20  # bytes


def is_signed(secret: bytes, timestamp: str, signature: str, body: bytes) -> bool:
    """Say whether gim signed the body."""
    digest = hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(f"v1={digest}".encode(), signature.encode())


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keeps connections open
    timeout = 60  # seconds that a connection may be silent
    secret = b""
    taken: set[str] = set()  # ids of events; in real life rows of a table with a unique key

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        if length > MAX_BODY:
            self.close_connection = True
            self.answer(413)
        else:
            self.answer(self.take(self.rfile.read(length)))

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def take(self, body: bytes) -> int:
        """Check and handle an event; return the status of the answer."""
        timestamp = self.headers.get("Gim-Timestamp", "")
        if not is_signed(self.secret, timestamp, self.headers.get("Gim-Signature", ""), body):
            return 401
        if abs(time.time() - int(timestamp)) > MAX_AGE:  # an old request, played again
            return 400
        event = json.loads(body)
        if event["id"] not in self.taken:  # else the answer to an earlier attempt got lost
            self.taken.add(event["id"])
            print(event["type"], event["user_id"], event["data"], flush=True)
        return 204

    def log_message(self, format: str, *values: object) -> None:
        """Print events only."""


def main() -> None:
    port, secret_file = sys.argv[1:]
    with open(secret_file, "rb") as file:
        Receiver.secret = file.read().strip()
    server = ThreadingHTTPServer(("127.0.0.1", int(port)), Receiver)
    print("listens on port", server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
