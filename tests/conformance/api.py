"""Run schemathesis on the HTTP API of a daemon, with all of its checks, as /openapi.json describes it.

    python -m tests.conformance.api [--examples N] [--workers N]

It needs an environment of its own, which is made in build/schemathesis. The report is in
build/conformance/api. Requests come with a valid token and the administrator's key, but for those that
test what happens without.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

from tests.conformance.run import BUILD, ROOT, prepare

SCHEMATHESIS = "schemathesis==4.32.5"
REPORTS = BUILD / "conformance" / "api"
TWISTD = "from twisted.scripts.twistd import run; run()"
USER = "conformance"  # and the id of a chatroom of theirs
KEY = "conformance-of-the-api"  # of the administrator
ADDRESS = "tcp:0:interface=127.0.0.1"
PATIENCE = 20.0  # seconds for the start
LIMIT = 1200  # seconds for all of it


@contextmanager
def serving(*options: str) -> Iterator[str]:
    """Start a daemon that serves all there is, give the URL of its HTTP API, and stop it."""
    REPORTS.mkdir(parents=True, exist_ok=True)
    log = REPORTS / "daemon.log"
    command = [sys.executable, "-c", TWISTD, "-n", "--pidfile=", "gim", "--profiling"]
    command += ["--max-login-rate", "0", *options]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--ws", ADDRESS, "--http", ADDRESS],
            cwd=ROOT,
            env=os.environ | {"GIM_ADMIN_KEY": KEY},
            stdout=output,
            stderr=output,
        )
    try:
        yield f"http://127.0.0.1:{port(log)}"
    finally:
        process.terminate()
        status = process.wait()
    if status or "Traceback" in log.read_text():
        sys.exit(f"the daemon ended with {status}, or a traceback; see {log}")


def port(log: Path) -> str:
    """Wait until the daemon says where it listens."""
    give_up_at = time.monotonic() + PATIENCE
    while time.monotonic() < give_up_at:
        if found := re.search(r"api listens on 127\.0\.0\.1:(\d+)", log.read_text()):
            return found[1]
        time.sleep(0.05)
    sys.exit(f"the daemon did not start; see {log}")


def token(url: str) -> str:
    with urlopen(f"{url}/v1/login", b'{"id":"%b"}' % USER.encode()) as response:
        found: str = json.load(response)["data"]["token"]
    return found


def create_chatroom(url: str) -> None:
    """Create a chatroom that the user owns, for routes that read."""
    body = json.dumps({"owner_id": USER}).encode()
    headers = {"X-API-Key": KEY}
    with urlopen(Request(f"{url}/v1/admin/chatrooms/{USER}", body, headers, method="PUT")):
        pass


def run(program: Path, url: str, examples: int) -> int:
    """Run all checks; return the exit status of schemathesis, 0 for no failure."""
    create_chatroom(url)
    command = [str(program), "run", f"{url}/openapi.json", "--checks", "all"]
    command += ["--exclude-path", "/ws"]  # a success is another protocol, which a schema can't say
    command += ["--header", f"Authorization: Bearer {token(url)}", "--header", f"X-API-Key: {KEY}"]
    command += ["--max-examples", str(examples), "--generation-deterministic", "--no-color"]
    command += ["--report", "junit", "--report-junit-path", str(REPORTS / "junit.xml")]
    # a module of its own: the package of the tests needs more than that environment has
    path = f"{ROOT}{os.pathsep}{Path(__file__).parent}"
    hooks = {"SCHEMATHESIS_HOOKS": "formats", "PYTHONPATH": path}
    hooks["CONFORMANCE_USER"] = USER
    return subprocess.run(command, cwd=REPORTS, env=os.environ | hooks, timeout=LIMIT).returncode


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.api")
    parser.add_argument("--examples", type=int, default=100, help="of each operation, at most")
    parser.add_argument("--workers", type=int, default=1, help="--gateway-worker of the daemon")
    options = parser.parse_args()
    program = prepare(SCHEMATHESIS)
    workers = ("--gateway-worker", str(options.workers)) if options.workers > 1 else ()
    with serving(*workers) as url:
        return run(program, url, options.examples)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that all that was started is stopped
    sys.exit(main())
