"""Which package may import which, as docs/architecture.md says it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache

from twisted.trial.unittest import SynchronousTestCase

from tests.support.paths import ROOT, gim_modules

# everything may import these; they import only each other
TOP = {
    *("gim", "gim.characters", "gim.errors", "gim.ids", "gim.model", "gim.names", "gim.startup"),
    "gim.units",
}
_ROW = re.compile(r"^\| `(gim[\w.]*)` \| [^|]+ \| ([^|]*) \|$", re.MULTILINE)


def table() -> dict[str, set[str]]:
    """Return what each package may import, in the order of the rows: a package stands above those."""
    text = ROOT.child("docs").child("architecture.md").getContent().decode()
    return {name: set(re.findall(r"`([\w.]+)`", allowed)) for name, allowed in _ROW.findall(text)}


@cache
def imports() -> dict[str, set[str]]:
    """Return what each module of gim imports of gim, by dotted names; packages by theirs."""
    sources = {
        path.removesuffix(".py").replace("/", ".").removesuffix(".__init__"): source
        for path, source in gim_modules().items()
        if not path.endswith("_pb2.py")
    }
    return {name: set(_imports_of(ast.parse(source), sources)) for name, source in sources.items()}


def _imports_of(tree: ast.Module, known: Mapping[str, object]) -> Iterator[str]:
    """Yield the modules of gim that a module imports, late imports within functions too."""
    for node in _running(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module and node.module in known:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in known else node.module


def _running(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield all statements but those for type checkers only, which import nothing when the code runs."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.expr) or _is_for_type_checkers(node):
            continue
        yield node
        yield from _running(node)


def _is_for_type_checkers(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


class ArchitectureTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.table = table()
        self.imports = imports()
        self.inner = {name.rpartition(".")[0] for name in self.imports}  # that hold others

    def packages(self) -> set[str]:
        """Return the packages below gim that have modules of their own."""
        plain = set(self.imports) - self.inner
        return {name.rpartition(".")[0] for name in plain} - {"gim", ""}

    def package_of(self, module: str) -> str:
        """Return the package that a module stands in: the longest of the table, else itself."""
        parts = module.split(".")
        names = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
        return next(name for name in names if name in self.table or name in TOP)

    def test_the_table_lists_every_package_and_no_other(self) -> None:
        self.assertEqual(set(self.table), self.packages() | {"gim.tap", "gim.worker"})

    def test_a_package_imports_only_what_its_row_names(self) -> None:
        for module, imported in self.imports.items():
            package = self.package_of(module)
            used = {self.package_of(name) for name in imported} - TOP - {package}
            allowed = self.table.get(package, set())
            self.assertEqual(used - allowed, set(), f"{module} imports what {package} may not")

    def test_no_row_names_more_than_is_imported(self) -> None:
        used: dict[str, set[str]] = {name: set() for name in self.table}
        for module, imported in self.imports.items():
            package = self.package_of(module)
            if package in used:
                used[package] |= {self.package_of(name) for name in imported} - TOP - {package}
        self.assertEqual(self.table, used)

    def test_a_row_names_only_rows_below_it(self) -> None:
        rows = list(self.table)
        for place, name in enumerate(rows):
            self.assertLessEqual(self.table[name], set(rows[place + 1 :]), f"{name} imports upward")

    def test_no_modules_import_each_other_in_a_circle(self) -> None:
        done: set[str] = set()
        for name in self.imports:
            self.visit(name, (), done)

    def visit(self, name: str, path: tuple[str, ...], done: set[str]) -> None:
        self.assertNotIn(name, path, " -> ".join((*path, name)))
        if name not in done:
            for imported in self.imports[name]:
                self.visit(imported, (*path, name), done)
            done.add(name)

    def test_few_modules_stand_at_the_top(self) -> None:
        tops = {name for name in self.imports if name.count(".") == 1 and name not in self.inner}
        self.assertEqual(tops, TOP - {"gim"} | {"gim.tap", "gim.worker"})
