"""The commands that need no server: serve, check, config, token, version, completion."""

from __future__ import annotations

import json
import os
import sys
import tomllib

import twisted.scripts.twistd

from gim import __version__
from gim.cli.tree import nodes
from gim.config.table import OPTIONS
from tests.support.command import STATISTICS, CommandTestCase, ServedTestCase, response
from tests.support.key_material import SECRET

OWN = "http://127.0.0.1:8081"  # the server of the options


class ServeTests(CommandTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.patch(sys, "argv", ["gim"])
        self.runs = list[list[str]]()
        self.patch(twisted.scripts.twistd, "run", lambda: self.runs.append(sys.argv[:]))

    def test_it_is_twistd_with_the_options_of_the_server(self) -> None:
        self.said("serve", "--ws", "8080", "--profiling", "--http=8081")
        rest = ["gim", "--ws", "8080", "--profiling", "--http=8081"]
        self.assertEqual(self.runs, [["twistd", "--nodaemon", "--pidfile=", *rest]])

    def test_in_the_background_it_has_a_log_and_a_pid_file(self) -> None:
        self.said("serve", "--daemon", "--log-file", "l", "--ws", "8080", "--pid-file", "p")
        self.assertEqual(self.runs, [["twistd", "--pidfile=p", "--logfile=l", "gim", "--ws", "8080"]])
        for words in [], ["--log-file", "l"], ["--pid-file", "p"]:
            self.assertIn("--daemon", self.refused("serve", "--daemon", *words, status=2))

    def test_the_help_lists_the_options_of_the_server(self) -> None:
        for name in "serve", "check":
            out = self.said(name, "--help")
            for option in OPTIONS:
                self.assertIn(f"--{option}", out)


class CheckTests(CommandTestCase):
    def test_good_options_are_a_0_and_bad_ones_a_1(self) -> None:
        self.assertEqual(self.said("check", "--ws", "0"), "gim: all options and files are good\n")
        errors = self.patched_stderr()
        self.assertEqual(self.gim("check", "--ws", "x").status, 1)
        self.assertIn("--gateway-address: 'x' is not a valid address", "".join(errors))

    def patched_stderr(self) -> list[str]:
        """Return what is written to the stderr that the process began with."""
        written = list[str]()

        class Stream:
            write = staticmethod(written.append)
            flush = staticmethod(lambda: None)

        self.patch(sys, "__stderr__", Stream())
        return written

    def test_the_file_of_the_options_is_read(self) -> None:
        self.patched_stderr()
        self.said("check", "--config", self.file("good.toml", "drain = 3\n"))
        self.assertEqual(self.gim("check", "--config", self.file("bad.toml", "drain = no\n")).status, 1)

    def test_a_server_is_only_asked_with_live(self) -> None:
        self.assertIn("--live", self.refused("check", "--url", "http://h", status=2))


class LiveTests(ServedTestCase):
    live = "check", "--live"

    def test_the_server_is_that_of_the_options(self) -> None:
        self.assertIn("http://127.0.0.1:7 is ready", self.said(*self.live, "--http", "7"))
        self.said(*self.live, "--http", "[::1]:8")
        self.said(*self.live, "--url", "http://localhost:9")
        self.assertEqual(
            list(dict.fromkeys(self.connected)), [("127.0.0.1", 7), ("::1", 8), ("localhost", 9)]
        )
        run = self.gim(*self.live, "--http", f"unix:{os.path.abspath(self.home)}/x")
        self.assertEqual(run.status, 2)
        self.assertIn("name the server with --url", run.err)

    def test_another_key_is_said(self) -> None:
        self.environment["GIM_ADMIN_KEY"] = "another-key-0123456789"
        run = self.gim(*self.live)
        self.assertEqual(run.status, 1)
        self.assertEqual(run.err, f"gim: {OWN}: admin-key-file: the server has another key: restart it\n")

    def test_a_host_that_the_server_does_not_serve_is_a_1(self) -> None:
        run = self.gim(*self.live, "--url", "http://h:9")
        self.assertEqual(run.status, 1)
        self.assertIn("421, ", run.err)

    def test_what_differs_is_said(self) -> None:
        del self.environment["GIM_ADMIN_KEY"]
        run = self.gim(*self.live, "--metrics=false", "--storage", "redis", "--profiling")
        self.assertEqual(run.status, 1)
        names = [line.removeprefix(f"gim: {OWN}: ").split(":")[0] for line in run.err.splitlines()]
        self.assertEqual(names, ["metrics", "storage", "admin-key-file", "enable-profiling"])


class NotReadyTests(CommandTestCase):
    def answer(self, request: bytes) -> bytes:
        if b"/readyz" in request:
            return response('{"code":503,"msg":"it is stopping","data":{"reason":"draining"}}', 503)
        if b"/openapi.json" in request:
            return response('{"info":{"title":"gim","version":"1"},"paths":{"/v1/admin/statistics":{}}}')
        return response(STATISTICS)

    def test_a_server_that_is_not_ready_is_a_1(self) -> None:
        run = self.gim("check", "--live")
        self.assertEqual(
            (run.status, run.err), (1, f"gim: {OWN}: the server is not ready: it is stopping\n")
        )


class ConfigTests(CommandTestCase):
    def test_the_defaults_are_a_file_that_can_be_used(self) -> None:
        text = self.said("config", "defaults")
        self.assertEqual(tomllib.loads(text), {})
        given = "\n".join(
            line[1:] for line in text.splitlines() if line[:1] == "#" and line[1:2].isalpha()
        )
        self.assertEqual(set(tomllib.loads(given)), set(OPTIONS))

    def test_the_variables_are_those_of_all_options(self) -> None:
        lines = [line[1:] for line in self.said("config", "env").splitlines() if line.startswith("#GIM_")]
        variables = dict(line.split("=", 1) for line in lines)
        self.assertEqual(len(variables), len(OPTIONS))
        for name, option in OPTIONS.items():
            if option.default is not None:
                value = variables[f"GIM_{name.upper().replace('-', '_')}"]
                self.assertEqual(option.read(value), option.default_value)

    def test_the_page_is_that_of_the_documents(self) -> None:
        self.assertTrue(self.said("config", "doc").startswith("# Configuration\n"))


class TokenTests(CommandTestCase):
    def test_a_token_is_made_and_checked(self) -> None:
        secret = self.file("secret", SECRET)
        token = self.said("token", "make", "--key-file", secret, "--sub", "1001")
        claims = json.loads(self.said("token", "check", "--key-file", secret, stdin=token))
        self.assertEqual(claims["sub"], "1001")

    def test_a_token_is_not_an_argument(self) -> None:
        self.refused("token", "check", "x.y.z", "--key-file", "f", status=2)

    def test_errors_begin_with_the_name_of_the_program(self) -> None:
        secret = self.file("secret", SECRET)
        self.assertIn("gim: token: ", self.refused("token", "check", "--key-file", secret, stdin="x"))

    def test_a_key_is_made(self) -> None:
        path = os.path.join(self.home, "key")
        self.said("token", "key", "--key-file", path)
        self.assertIn("exists", self.refused("token", "key", "--key-file", path))


class VersionTests(ServedTestCase):
    def test_it_is_that_of_the_program_and_of_the_server(self) -> None:
        self.assertEqual(self.said("version"), f"gim {__version__}\n")
        self.assertEqual(self.connected, [])
        both = {"gim": __version__, "server": __version__}
        self.assertEqual(json.loads(self.said("version", "--server", "--json")), both)


class OtherServerTests(CommandTestCase):
    def answer(self, request: bytes) -> bytes:
        return response('{"info":{"title":"another","version":"9"},"paths":{}}')

    def test_another_api_is_not_taken_for_gim(self) -> None:
        self.assertIn("is not gim", self.refused("version", "--server", status=3))


class CompletionTests(CommandTestCase):
    def test_both_scripts_have_every_command_and_option(self) -> None:
        for shell in "bash", "zsh":
            script = self.said("completion", shell)
            for node in nodes():
                self.assertIn(f'"{node.name}") ', script)
                for option in node.options:
                    for name in option.names:
                        self.assertIn(name, script)
