"""What ``--check`` and a start refuse: each row is one line on stderr and exit status 1."""

from __future__ import annotations

import io
import os
import socket
import sys

from twisted.internet.testing import MemoryReactorClock
from twisted.python.filepath import FilePath
from twisted.trial.unittest import SynchronousTestCase

from gim import tap
from gim.config.options import Options
from gim.config.settings import settings_of
from gim.config.validate import validate
from gim.journal.directory import open_directory

FREE = "tcp:0:interface=127.0.0.1"


class StartCase(SynchronousTestCase):
    """Runs what twistd runs, in this process."""

    def setUp(self) -> None:
        self.patch(os, "environ", {})
        self.stdout, self.stderr = io.StringIO(), io.StringIO()
        self.patch(sys, "stdout", self.stdout)
        self.patch(sys, "__stderr__", self.stderr)

    def file(self, text: str) -> str:
        file = FilePath(self.mktemp())
        file.setContent(text.encode())
        return os.path.abspath(file.path)

    def parse(self, *words: str, **environment: str) -> Options:
        self.patch(os, "environ", environment)
        options = Options()
        options.parseOptions(list(words))
        return options

    def check(self, *words: str, **environment: str) -> None:
        self.parse("--check", *words, **environment)

    def start(self, *words: str, **environment: str) -> None:
        tap.makeService(self.parse(*words, **environment), MemoryReactorClock())

    def assertRefuses(self, said: str, status: int | str | None) -> None:
        line = self.stderr.getvalue()
        self.assertEqual((status, line.count("\n")), (1, 1), line)
        self.assertTrue(line.startswith(f"gim: {said}"), line)
        self.stderr.seek(0)
        self.stderr.truncate()


class RefusalTests(StartCase):
    def assertBothRefuse(self, said: str, *words: str, **environment: str) -> None:
        """See that ``--check`` and a start refuse in the same words."""
        for run in self.check, self.start:
            with self.subTest(said, run=run.__name__):
                ended = self.assertRaises(SystemExit, run, *words, **environment)
                self.assertRefuses(said, ended.code)

    def test_files_endpoints_and_variables_that_can_not_be_used(self) -> None:
        path = self.file('# gim\nmessage-ttl = "a while"\n')
        missing = self.file(
            'storage = "redis"\nredis-url = "rediss://127.0.0.1/0?ssl_ca_certs=/no/file"\n'
        )
        for words, environment, said in (
            (["--config", path], {}, f"{path}, line 2: message-ttl: 'a while' is not a valid duration"),
            (["--config", "/no/file"], {}, "/no/file: the configuration can't be read: No such file"),
            (
                ["--config", missing],
                {},
                f"{missing}, line 2: redis-url: ssl_ca_certs '/no/file' can't be",
            ),
            ([], {"GIM_STORAGE": "disk"}, "GIM_STORAGE: 'disk' is not a valid value: write memory or"),
            (["--ws", "ssl:0:privateKey=/no/file"], {}, "--gateway-address: 'ssl:0:privateKey=/no/file'"),
            (["--http", "ssl:0:privateKey=/nowhere"], {}, "--api-address: 'ssl:0:privateKey=/nowhere'"),
            (["--ws", "unix:/no/directory/s"], {}, "--gateway-address: 'unix:/no/directory/s' can't be"),
            (["--ws", "haproxy:unix:/no/directory/s"], {}, "--gateway-address: 'haproxy:unix:/no/dire"),
            (["--ws", "systemd:domain=INET"], {}, "--gateway-address: 'systemd:domain=INET' can't be"),
            (["--redis-url", "http://x"], {}, "--redis-url: it begins with none of the known schemes"),
            (["--admin-key-file", "/no/file"], {}, "--admin-key-file: '/no/file' can't be read: No such"),
            (["--auth-key-file", "/no/file"], {}, "--auth-key-file: '/no/file' can't be read: No such"),
            ([], {"GIM_ADMIN_KEY": "secret"}, "GIM_ADMIN_KEY: this is not a valid key: write 16"),
            (["--colour"], {}, "option --colour not recognized"),
            (["--no-such-option"], {}, "option --no-such-option not recognized"),
            (["surplus"], {}, "unexpected argument 'surplus'"),
            (["--message-push-duration", "0"], {}, "--message-push-duration: '0' is not a valid"),
            (["--ws", "99999"], {}, "--gateway-address: 99999 is not a valid port"),
            (["--webhook-url", "http://x/"], {}, "--webhook-url: add --webhook-secret-file, or GIM_WEB"),
        ):
            self.assertBothRefuse(said, *words, **environment)

    def test_keys_that_can_not_be_used(self) -> None:
        secret, public = self.file("too short"), self.file("{}")
        for words, environment in (
            (("--auth-key-file", secret), {}),
            (("--auth-key-file", f"{secret}-none"), {}),
            (("--auth-key-file", ""), {}),
            (("--auth-jwks-file", public), {}),
            (("--auth-audience", "chat"), {}),
            (("--auth-audience", "gim-http"), {}),
            (("--allowed-origins", "example.com"), {}),
            ((), {"GIM_AUTH_KEY": ""}),
        ):
            name = words[0] if words else "GIM_AUTH_KEY"
            self.assertBothRefuse(f"{name}: ", *words, **environment)

    def test_the_place_of_a_file_that_can_not_be_used_is_named(self) -> None:
        path = self.file('\nadmin-key-file = "/no/file"\n')
        said = f"{path}, line 2: admin-key-file: '/no/file' can't be read: No such"
        self.assertBothRefuse(said, "--config", path)
        self.assertBothRefuse("GIM_AUTH_KEY_FILE: '/no' can't be read", GIM_AUTH_KEY_FILE="/no")

    def test_a_file_for_workers_that_can_be_read_only_once(self) -> None:
        path = os.path.abspath(self.mktemp())
        os.mkfifo(path)
        said = f"--admin-key-file: {path!r} is not a regular file: name one, or use one worker"
        self.assertBothRefuse(said, "--ws-worker", "2", "--admin-key-file", path)
        tls = f"ssl:0:privateKey={path}"
        said = f"--gateway-address: {path!r} is not a regular file: name one, or use one worker"
        self.assertBothRefuse(said, "--ws-worker", "2", "--ws", tls)


