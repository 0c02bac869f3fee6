"""``gim`` before and around its commands: finding the command, options before it, exit statuses."""

from __future__ import annotations

import argparse
import io
import os
import socket
import sys
from collections.abc import Iterator

from gim import __version__
from gim.cli import main as main_module
from gim.cli.table import COMMANDS, load
from gim.cli.tree import Node, nodes
from gim.commands import stats
from tests.support.command import STATISTICS, CommandTestCase, response
from tests.support.paths import ROOT


class CommandsTests(CommandTestCase):
    def test_every_module_is_in_the_table_and_every_command_has_one(self) -> None:
        modules = ROOT.descendant(["gim", "commands"]).globChildren("*.py")
        names = {module.basename().removesuffix(".py") for module in modules} - {"__init__"}
        self.assertEqual(names, set(COMMANDS))

    def test_the_help_lists_every_command(self) -> None:
        out = self.said("--help")
        for name in COMMANDS:
            self.assertRegex(out, rf"(?m)^  {name} +\w")
        self.assertEqual(self.said("--version"), f"gim {__version__}\n")

    def test_every_command_has_a_help(self) -> None:
        for name in COMMANDS:
            self.assertRegex(self.said(name, "--help"), f"^usage: gim {name} ")

    def test_no_command_is_a_2_and_says_what_there_is(self) -> None:
        run = self.gim()
        self.assertEqual((run.status, run.out), (2, ""))
        self.assertIn("history", run.err)

    def test_an_unknown_command_is_a_2_and_says_which_was_meant(self) -> None:
        self.assertEqual(
            self.refused("histroy", status=2), "gim: unknown command 'histroy': did you mean history?"
        )
        self.assertIn("gim --help", self.refused("zzz", status=2))

    def test_no_command_takes_a_secret_as_an_argument(self) -> None:
        for node in nodes():
            names = {name for option in node.options for name in option.names if option.value}
            own = names - {f"--{name}" for name in self.of_server(node)}
            for name in (*own, *map(str.lower, node.arguments)):
                if any(word in name for word in ("key", "token", "secret", "password")):
                    self.assertTrue(
                        name.endswith("-file")
                        or (node.name, name) in (("kick", "key"), ("close", "key")),
                        name,
                    )

    def of_server(self, node: Node) -> Iterator[str]:
        from gim.config.table import SPELLINGS

        if node.name in ("serve", "check"):
            yield from SPELLINGS


class StreamsTests(CommandTestCase):
    def answer(self, request: bytes) -> bytes:
        return response(STATISTICS)

    def test_closed_streams_are_empty_and_take_everything(self) -> None:
        for name in ("stdin", "stdout", "stderr"):
            self.patch(sys, name, None)
        self.patch(os, "environ", self.environment)
        self.patch(socket, "create_connection", self.open_socket)
        self.addCleanup(self.close_streams)
        self.assertEqual(main_module.main(["stats"]), 0)
        self.assertEqual(main_module.main(["broadcast", "-"]), 0)
        self.assertIn(b'{"content": ""}', self.requests[1])

    def close_streams(self) -> None:
        for stream in sys.stdin, sys.stdout, sys.stderr:
            stream.close()


class OptionsTests(CommandTestCase):
    def answer(self, request: bytes) -> bytes:
        return response(STATISTICS)

    def test_options_may_stand_before_the_command_too(self) -> None:
        out = self.said("stats", "--json", "--url", "http://h:1")
        self.assertEqual(self.said("--json", "--url", "http://h:1", "stats"), out)
        self.assertEqual(self.connected, [("h", 1)] * 2)

    def test_they_stand_before_what_is_no_option(self) -> None:
        self.gim("--url", "http://h:1", "-q", "broadcast", "--", "--hi")
        self.assertIn(b'{"content": "--hi"}', self.requests[0])

    def test_a_command_refuses_those_that_it_has_no_use_for(self) -> None:
        for words in (
            ["--as", "ann", "stats"],
            ["--json", "config", "env"],
            ["--url", "x", "context", "list"],
        ):
            self.assertIn("unrecognized arguments", self.refused(*words, status=2))

    def test_options_alone_are_a_2(self) -> None:
        self.assertIn("name a command", self.refused("--json", status=2))
        self.assertIn("expected one argument", self.refused("--url", status=2))
        self.assertIn("unrecognized arguments: --all", self.refused("--all", "history", status=2))

    def test_options_are_not_abbreviated(self) -> None:
        self.refused("stats", "--js", status=2)
        self.refused("--js", "stats", status=2)
        self.refused("room", "create", "den", "--own", "ann", status=2)
        self.refused("context", "add", "a", "--ur", "http://h", status=2)
        self.refused("user", "banned", "ann", "--js", status=2)


class ExitTests(CommandTestCase):
    def raising(self, error: BaseException) -> None:
        def run(args: argparse.Namespace) -> int:
            raise error

        self.patch(stats, "run", run)

    def test_an_interrupt_is_a_130(self) -> None:
        self.raising(KeyboardInterrupt())
        self.assertEqual(self.gim("stats").status, 130)

    def test_an_output_that_is_not_read_is_a_141(self) -> None:
        replaced = list[tuple[int, int]]()
        self.patch(os, "dup2", lambda new, old: replaced.append((new, old)))
        self.raising(BrokenPipeError())
        run = self.gim("stats")
        os.close(replaced[0][0])
        self.assertEqual((run.status, run.err, replaced[0][1]), (141, "", 1))

    def test_a_fault_of_the_machine_is_one_line(self) -> None:
        self.raising(OSError(28, "No space left on device"))
        self.assertEqual(self.refused("stats"), "gim: No space left on device")

    def test_what_is_not_utf_8_is_one_line(self) -> None:
        self.assertIn("not valid UTF-8", self.refused("ban", "\udcff", "--for", "1h"))
        self.assertIn("not valid UTF-8", self.refused("post", "ann", "\udcff"))

    def test_the_words_are_those_of_the_process_unless_given(self) -> None:
        self.patch(sys, "argv", ["gim", "zzz"])
        self.patch(sys, "stderr", io.StringIO())
        self.assertEqual(main_module.main(), 2)

    def test_a_command_is_imported_when_it_is_called(self) -> None:
        self.assertEqual(load("stats"), stats)
