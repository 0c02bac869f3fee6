"""Whether the files that twistd's own options name can be written."""

from __future__ import annotations

import os
from collections.abc import Mapping
from errno import EACCES, EISDIR, ENOENT
from typing import Any

from gim.startup import StartupError


def check(twistd: Mapping[str, Any], workers: int, data_dir: str | None = None) -> None:
    """Raise `StartupError` if the log, the pid file or the directory of twistd can't be used. Makes no
    file. *twistd* may be the options of twist, which have none of these."""
    if workers > 1 and twistd.get("chroot"):
        raise StartupError("--chroot: use one worker, as no other process could be started there")
    if data_dir is not None and twistd.get("chroot"):
        raise StartupError("--chroot: leave out --data-dir, whose path would be another one there")
    log, pid_file, directory = (twistd.get(name) for name in ("logfile", "pidfile", "rundir"))
    if log and log != "-":
        _check_file("logfile", log)
    if directory and not os.path.isdir(directory):
        raise StartupError(f"--rundir: {directory!r} is not a directory")
    if pid_file:
        _check_file("pidfile", os.path.join(directory or "", pid_file))


def user_of(twistd: Mapping[str, Any] | None) -> int | None:
    """Return the id of the user that twistd lets the process become, None if it stays as it is."""
    return twistd.get("uid") if twistd is not None else None


def _check_file(option: str, path: str) -> None:
    directory = os.path.dirname(os.path.abspath(path))
    if os.path.isdir(path):
        reason = EISDIR
    elif not os.path.isdir(directory):
        reason = ENOENT
    elif not os.access(path if os.path.exists(path) else directory, os.W_OK):
        reason = EACCES
    else:
        return
    raise StartupError(f"--{option}: {path!r} can't be written: {os.strerror(reason)}")
