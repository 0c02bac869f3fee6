"""The JavaScript library as a package of npm: what is in it, that it runs, and what its types say."""

from __future__ import annotations

import json
import re
import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase

from tests.support.daemon_process import PATIENCE, DaemonTestCase
from tests.support.node import NODE_MISSING, TYPESCRIPT, WS, npm, npm_packages
from tests.support.paths import ROOT

LIBRARY = Path(ROOT.path) / "clients" / "js"
TYPES = LIBRARY / "tests" / "types"
README = (LIBRARY / "README.md").read_text()
DECLARATIONS = (LIBRARY / "gim.d.ts").read_text()
EXAMPLE = (Path(ROOT.path) / "examples" / "chat.html").read_text()
SERVED = "http://127.0.0.1:8081/client/gim.js"  # what pages import
# what programs use of Node and of pages; complete types take seconds to check
NODE = """
declare const process: {argv: string[]};
declare module "ws" { export default class WebSocket {} }
"""
ANY_PAGE = (
    "declare const crypto: any, document: any, location: any, sessionStorage: any, URLSearchParams: any;"
)
COMPILER_OPTIONS = {
    "strict": True,
    "noEmit": True,
    "target": "es2022",
    "module": "esnext",
    "moduleResolution": "bundler",
    "lib": ["es2022"],
    "types": [],
    "skipDefaultLibCheck": True,
}


def blocks(language: str) -> list[str]:
    """Return the code blocks of the README in a language."""
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```$", README)


def script_of(page: str) -> str:
    """Return the module in a page."""
    (found,) = re.findall(r'(?s)<script type="module">\n(.*?)</script>', page)
    return str(found)


def program() -> str:
    """Return the program for Node in the README."""
    return next(block for block in blocks("js") if "process.argv" in block)


@cache
def packed() -> tuple[TemporaryDirectory[str], str, frozenset[str]]:
    """Pack the library; return where, the name of the file, and the names of what it holds."""
    place = TemporaryDirectory(prefix="gim-npm-")
    (package,) = json.loads(npm("pack", "--json", f"--pack-destination={place.name}", cwd=LIBRARY))
    return place, package["filename"], frozenset(file["path"] for file in package["files"])


class PackageTests(DaemonTestCase):
    skip = NODE_MISSING
    timeout = 120

    def test_it_holds_the_modules_their_types_and_what_people_read(self) -> None:
        modules = {path.name for path in LIBRARY.glob("*.js")}
        *_, files = packed()
        self.assertEqual(files, {*modules, "gim.d.ts", "package.json", "README.md", "LICENSE"})

    async def test_the_program_of_the_readme_runs_where_it_is_installed(self) -> None:
        await self.daemon()
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        (folder / "program.mjs").write_text(program())
        output = await deferToThread(self.install_and_run, folder)
        self.assertRegex(output, r"\Asent [0-9a-f]{32}\nBob: hello, Ann\n\Z")

    def install_and_run(self, folder: Path) -> str:
        place, name, _ = packed()
        npm("install", "--ignore-scripts", "--prefer-offline", f"{place.name}/{name}", WS, cwd=folder)
        words = ["node", "program.mjs", f"ws://127.0.0.1:{self.ws}"]
        ran = subprocess.run(
            words, cwd=folder, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        self.assertEqual((ran.returncode, ran.stderr), (0, ""))
        return ran.stdout


class TypeTests(SynchronousTestCase):
    """What tsc says of programs."""

    skip = NODE_MISSING

    def check(self, files: dict[str, str], **options: object) -> None:
        """Let tsc check files, which are programs by their names."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        for name, text in files.items():
            (folder / name).write_text(text)
        modules = npm_packages(TYPESCRIPT)
        declarations = [str(LIBRARY / "gim.d.ts")]
        paths = {"gim-client": declarations, SERVED: declarations}
        settings = COMPILER_OPTIONS | {"paths": paths} | options
        project = {"compilerOptions": settings, "files": [*files]}
        (folder / "tsconfig.json").write_text(json.dumps(project))
        words = ["node", str(modules / "typescript" / "bin" / "tsc"), "-p", str(folder)]
        ran = subprocess.run(words, capture_output=True, text=True, check=False)
        self.assertEqual(ran.returncode, 0, ran.stdout)

    def test_right_programs_are_right_and_each_wrong_line_is_an_error(self) -> None:
        stores = next(block for block in blocks("js") if "LocalStore" in block)
        (page,) = blocks("html")
        files = {name: (TYPES / name).read_text() for name in ("right.ts", "wrong.ts")}
        files |= {"program.ts": program(), "stores.ts": stores, "page.ts": script_of(page)}
        self.check(files | {"node.d.ts": NODE}, lib=["es2022", "dom", "dom.iterable"])

    def test_the_example_uses_the_library_as_its_types_say(self) -> None:
        # it has no types of its own, so it can't be strict
        files = {"chat.js": script_of(EXAMPLE), "page.d.ts": ANY_PAGE}
        self.check(files, strict=False, allowJs=True, checkJs=True, skipLibCheck=True)

    def test_the_right_programs_use_all_methods_options_and_events(self) -> None:
        used = (TYPES / "right.ts").read_text()
        for name in members("class Gim") | members("interface Pending"):
            self.assertRegex(used, rf"\.{name}\b", name)
        for name in members("interface Options"):
            self.assertRegex(used, rf"\b{name}[:,] ", name)
        for name in members("interface Events"):
            self.assertIn(f'gim.on("{name}", ', used)


def members(kind: str) -> set[str]:
    """Return the names of what a class or an interface has."""
    found = re.search(rf"(?ms)^export (?:declare )?{kind}\b[^\n]*\{{\n(.*?)^\}}$", DECLARATIONS)
    assert found is not None, kind
    return {*re.findall(r"(?m)^  (?:readonly )?(\w+)\??[(:<]", found[1])} - {"constructor"}