class CheckTests(StartCase):
    def assertGood(self, *words: str, **environment: str) -> None:
        ended = self.assertRaises(SystemExit, self.check, *words, **environment)
        said = (ended.code, self.stdout.getvalue(), self.stderr.getvalue())
        self.assertEqual(said, (0, "gim: all options and files are good\n", ""))

    def test_redis_is_not_asked(self) -> None:
        self.assertGood("--storage", "redis", "--redis-url", "redis://127.0.0.1:1/0")

    def test_a_socket_of_systemd_need_not_be_there(self) -> None:
        self.assertGood("--ws", "systemd:domain=INET:index=0")

    def test_a_port_may_be_taken_until_the_start(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            self.assertGood("--ws", address)
            ended = self.assertRaises(SystemExit, self.start, "--ws", address, "--http", FREE)
            self.assertRefuses(f"gateway: cannot listen on {address}: ", ended.code)

    def test_a_data_directory_that_can_be_used(self) -> None:
        path = self.directory()
        self.assertGood("--data-dir", path)
        self.assertEqual(os.listdir(path), [])

    def test_a_data_directory_that_a_server_uses(self) -> None:
        path = self.directory()
        self.addCleanup(open_directory(path).close)
        self.assertGood("--data-dir", path)

    def test_a_data_directory_that_can_not_be_used(self) -> None:
        path, file = self.directory(), self.file("")
        newer = self.directory()
        FilePath(newer).child("meta.json").setContent(b'{"format": 2}')
        for wrong, said in (
            (os.path.join(path, "none"), "does not exist: make it, owned by the user that gim runs as"),
            (file, "is not a directory"),
            (newer, "has the newer format 2, and this gim knows 1: use the gim that wrote it"),
        ):
            ended = self.assertRaises(SystemExit, self.check, "--data-dir", wrong)
            self.assertRefuses(f"--data-dir: {wrong} {said}", ended.code)

    def directory(self) -> str:
        path = os.path.abspath(self.mktemp())
        os.mkdir(path)
        return path

    def test_what_it_reads_is_not_in_a_repr(self) -> None:
        settings = settings_of(
            self.parse(),
            {
                "GIM_ADMIN_KEY": "a-key-of-20-letters",
                "GIM_AUTH_KEY": "0123456789" * 4,
            },
        )
        found = validate(settings, MemoryReactorClock(), starts=False)
        self.assertEqual(found.admin_key, b"a-key-of-20-letters")
        for text in repr(settings), repr(found):
            self.assertNotIn("a-key-of", text)
            self.assertNotIn("kkkk", text)


class LastWordTests(StartCase):
    """``--help`` and ``--version``."""

    def said(self, option: str) -> str:
        ended = self.assertRaises(SystemExit, self.parse, option)
        self.assertEqual((ended.code, self.stderr.getvalue()), (0, ""))
        return self.stdout.getvalue()

    def test_the_version(self) -> None:
        self.assertEqual(self.said("--version"), "gim 1.0.0\n")
        self.assertEqual(self.said("-v"), 2 * "gim 1.0.0\n")

    def test_help_names_every_option(self) -> None:
        said = self.said("--help")
        for name in self.parse():
            self.assertIn(f"--{name}", said)
