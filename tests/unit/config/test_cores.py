"""How many cores a process may use."""

from __future__ import annotations

import os

from twisted.python.filepath import FilePath
from twisted.trial.unittest import SynchronousTestCase

from gim.config.cores import usable_cores


class CoresTests(SynchronousTestCase):
    def cores(self, files: dict[str, str], affinity: int = 8) -> int:
        root = FilePath(self.mktemp())
        for name, text in files.items():
            path = root.preauthChild(name)
            path.parent().makedirs(ignoreExistingDirectory=True)
            path.setContent(text.encode())
        return usable_cores(root.path, lambda: affinity)

    def test_those_of_the_affinity_count(self) -> None:
        self.assertEqual(self.cores({}, affinity=3), 3)
        self.assertLessEqual(1, usable_cores())
        self.assertLessEqual(usable_cores(), len(os.sched_getaffinity(0)))

    def test_a_quota_counts_rounded_up(self) -> None:
        for text, cores in (
            ("max 100000\n", 8),
            ("100000 100000\n", 1),
            ("150000 100000\n", 2),
            ("10000 100000\n", 1),
            ("1600000 100000\n", 8),
            ("", 8),
            ("nonsense", 8),
            ("5 0", 8),
        ):
            files = {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": text}
            self.assertEqual(self.cores(files), cores, text)

    def test_the_least_quota_of_the_groups_above_counts(self) -> None:
        files = {
            "proc/self/cgroup": "0::/a.slice/gim.service\n",
            "sys/fs/cgroup/a.slice/cpu.max": "200000 100000\n",
            "sys/fs/cgroup/a.slice/gim.service/cpu.max": "300000 100000\n",
        }
        self.assertEqual(self.cores(files), 2)

    def test_a_group_of_version_1_has_its_quota_in_two_files(self) -> None:
        for path in "/docker/1", "/":
            for quota, cores in ("250000", 3), ("-1", 8):
                group = f"sys/fs/cgroup/cpu{path.rstrip('/')}"
                files = {
                    "proc/self/cgroup": f"5:memory:/m\n4:cpu,cpuacct:{path}\n",
                    f"{group}/cpu.cfs_quota_us": f"{quota}\n",
                    f"{group}/cpu.cfs_period_us": "100000\n",
                }
                self.assertEqual(self.cores(files), cores, (path, quota))

    def test_in_a_container_only_the_mount_may_exist(self) -> None:
        files = {
            "proc/self/cgroup": "0::/host/docker/1\n",
            "sys/fs/cgroup/cpu.max": "200000 100000\n",
        }
        self.assertEqual(self.cores(files), 2)
