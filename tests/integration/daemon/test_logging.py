"""The log of a running daemon: its format from the first line on, its level, its rotation."""

from __future__ import annotations

import json
import os
import shutil
import signal
from shutil import which

from twisted.internet.utils import getProcessOutputAndValue
from twisted.python.filepath import FilePath

from tests.integration.daemon.test_running import FREE, Forked, LogReader
from tests.support.daemon_process import SCRIPTS, DaemonTestCase
from tests.support.paths import ROOT

LIMITED = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
os.execv(sys.argv[1], sys.argv[1:])
"""
AT_FREE = ("--ws", FREE, "--http", FREE)


class FormatTests(DaemonTestCase):
    async def lines(self, *words: str, **environment: str) -> list[dict[str, str]]:
        """Start with these words, have a client log in, stop; return the lines of stdout."""
        process = self.spawn(*words, **environment)
        await self.listens(process)
        ann = await self.client()
        await ann.ask(101, id="ann")
        process.signal(signal.SIGTERM)
        self.assertEqual(await process.exited, 0)
        self.assertEqual(process.output[2], "")
        return [json.loads(line) for line in process.output[1].splitlines()]

    async def test_every_line_is_json_from_the_very_first(self) -> None:
        lines = await self.lines("twistd", "-n", "--pidfile=", "gim", *AT_FREE, "--log-format", "json")
        self.assertRegex(lines[0]["message"], r"^twistd [\d.]+ \(.*\) starting up\.$")
        self.assertEqual(lines[-1]["message"], "Server Shut Down.")
        for line in lines:
            self.assertLessEqual({"time", "level", "logger", "message"}, line.keys())
        (login,) = [line for line in lines if line["message"].startswith("user ann logged in")]
        self.assertRegex(login["trace"], "^[0-9a-f]{16}$")
        self.assertNotIn("trace", login["message"])

    async def test_with_a_tac_file_too(self) -> None:
        lines = await self.lines(
            *("twistd", "--reactor=poll", "-ny", ROOT.child("gim.tac").path, "--logfile=-"),
            GIM_LOG_FORMAT="json",
            GIM_WS=FREE,
            GIM_HTTP=FREE,
        )
        self.assertIn("Loading ", lines[0]["message"])

    async def test_and_under_twist(self) -> None:
        lines = await self.lines("twist", "gim", *AT_FREE, "--log-format=json")
        self.assertIn("message", lines[0])

    async def test_less_than_the_level_is_left_out_wherever_it_is_from(self) -> None:
        process = self.spawn(
            *("python3", "-c", LIMITED, SCRIPTS.child("twistd").path),
            *("-n", "--pidfile=", "gim", *AT_FREE, "--log-level=warn"),
        )
        lines = (await process.says(r"\A.*\n.*\n"))[0]
        self.assertIn("gim.daemon.banner.StartupBanner#warn] open mode: ", lines)
        enough = f"256 open files are enough for some {156 * self.worker_count} connections"
        self.assertIn(f"gim.daemon.banner.StartupBanner#warn] {enough}", lines)
        process.signal(signal.SIGTERM)
        self.assertIn(await process.exited, (0, None))  # the reactor may not run yet
        self.assertEqual(process.output[1], lines)

    async def test_a_line_says_what_has_started_and_its_limits(self) -> None:
        process = await self.daemon("--max-packet", "32KiB")
        line = (await process.says(r"gim 1\.0\.0 started: .*\n"))[0]
        self.assertIn(f"gateway 127.0.0.1:{self.ws}, api 127.0.0.1:{self.http}, storage memory", line)
        self.assertRegex(line, r"open files \d+ \(soft\) and \w+ \(hard\).* 32768 bytes$")

    async def test_at_debug_it_says_where_options_are_from_but_no_password(self) -> None:
        process = await self.daemon(
            "--log-level=debug", GIM_MAX_CONTENT="1KiB", GIM_REDIS_URL="redis://:secret@h/0"
        )
        await process.says(r"#debug\] option max-content is given by GIM_MAX_CONTENT\n")
        await process.says(r"#debug\] option log-level is given by --log-level\n")
        self.assertNotIn("secret", process.output[1])

    async def test_sigusr1_does_no_harm_where_there_is_no_file(self) -> None:
        process = await self.daemon()
        process.signal(signal.SIGUSR1)
        ann = await self.client()
        await ann.ask(101, id="ann")

    async def test_what_can_not_be_is_refused_in_one_line(self) -> None:
        for words, said in (
            (
                ("-n", "--logfile=/no/where", "gim"),
                "--logfile: '/no/where' can't be written: No such",
            ),
            (
                ("-n", "--logfile=/no/where", "gim", "--check"),
                "--logfile: '/no/where' can't be written: No such",
            ),
            (("-n", "--logfile=/", "gim", "--check"), "--logfile: '/' can't be written: Is a directory"),
            (("-n", "--rundir=/no", "gim", "--check"), "--rundir: '/no' is not a directory"),
            (("--logfile=-", "gim"), "--logfile -: a daemon has no standard output"),
            (
                ("-n", "--logger=gim.log.format.as_json", "gim", "--log-level=info"),
                "--log-level: leave",
            ),
        ):
            process = self.spawn("twistd", "--pidfile=", *words, "--ws", FREE, "--http", FREE)
            self.assertEqual(await process.exited, 1)
            self.assertTrue(process.output[2].startswith(f"gim: {said}"), process.output[2])
            self.assertEqual(process.output[2].count("\n"), 1)


class DaemonTests(DaemonTestCase):
    """A daemon in the background: it logs, its log is rotated, it stops."""

    async def start(self, *options: str) -> Forked:
        files = FilePath(self.mktemp())
        files.makedirs()
        self.log, pid_file = files.child("gim.log"), files.child("gim.pid")
        words = "--logfile", self.log.path, "--pidfile", pid_file.path, "gim", *AT_FREE, *options
        parent = self.spawn("twistd", *words)
        self.assertEqual((await parent.exited, parent.output), (0, {1: "", 2: ""}))
        daemon = Forked(int(pid_file.getContent()))
        self.addCleanup(daemon.kill)
        self.reader = LogReader(self.log)
        await self.listens(self.reader)
        self.pid_file = pid_file
        return daemon

    async def log_in(self, user: str) -> None:
        client = await self.client()
        await client.ask(101, id=user)

    async def rotate(self, daemon: Forked) -> None:
        daemon.signal(signal.SIGUSR1)
        path = self.log.path
        await self.reader.until(lambda: os.path.exists(path) and not os.path.getsize(path))

    async def test_sigusr1_rotates_the_file_and_json_stays_json(self) -> None:
        daemon = await self.start("--log-format", "json")
        await self.log_in("ann")
        await self.reader.says("user ann logged in")
        await self.rotate(daemon)
        await self.log_in("bob")
        daemon.signal(signal.SIGTERM)
        await self.reader.says("Server Shut Down")
        self.assertFalse(os.path.exists(self.pid_file.path))
        old, new = self.messages(self.log.sibling("gim.log.1")), self.messages(self.log)
        self.assertIn("starting up.", old[0])
        self.assertEqual(
            [line[:8] for line in old + new if "logged in" in line], ["user ann", "user bob"]
        )
        self.assertIn("user bob logged in, 0 missed", new)

    async def test_a_file_that_is_copied_and_truncated_has_no_hole(self) -> None:
        await self.start()
        await self.log_in("ann")
        await self.reader.says("user ann logged in")
        await self.copy_and_truncate()
        await self.log_in("bob")
        await self.reader.says("user bob logged in")
        self.assertIn(b"user ann logged in", self.log.sibling("gim.log.1").getContent())
        self.assertNotIn(b"user ann", self.log.getContent())
        self.assertNotIn(b"\0", self.log.getContent())

    async def copy_and_truncate(self) -> None:
        """Rotate the file by ``copytruncate`` of logrotate, or without logrotate as it would."""
        if (logrotate := which("logrotate")) is None:
            shutil.copyfile(self.log.path, self.log.sibling("gim.log.1").path)
            os.truncate(self.log.path, 0)
            return
        path, state = os.path.abspath(self.log.path), self.log.sibling("state").path
        config = self.log.sibling("logrotate.conf")
        config.setContent(f"{path} {{\n rotate 2\n copytruncate\n}}\n".encode())
        config.chmod(0o600)
        self.log.parent().chmod(0o700)
        words = ["--force", "--state", state, config.path]
        said = await getProcessOutputAndValue(logrotate, words, os.environ)
        self.assertEqual(said, (b"", b"", 0))

    def messages(self, file: FilePath[str]) -> list[str]:
        return [json.loads(line)["message"] for line in file.getContent().splitlines()]

    async def test_sigusr1_opens_a_new_file_when_logrotate_has_moved_the_old_one(self) -> None:
        daemon = await self.start()
        moved = self.log.sibling("gim.log-20260101")
        os.rename(self.log.path, moved.path)
        await self.log_in("ann")
        await LogReader(moved).says("user ann logged in")
        await self.rotate(daemon)
        await self.log_in("bob")
        await self.reader.says("user bob logged in")
        daemon.signal(signal.SIGTERM)
        await self.reader.says("Server Shut Down")
