"""With one worker, the default, there are no parts of several."""

from __future__ import annotations

import os

from tests.support.daemon_process import DaemonTestCase

SCRIPT = """
import sys
from gim.tap import Options, makeService
options = Options()
options.parseOptions(sys.argv[1:])
makeService(options)
print([name for name in sys.modules if name.startswith(("gim.link", "gim.storage.linked", "gim.worker"))])
"""


class OneProcessTests(DaemonTestCase):
    async def test_nothing_of_several_workers_is_imported(self) -> None:
        secret = "0123456789abcdef" * 2
        data = "--data-dir", os.path.abspath(self.mktemp())
        os.mkdir(data[1])
        for options in (), ("--webhook-url", "http://127.0.0.1:1/"), data:
            process = self.spawn("python3", "-c", SCRIPT, *options, GIM_WEBHOOK_SECRET=secret)
            self.assertEqual((await process.exited, process.output), (0, {1: "[]\n", 2: ""}))
