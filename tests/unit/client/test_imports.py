"""The core of the client runs anywhere: it needs nothing but the standard library, and no loop."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator

from twisted.trial.unittest import SynchronousTestCase

from tests.support.paths import ROOT

SHELLS = {
    *("asyncio.py", "asyncio_driver.py", "asyncio_socket.py"),
    *("twisted.py", "twisted_driver.py", "twisted_socket.py"),
}


def imported(tree: ast.AST) -> Iterator[str]:
    """Yield the names of all modules that a module imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


class ImportTests(SynchronousTestCase):
    def test_the_core_imports_only_the_standard_library_and_itself(self) -> None:
        for path in ROOT.child("gim").child("client").globChildren("*.py"):
            if path.basename() in SHELLS:
                continue
            for name in imported(ast.parse(path.getContent())):
                if not name.startswith("gim.client."):
                    self.assertIn(name.partition(".")[0], sys.stdlib_module_names, path.path)
                self.assertNotEqual(name.partition(".")[0], "asyncio", path.path)

    def test_no_module_imports_anything_of_the_daemon(self) -> None:
        for path in ROOT.child("gim").child("client").globChildren("*.py"):
            for name in imported(ast.parse(path.getContent())):
                if name.partition(".")[0] == "gim":
                    self.assertTrue(name.startswith("gim.client"), f"{path.path}: {name}")
