"""How many cores this process may use: by its affinity, and by the CPU quota of its control group."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path


def _affinity() -> int:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def usable_cores(root: str = "/", affinity: Callable[[], int] = _affinity) -> int:
    """Return how many cores this process may use, 1 or more.

    A quota of CPU time, as ``docker run --cpus=1.5`` sets it, counts as so many cores, rounded up. *root*
    is where /proc and /sys are, *affinity* tells how many cores the scheduler may choose from.
    """
    quotas = list(_quotas(Path(root)))
    return max(1, min([affinity(), *quotas]))


def _quotas(root: Path) -> Iterator[int]:
    """Yield the quota in cores of the control group and of each one that it is in, if it has one."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        number, controllers, path = line.split(":", 2)
        names = controllers.split(",")
        if number == "0":
            mount, read = root / "sys/fs/cgroup", _unified
        elif "cpu" in names:
            mount, read = root / "sys/fs/cgroup/cpu", _of_version_1
        else:
            continue
        for group in _groups(mount, path):
            with suppress(ValueError, IndexError):
                quota, period = read(group)
                if quota > 0 and period > 0:
                    yield -(-quota // period)


def _groups(mount: Path, path: str) -> Iterator[Path]:
    """Yield the directory of a control group, and those above it.

    In a container the path may be that of the host, of which only the mount exists.
    """
    group = mount / path.strip("/")
    yield group
    while group != mount:
        group = group.parent
        yield group


def _unified(group: Path) -> tuple[int, int]:
    """Read microseconds of quota and period of version 2: docs.kernel.org, cgroup-v2, cpu.max. Raises
    ValueError or IndexError without a quota."""
    words = _text(group / "cpu.max").split()
    return int(words[0]), int(words[1])


def _of_version_1(group: Path) -> tuple[int, int]:
    """Read the same of version 1: docs.kernel.org, scheduler/sched-bwc. The quota is -1 for none."""
    return int(_text(group / "cpu.cfs_quota_us")), int(_text(group / "cpu.cfs_period_us"))


def _text(path: Path) -> str:
    """Return the content of a file, "" for one that can't be read."""
    try:
        return path.read_text()
    except OSError:
        return ""
