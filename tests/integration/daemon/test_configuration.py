"""``--config``, the environment and ``--check``, as a user has them."""

from __future__ import annotations

import socket

from twisted.python.filepath import FilePath

from tests.integration.daemon.test_running import FREE
from tests.support.daemon_process import DaemonTestCase
from tests.support.paths import ROOT


class ConfigurationTests(DaemonTestCase):
    def file(self, text: str) -> str:
        file = FilePath(self.mktemp())
        file.setContent(text.encode())
        return str(file.asTextMode().path)

    async def check(self, *words: str, script: str = "twistd", **environment: str) -> tuple[str, str]:
        """Run with ``--check``; return what is said on stdout and on stderr."""
        process = self.spawn(script, "gim", "--check", *words, **environment)
        status = await process.exited
        self.assertEqual(status, 1 if process.output[2] else 0, process.output)
        self.assertEqual((process.output[1] + process.output[2]).count("\n"), 1, process.output)
        self.assertEqual(self.directory.children(), [])
        return process.output[1], process.output[2]

    async def test_a_daemon_runs_by_its_file(self) -> None:
        path = self.file(f'ws = "{FREE}"\nhttp = "{FREE}"\nmax-content = 5\nlog-format = "json"\n')
        process = self.spawn("twistd", "-n", "gim", "--config", path, GIM_MAX_CONTENT="3")
        await self.listens(process)
        self.assertTrue(process.output[1].startswith('{"time"'))
        ann = await self.client()
        await ann.ask(101, id="ann")
        ann.say('{"op":201,"body":{"type":2,"target_id":"bob","content":"1234"}}')
        self.assertIn("413", await ann.next())

    async def test_check_says_that_all_is_good_and_starts_nothing(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            path = self.file(f'ws = "127.0.0.1:{port}"\nhttp = {port}\nstorage = "redis"')
            for script, words, environment in (
                ("twistd", ["--config", path], {}),
                ("twist", [], {"GIM_CONFIG": path}),
            ):
                out, _ = await self.check(*words, script=script, **environment)
                self.assertEqual(out, "gim: all options and files are good\n")

    async def test_check_takes_the_example(self) -> None:
        await self.check("--config", ROOT.child("contrib").child("gim.toml").path)

    async def test_check_says_in_one_line_what_is_wrong(self) -> None:
        path = self.file('# gim\nmessage-ttl = "a while"\n')
        for words, environment, said in (
            (["--config", path], {}, f"{path}, line 2: message-ttl: 'a while' is not a valid duration"),
            ([], {"GIM_ADMIN_KEY": "secret"}, "GIM_ADMIN_KEY: this is not a valid key: write 16"),
        ):
            _, line = await self.check(*words, **environment)
            self.assertTrue(line.startswith(f"gim: {said}"), line)

    async def test_a_start_says_the_same(self) -> None:
        path = self.file("\n\nheartbeat-intervall = 3\n")
        process = self.spawn("twistd", "-n", "gim", "--config", path)
        self.assertEqual(await process.exited, 1)
        said = "line 3: unknown option 'heartbeat-intervall': did you mean 'heartbeat-interval'?"
        self.assertEqual(process.output[2], f"gim: {path}, {said}\n")
