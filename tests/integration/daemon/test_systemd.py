"""The units of contrib/, and a start on sockets that another process has opened."""

from __future__ import annotations

import os
import re
import shutil
import socket

from twisted.internet import reactor
from twisted.internet.utils import getProcessOutputAndValue
from twisted.python.filepath import FilePath
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from gim.daemon.drain import CLOSING_TIME
from tests.integration.daemon.test_running import FREE
from tests.support.daemon_process import SCRIPTS, DaemonTestCase, Process
from tests.support.paths import ROOT

CONTRIB = ROOT.child("contrib")
UNITS = "gim.service", "gim-activated.service", "gim-gateway.socket", "gim-api.socket"
ANALYZE = shutil.which("systemd-analyze")
DRAIN = 5.0  # seconds, the default of --drain
SYSTEMD = """
import os, sys
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.argv[1], sys.argv[1:])
"""


def settings(unit: str) -> list[str]:
    """Return the lines of a unit that are settings; one that goes on in the next line is one."""
    text = CONTRIB.child(unit).getContent().decode().replace("\\\n", "")
    return [line for line in text.splitlines() if line and line[0] != "#"]


class UnitTests(DaemonTestCase):
    if ANALYZE is None:
        skip = "systemd-analyze is not installed"

    def setUp(self) -> None:
        self.units = FilePath(self.mktemp())
        self.units.makedirs()
        for name in UNITS:
            text = CONTRIB.child(name).getContent().decode()
            text = text.replace("/opt/gim/bin/twistd", SCRIPTS.child("twistd").path)
            self.units.child(name).setContent(text.encode())
            self.units.child(name).chmod(0o644)

    async def analyze(self, *words: str) -> None:
        paths = [self.units.child(name).path for name in UNITS if name.endswith(words[-1])]
        out, err, status = await getProcessOutputAndValue(ANALYZE, [*words[:-1], *paths], os.environ)
        if b"unrecognized option" in err:
            raise SkipTest("systemd-analyze is older than 250")
        self.assertEqual((err.decode(), status), ("", 0), out.decode())

    async def test_systemd_finds_no_fault_in_them(self) -> None:
        await self.analyze("verify", "")

    async def test_they_leave_little_open(self) -> None:
        await self.analyze("security", "--offline=yes", "--no-pager", "--threshold=15", ".service")


class VariantTests(SynchronousTestCase):
    def test_the_variant_differs_in_nothing_but_its_sockets(self) -> None:
        plain, activated = settings("gim.service"), settings("gim-activated.service")
        mine = [line for line in activated if line not in plain]
        self.assertEqual(
            {line.partition("=")[0] for line in mine},
            {"Description", "Requires", "After", "Conflicts", "ExecStart", "Sockets", "Also"},
        )
        self.assertEqual(
            {line.partition("=")[0] for line in plain if line not in activated},
            {"Description", "After", "ExecStart"},
        )

    def test_the_data_are_in_a_directory_that_systemd_gives_to_the_user(self) -> None:
        for unit in "gim.service", "gim-activated.service":
            lines = settings(unit)
            (name,) = [line for line in lines if line.startswith("StateDirectory=")]
            self.assertIn("StateDirectoryMode=0700", lines)
            self.assertIn(f"Environment=GIM_DATA_DIR=/var/lib/{name.partition('=')[2]}", lines)

    def test_systemd_waits_until_all_connections_are_closed(self) -> None:
        (line,) = [line for line in settings("gim.service") if line.startswith("TimeoutStopSec=")]
        self.assertGreater(float(line.partition("=")[2]), DRAIN + CLOSING_TIME + 5)


class ActivationTests(DaemonTestCase):
    def start(self, *sockets: socket.socket) -> Process:
        """Start as gim-activated.service says, with sockets as systemd hands them over."""
        (command,) = [line for line in settings("gim-activated.service") if line.startswith("ExecStart=")]
        options = re.findall(r"--(?:ws|http) (\S+)", command)
        process = Process()
        path = FilePath(self.mktemp())
        path.makedirs()
        python, twistd = (SCRIPTS.child(name).path for name in ("python3", "twistd"))
        words = [python, "-c", SYSTEMD, twistd, "-n", "--pidfile=", "gim"]
        reactor.spawnProcess(
            process,
            python,
            [*words, "--ws", options[0], "--http", options[1]],
            env=os.environ
            | self.workers_in_environment()
            | {"LISTEN_FDS": str(len(sockets)), "LISTEN_FDNAMES": "gateway:api"},
            path=path.path,
            childFDs={0: "w", 1: "r", 2: "r"} | {3 + i: each.fileno() for i, each in enumerate(sockets)},
        )
        self.addCleanup(self._reap, process)
        return process

    def listen(self) -> socket.socket:
        """Listen as systemd does on a port alone: on IPv6 and IPv4."""
        listening = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
        self.addCleanup(listening.close)
        return listening

    async def test_it_serves_on_sockets_that_it_is_handed(self) -> None:
        gateway, api = self.listen(), self.listen()
        process = self.start(gateway, api)
        self.ws = gateway.getsockname()[1]
        client = await self.client()  # the kernel holds it until gim accepts
        await client.ask(101, id="ann")
        for name, listening in ("api", api), ("gateway", gateway):
            await process.says(rf"{name} listens on \[::\]:{listening.getsockname()[1]}")

    async def test_without_them_it_says_so_in_one_line(self) -> None:
        process = self.spawn("twistd", "-n", "gim", "--ws", "systemd:domain=INET:index=0", "--http", FREE)
        self.assertEqual(await process.exited, 1)
        self.assertRegex(
            process.output[2],
            r"\Agim: --gateway-address: .* systemd has handed over no such socket: .*\n\Z",
        )
