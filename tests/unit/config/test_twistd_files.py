"""What options of twistd make impossible."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gim.config import twistd_files
from gim.startup import StartupError


class ChrootTests(SynchronousTestCase):
    def test_no_worker_could_be_started_in_another_root(self) -> None:
        twistd_files.check({"chroot": "/srv/gim"}, workers=1)
        twistd_files.check({"chroot": None}, workers=2)
        error = self.assertRaises(StartupError, twistd_files.check, {"chroot": "/srv/gim"}, workers=2)
        self.assertTrue(str(error).startswith("--chroot: use one worker"))
