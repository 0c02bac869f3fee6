"""``gim`` as a user runs it: each command a process, against a real daemon."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sys
from typing import Any

from twisted.internet import reactor
from twisted.internet.utils import getProcessOutputAndValue
from twisted.python.filepath import FilePath
from twisted.trial.unittest import SkipTest

from gim.cli import completion, contexts
from tests.support.daemon_process import SCRIPTS, DaemonTestCase, Process, until_gone
from tests.support.redis.environment import write_certificate

KEY = "0123456789abcdefghij"
FREE = "tcp:0:interface=127.0.0.1"

# what a start of gim may import: no reactor, no codec, no HTTP
IMPORTS = """
import sys
from gim.cli.main import main
try:
    main({words!r})
except SystemExit:
    pass
print(*(name for name in ("twisted", "zope.interface", "msgspec", "jwt", "http.client", "asyncio", "ssl")
        if name in sys.modules), file=sys.stderr)
"""


class CommandCase(DaemonTestCase):
    async def gim(self, *words: str, **environment: str) -> Process:
        """Run a command until its end."""
        process = self.spawn("gim", *words, **environment)
        self.status = await process.exited
        return process

    async def said(self, *words: str) -> str:
        """Return what a command that works prints; it asks the daemon as the administrator."""
        process = await self.gim(*words, GIM_ADMIN_KEY=KEY, GIM_URL=f"http://127.0.0.1:{self.http}")
        self.assertEqual((self.status, process.output[2]), (0, ""), words)
        return process.output[1]


class ClientTests(CommandCase):
    async def test_a_conversation_and_its_moderation(self) -> None:
        await self.daemon(GIM_ADMIN_KEY=KEY)
        client = await self.client()
        await client.ask(101, id="1001")
        sent = json.loads(await self.said("post", "1001", "hello", "--json"))
        push = await client.packet()
        self.assertEqual(push["body"]["items"][0]["id"], sent["id"])
        self.assertIn(" .: hello\n", await self.said("history", sent["session_id"], "--as", "1001"))
        self.assertEqual(await self.said("online", "--as", "1001", "1001"), "1001 online\n")
        connections = await self.said("user", "connections", "1001")
        self.assertEqual(len(connections.splitlines()), 2)
        view: Any = json.loads(await self.said("top", "--once", "--json", "1001"))
        self.assertEqual([each["code"] for each in view["warnings"]], ["open_mode"])
        self.assertEqual(view["connections"][0]["user_id"], "1001")
        self.assertEqual(len((await self.said("kick", "1001")).splitlines()), 2)
        self.assertEqual(await client.closed, 3503)

    async def test_a_key_for_logins_takes_a_token(self) -> None:
        key = os.path.abspath(self.mktemp())
        await self.gim("token", "key", "--key-file", key)
        process = await self.daemon("--auth-key-file", key, GIM_ADMIN_KEY=KEY)
        url = f"http://127.0.0.1:{self.http}"
        token = (await self.gim("token", "make", "--key-file", key, "--sub", "1001")).output[1].strip()
        sessions = await self.gim("sessions", "--url", url, GIM_TOKEN=token)
        self.assertEqual((self.status, len(sessions.output[1].splitlines())), (0, 1))
        refused = await self.gim("sessions", "--url", url, "--as", "1001")
        self.assertEqual((self.status, refused.output[1]), (1, ""))
        self.assertIn("gim: 401, token: missing", refused.output[2])
        self.assertNotIn(token, process.output[1])

    async def test_a_running_server_is_checked(self) -> None:
        await self.daemon("--profiling", GIM_ADMIN_KEY=KEY)
        self.assertIn(
            "is ready", await self.said("check", "--live", "--http", str(self.http), "--profiling")
        )
        self.assertIn("good    readiness: ready\n", await self.said("doctor"))
        self.assertIn("server ", await self.said("version", "--server"))

    async def test_a_certificate_is_checked_against_the_authorities_that_are_trusted(self) -> None:
        files = FilePath(os.path.abspath(self.mktemp()))
        files.makedirs()
        write_certificate(files)
        key, certificate = files.child("key.pem").path, files.child("ca.pem").path
        tls = f"ssl:0:interface=127.0.0.1:privateKey={key}:certKey={certificate}"
        await self.listens(self.spawn("gim", "serve", "--ws", FREE, "--http", tls))
        words = "version", "--server", "--url", f"https://127.0.0.1:{self.http}"
        process = await self.gim(*words)
        self.assertEqual(self.status, 3)
        self.assertIn("its certificate is not valid: self-signed certificate", process.output[2])
        process = await self.gim(*words, SSL_CERT_FILE=certificate)
        self.assertEqual((self.status, process.output[2]), (0, ""))

    async def test_nothing_that_listens_is_a_3_and_nothing_that_answers_a_4(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}"
            await self.gim("version", "--server", "--url", url, "--timeout", "50ms")
            self.assertEqual(self.status, 4)
        await self.gim("version", "--server", "--url", url)
        self.assertEqual(self.status, 3)

    async def test_on_a_terminal_a_view_is_drawn_anew_until_q(self) -> None:
        await self.daemon()
        process = Process()
        words = [SCRIPTS.child("gim").path, "top"]
        variables = os.environ | {"TERM": "xterm", "GIM_URL": f"http://127.0.0.1:{self.http}"}
        reactor.spawnProcess(process, words[0], words, variables, usePTY=True)
        self.addCleanup(self._reap, process)
        await process.says(r"(?s)(\x1b\[H\x1b\[Jgim .*){2}")
        process.transport.write(b"q")
        self.assertEqual(await process.exited, 0)

    async def test_an_interrupt_ends_it_with_130(self) -> None:
        await self.daemon()
        process = self.spawn("gim", "top", "--json", GIM_URL=f"http://127.0.0.1:{self.http}")
        await process.says("warnings")
        process.signal(signal.SIGINT)
        self.assertEqual((await process.exited, process.output[2]), (130, ""))


class ServeTests(CommandCase):
    async def test_it_serves_until_it_is_stopped(self) -> None:
        process = await self.daemon(script=("gim", "serve"))
        directory = self.directory
        client = await self.client()
        await client.ask(101, id="1001")
        process.signal(signal.SIGTERM)
        self.assertEqual(await client.closed, 3001)
        self.assertEqual(await process.exited, 0)
        self.assertEqual(directory.listdir(), [])

    async def test_with_workers_it_serves_too(self) -> None:
        process = await self.daemon("--ws-worker", "2", "--drain", "0", script=("gim", "serve"))
        await self.workers_serve(process, 2)
        client = await self.client()
        await client.ask(101, id="1001")
        process.signal(signal.SIGTERM)
        self.assertEqual(await process.exited, 0)

    async def test_in_the_background_it_writes_its_files(self) -> None:
        words = "--daemon", "--log-file", "gim.log", "--pid-file", "gim.pid", "--ws", FREE, "--http", FREE
        await self.gim("serve", *words)
        self.assertEqual(self.status, 0)
        pid = int(self.directory.child("gim.pid").getContent())
        os.kill(pid, signal.SIGTERM)
        await until_gone(pid)
        self.assertIn(b"gim 1", self.directory.child("gim.log").getContent())
        self.assertFalse(self.directory.child("gim.pid").exists())

    async def test_an_option_that_is_not_one_is_a_line_and_a_1(self) -> None:
        process = await self.gim("serve", "--url", "x")
        self.assertEqual(self.status, 1)
        self.assertIn("--url not recognized", process.output[2])


class CompletionTests(DaemonTestCase):
    """The scripts, run by the shells that they are for."""

    def setUp(self) -> None:
        self.home = self.mktemp()
        os.makedirs(self.home)

    async def run_in(self, shell: str, script: str, *words: str) -> list[str]:
        """Run a script with words as its arguments; return the lines that it prints."""
        code = ["-c", script, shell, *words]
        environment = os.environ | {"HOME": os.path.abspath(self.home)}
        environment.pop("XDG_CONFIG_HOME", None)
        out, err, status = await getProcessOutputAndValue(shell, code, environment, self.home)
        self.assertEqual((err, status), (b"", 0))
        return out.decode().splitlines()

    def know_contexts(self) -> None:
        """Write a file of contexts: two as gim writes them, one by hand."""
        place = os.path.join(self.home, ".config", "gim")
        os.makedirs(place)
        known = contexts.Contexts("live", dict.fromkeys(["live", "test-2"], contexts.Context("http://h")))
        self.patch(os, "environ", os.environ | {"HOME": self.home, "XDG_CONFIG_HOME": ""})
        contexts.write(known)
        with open(os.path.join(place, "contexts.toml"), "a") as file:
            file.write('[ contexts."by_hand" ] # mine\nurl = "http://h"\n')

    async def completed(self, *words: str) -> set[str]:
        """Return what bash offers for the last word."""
        script = f"""{completion.bash()}
            compopt() {{ :; }}
            COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _gim; printf '%s\\n' "${{COMPREPLY[@]}}"
        """
        return {line for line in await self.run_in("/bin/bash", script, "gim", *words) if line}

    async def test_bash_completes_commands_options_values_and_files(self) -> None:
        self.know_contexts()
        with open(os.path.join(self.home, "live.key"), "w"):
            pass
        os.mkdir(os.path.join(self.home, "data"))
        for words, expected in (
            (["ro"], {"room", "rooms"}),
            (["room", "re"], {"rename", "remove"}),
            (["--url", "room", "room", "cr"], {"create"}),
            (["room", "add", "--ro"], {"--role"}),
            (["room", "add", "den", "ann", "--role", ""], {"owner", "admin", "member"}),
            (["stats", "--key-file", "li"], {"live.key"}),
            (["listen", "--fo"], {"--for", "--format"}),
            (["chat", "--ws", ""], set[str]()),
            (["serve", "--gateway-a"], {"--gateway-address"}),
            (["ban", "ann", "--for", ""], set[str]()),
            (["bench", "f"], {"fanout"}),
            (["stats", "--context", ""], {"live", "test-2", "by_hand"}),
            (["--context", "live", "st"], {"stats"}),
            (["context", "use", "l"], {"live"}),
            (["context", "remove", ""], {"live", "test-2", "by_hand", "-h", "--help"}),
            (["context", "add", "l"], set[str]()),
            (["log", "verify", "da"], {"data"}),
            (["dump", "--data-dir", "da"], {"data"}),
            (["completion", ""], {"bash", "zsh", "-h", "--help"}),
        ):
            self.assertEqual(await self.completed(*words), expected, words)

    async def test_zsh_shows_what_commands_are_for(self) -> None:
        shell = shutil.which("zsh")
        if shell is None:
            raise SkipTest("install zsh")
        script = f"""
            _describe() {{ print -l -- $entries }}
            words=("$@"); CURRENT=$#
            {completion.zsh().replace('_gim "$@"', "_gim")}
        """
        self.assertIn("ban:ban a user for a time", await self.run_in(shell, script, "gim", ""))
        self.know_contexts()
        names = await self.run_in(shell, script, "gim", "context", "use", "")
        self.assertTrue({"live", "test-2", "by_hand"} < set(names), names)
        offered = f'compadd() {{ shift; print -l -- "$@" }}\n{script}'
        names = await self.run_in(shell, offered, "gim", "stats", "--context", "")
        self.assertEqual(set(names), {"live", "test-2", "by_hand"})
        self.assertIn("fanout", await self.run_in(shell, script, "gim", "bench", ""))
        shown = await self.run_in(shell, script, "gim", "--url", "room", "room", "")
        self.assertIn("rename:rename a chatroom", shown)


class StartTests(DaemonTestCase):
    async def test_the_help_imports_neither_the_reactor_nor_what_only_commands_need(self) -> None:
        for words in ["--help"], ["--version"], ["version"], ["zzz"], []:
            code = IMPORTS.format(words=words)
            _, err, _ = await getProcessOutputAndValue(sys.executable, ["-c", code])
            self.assertEqual(err.decode().splitlines()[-1], "", words)

    async def test_a_command_over_http_imports_no_twisted(self) -> None:
        url = "--url", "http://127.0.0.1:1"
        for words in (
            ["stats", *url, "--key-file", "/dev/null"],
            ["send", "bob", "hi", *url, "--as", "ann"],
        ):
            code = IMPORTS.format(words=words)
            _, err, _ = await getProcessOutputAndValue(sys.executable, ["-c", code])
            self.assertEqual(err.decode().splitlines()[-1], "http.client ssl", words)

    async def test_the_script_is_installed(self) -> None:
        self.assertTrue(SCRIPTS.child("gim").exists())
