"""The JavaScript library: it passes all scenarios and its own tests, is small, and has gim's version."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess

from twisted.trial.unittest import SynchronousTestCase

import gim
from tests.support.client_scenarios import names
from tests.support.paths import ROOT

LIBRARY = ROOT.child("clients").child("js")
TESTS = LIBRARY.child("tests")
SIZE_LIMIT = 8000  # bytes, compressed
RAW_LIMIT = 25 * 1024  # bytes
TIMEOUT = 60  # seconds
OLDEST_NODE = 20


def node() -> str | None:
    """Return the path of a Node that is new enough, None without one."""
    path = shutil.which("node")
    if path is None:
        return None
    version = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)\.", version)
    return path if found and int(found[1]) >= OLDEST_NODE else None


class LibraryTests(SynchronousTestCase):
    """What is in clients/js."""

    def test_all_scenarios_and_tests_pass_in_node(self) -> None:
        path = node()
        if path is None:
            self.skipTest(f"install Node {OLDEST_NODE} or later to test the JavaScript library")
        files = [each.path for each in TESTS.globChildren("*.test.js")]
        done = subprocess.run(
            [path, "--test", "--test-reporter=tap", *files],
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        self.assertEqual(done.returncode, 0, done.stdout[-5000:] + done.stderr)
        passed = set(re.findall(r"^ok \d+ - (\S+)$", done.stdout, re.MULTILINE))
        self.assertEqual(set(names()) - passed, set())

    def test_what_a_page_loads_is_small(self) -> None:
        modules = [path.getContent() for path in LIBRARY.globChildren("*.js")]
        self.assertTrue(modules)
        self.assertLessEqual(sum(len(gzip.compress(each, 9, mtime=0)) for each in modules), SIZE_LIMIT)
        self.assertLessEqual(sum(map(len, modules)), RAW_LIMIT)

    def test_the_package_has_the_version_and_the_licence_of_gim(self) -> None:
        package = json.loads(LIBRARY.child("package.json").getContent())
        self.assertEqual(package["version"], gim.__version__)
        self.assertEqual(LIBRARY.child("LICENSE").getContent(), ROOT.child("LICENSE").getContent())

    def test_the_types_have_every_event_of_the_library(self) -> None:
        kinds = re.search(r"NOTICES = /\^\((.*?)\)\$/", LIBRARY.child("gim.js").getContent().decode())
        assert kinds is not None
        types = LIBRARY.child("gim.d.ts").getContent().decode()
        for kind in kinds[1].split("|"):
            self.assertRegex(types, rf"\n  {kind}: ")
