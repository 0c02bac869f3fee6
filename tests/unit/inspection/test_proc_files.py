"""Numbers of Linux for the live figures, and what is known where Linux does not have them."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from gim.inspection import proc_files
from gim.inspection.proc_files import ProcFiles, network_name


class ProcFilesTests(SynchronousTestCase):
    def opened(self) -> ProcFiles:
        files = ProcFiles()
        files.open()
        self.addCleanup(files.close)
        return files

    def test_this_process_and_its_network_have_numbers(self) -> None:
        files = self.opened()
        self.assertGreater(files.rss() or 0, 1_000_000)
        first, second = files.traffic(), files.traffic()
        assert first is not None and second is not None
        self.assertGreaterEqual(second, first)
        self.assertEqual(network_name(), network_name())
        self.assertRegex(network_name(), r"^[0-9a-f-]{36}:\d+$")

    def test_without_the_files_nothing_is_known(self) -> None:
        missing = os.path.join(self.mktemp(), "missing")
        for name in "STATM", "NET_DEV", "_BOOT":
            self.patch(proc_files, name, missing)
        files = self.opened()
        self.assertEqual((files.rss(), files.traffic(), network_name()), (None, None, ""))

    def test_before_and_after_it_nothing_is_known(self) -> None:
        files = ProcFiles()
        self.assertEqual((files.rss(), files.traffic()), (None, None))
        files.open()
        files.close()
        files.close()
        self.assertEqual((files.rss(), files.traffic()), (None, None))
