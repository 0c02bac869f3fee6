"""docs/cli.md has every command, with its arguments and options, and no other."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from gim.cli import failures
from gim.cli.table import PASS_ON
from gim.cli.tree import Node, nodes
from gim.config.table import SPELLINGS
from tests.support.paths import ROOT

SERVER = {"--url", "--context", "--timeout", "--json", "--no-color", "-q"}
SHARED = {  # by the column "as"
    "administrator": SERVER | {"--key-file"},
    "user": SERVER | {"--as", "--token-file"},
    "either": SERVER | {"--key-file", "--as", "--token-file"},
    "connected": SERVER - {"--url"} | {"--ws", "--as", "--token-file"},
    "anyone": SERVER,
    "": set[str](),
}


class DocumentTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.text = ROOT.descendant(["docs", "cli.md"]).getContent().decode()
        rows = re.findall(r"(?m)^\| `gim (.*?)` \| (\w*) ?\|", self.text)
        self.commands = {node.name: node for node in nodes() if node.name and not node.commands}
        self.rows = {self.name_of(usage): (usage, access) for usage, access in rows}

    def name_of(self, usage: str) -> str:
        words = re.split(r" (?=[^a-z])", usage)[0].split()
        return " ".join(words)

    def test_every_command_has_a_row_and_every_row_a_command(self) -> None:
        self.assertEqual(list(self.rows), [name for name in self.rows if name in self.commands])
        self.assertEqual(set(self.rows), set(self.commands))

    def test_a_row_has_the_arguments_and_options_of_its_command(self) -> None:
        for name, (usage, access) in self.rows.items():
            node = self.commands[name]
            shown = usage.removeprefix(name)
            options = dict(re.findall(r"(?<![\w-])(--?[a-z-]+)(?: ([A-Z_]+))?", shown))
            shared = SHARED[access]
            self.assertEqual(set(options) | shared, self.names(node), name)
            values = {option.names[0]: option.value for option in node.options}
            self.assertEqual(options, {option: values[option] for option in options}, name)
            arguments = re.findall(r"[A-Z_]+", re.sub(r"\[-.*?\]|--[a-z-]+ [A-Z_]+", "", shown))
            self.assertEqual(tuple(arguments), node.arguments, name)

    def names(self, node: Node) -> set[str]:
        """Return the options of a command without those of the server."""
        names = {option.names[0] for option in node.options if option.names[0] != "-h"}
        server = {f"--{name}" for name in SPELLINGS} | {"--config"}
        return names - server if node.name in PASS_ON else names

    def test_the_shared_options_are_those_that_may_stand_before_a_command(self) -> None:
        listed = set(re.findall(r"(?m)^\| `(--?[a-z-]+)(?: [A-Z]+)?`.*\|.*\|.*\|$", self.text))
        root = next(node for node in nodes() if not node.name)
        self.assertEqual(listed, self.names(root) - {"--version"})

    def test_every_exit_status_is_listed(self) -> None:
        listed = set(map(int, re.findall(r"(?m)^\| (\d+) \|", self.text)))
        kinds = {kind.status for kind in failures.Failure.__subclasses__()}
        self.assertEqual(
            listed, kinds | {0, failures.MISUSED, failures.INTERRUPTED, failures.BROKEN_PIPE}
        )
