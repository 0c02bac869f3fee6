"""What is not Python is in the wheel, too."""

from __future__ import annotations

import tomllib

from twisted.python.filepath import FilePath
from twisted.trial.unittest import SynchronousTestCase

from tests.support.paths import ROOT


class PackageDataTests(SynchronousTestCase):
    def setUp(self) -> None:
        settings = tomllib.loads(ROOT.child("pyproject.toml").getContent().decode())
        self.data: dict[str, list[str]] = settings["tool"]["setuptools"]["package-data"]

    def test_every_pattern_matches_a_file_of_a_package(self) -> None:
        for package, patterns in self.data.items():
            directory = ROOT.descendant(package.split("."))
            self.assertTrue(directory.child("__init__.py").exists(), package)
            for pattern in patterns:
                *parts, name = pattern.split("/")
                self.assertTrue(directory.descendant(parts).globChildren(name), f"{package}: {pattern}")

    def is_linked(self, file: FilePath[str]) -> bool:
        """Say whether a file is one of ``clients/js``, of which gim reads the modules alone."""
        return ROOT.descendant(["gim", "api", "javascript"]) in file.parents()

    def test_every_file_that_gim_reads_is_matched(self) -> None:
        matched = {
            file.path
            for package, patterns in self.data.items()
            for pattern in patterns
            for file in ROOT.descendant([*package.split("."), *pattern.split("/")[:-1]]).globChildren(
                pattern.rpartition("/")[2]
            )
        }
        kept = {
            file.path
            for file in ROOT.child("gim").walk(lambda path: path.basename() != "__pycache__")
            if file.isfile() and not file.basename().endswith(".py") and not self.is_linked(file)
        }
        kept |= {path.path for path in ROOT.descendant(["gim", "api", "javascript"]).globChildren("*.js")}
        self.assertEqual(kept, matched)
