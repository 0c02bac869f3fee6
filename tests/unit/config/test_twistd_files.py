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

    def test_a_data_directory_would_be_another_one_in_another_root(self) -> None:
        twistd_files.check({"chroot": None}, 1, "/data")
        error = self.assertRaises(StartupError, twistd_files.check, {"chroot": "/srv"}, 1, "/data")
        self.assertTrue(str(error).startswith("--chroot: leave out --data-dir"))


class UserTests(SynchronousTestCase):
    def test_the_user_that_the_process_becomes(self) -> None:
        found = [twistd_files.user_of(twistd) for twistd in ({"uid": 7}, {"uid": None}, {}, None)]
        self.assertEqual(found, [7, None, None, None])
