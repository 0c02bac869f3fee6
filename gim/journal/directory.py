"""The data directory: who may use it, and what identifies the data in it."""

from __future__ import annotations

import fcntl
import os
import pwd
from contextlib import suppress
from secrets import token_bytes, token_hex
from typing import Final

import msgspec
from msgspec import Struct

from gim.concurrency.clocks import WallClock
from gim.journal.files import (
    LOG,
    STATE,
    TEMPORARY,
    NumberedFile,
    files_of,
    read_file,
    write_file,
)
from gim.journal.records import FORMAT
from gim.startup import StartupError

_LOCK: Final = "LOCK"
_META: Final = "meta.json"
_KEY_SIZE: Final = 32  # bytes


class Meta(Struct, frozen=True, kw_only=True):
    """The content of ``meta.json``."""

    format: int
    epoch: str
    token_key: str  # 32 bytes in hex
    created: int  # Unix ms


class DataDirectory:
    """A data directory that this process alone uses from `open` to `close`."""

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(path)
        self._lock: int | None = None  # the open file of the lock
        self._meta: Meta

    def open(self) -> None:
        """Take the directory for this process, and make it a data directory if it is empty.

        Raises `StartupError` if it can't be used.
        """
        check_directory(self.path)
        lock = _take_lock(self.path)
        try:
            _remove_temporary_files(self.path)
            self._meta = read_meta(self.path) or _new_meta(self.path)
        except OSError as error:
            os.close(lock)
            raise _refused(self.path, f"can't be used: {error.strerror}") from error
        except BaseException:
            os.close(lock)
            raise
        self._lock = lock

    @property
    def epoch(self) -> str:
        """What identifies the data set to clients."""
        return self._meta.epoch

    @property
    def token_key(self) -> bytes:
        """The key that signs the tokens of the HTTP API."""
        return bytes.fromhex(self._meta.token_key)

    def renew_epoch(self) -> None:
        """Make it another data set: some of it is lost, and clients must not go on from where they
        were."""
        self._meta = msgspec.structs.replace(self._meta, epoch=token_hex(8))
        write_meta(self.path, self._meta)

    def logs(self) -> list[NumberedFile]:
        """Return the log files in the order of their numbers."""
        return files_of(self.path, LOG)

    def states(self) -> list[NumberedFile]:
        """Return the state files in the order of their numbers."""
        return files_of(self.path, STATE)

    def free_bytes(self) -> int:
        """Return what may still be written to its file system, 0 if that does not answer."""
        try:
            status = os.statvfs(self.path)
        except OSError:
            return 0
        return status.f_bavail * status.f_frsize

    def close(self) -> None:
        """Let another process use the directory. May be repeated."""
        if self._lock is not None:
            lock, self._lock = self._lock, None
            os.close(lock)


def open_directory(path: str) -> DataDirectory:
    """Return a data directory that is open: see `DataDirectory.open`."""
    directory = DataDirectory(path)
    directory.open()
    return directory


def check_directory(path: str, user: int | None = None) -> None:
    """Raise `StartupError` if a user can't use a directory, or its format is newer. Changes nothing.

    *user* is the id of one that this process will become, None for its own.
    """
    try:
        status = os.stat(path)
    except FileNotFoundError:
        raise _refused(path, "does not exist: make it, owned by the user that gim runs as") from None
    except OSError as error:
        raise _refused(path, f"can't be read: {error.strerror}") from error
    if not os.path.isdir(path):
        raise _refused(path, "is not a directory: name one")
    own_id = os.geteuid() if user is None else user
    if status.st_uid != own_id:
        owner, own = _name_of(status.st_uid), _name_of(own_id)
        raise _refused(
            path, f"belongs to {owner}, and gim runs as {own}: run it as {owner}, or change the owner"
        )
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK, effective_ids=True):
        raise _refused(path, "can't be written to: change its mode, or mount its file system for writing")
    read_meta(path)


def check_unused(path: str) -> None:
    """Raise `StartupError` if another process uses a directory. Changes nothing."""
    with suppress(OSError):  # without a lock it was never used
        lock = os.open(os.path.join(path, _LOCK), os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _in_use(path, lock) from None
        finally:
            os.close(lock)


def read_meta(path: str) -> Meta | None:
    """Return what identifies the data in a directory, None for one that holds no data.

    Raises `StartupError` for another format, or if it can't be read.
    """
    try:
        content = read_file(os.path.join(path, _META))
    except FileNotFoundError:
        if files_of(path, LOG) or files_of(path, STATE):
            raise _refused(path, f"has data but not {_META}: put it back from a backup") from None
        return None
    except OSError as error:
        raise _refused(path, f"can't be read: {_META}: {error.strerror}") from error
    try:
        found = msgspec.json.decode(content, type=dict)["format"]
        if found != FORMAT:
            age = "newer" if found > FORMAT else "other"
            why = f"has the {age} format {found}, and this gim knows {FORMAT}: use the gim that wrote it"
            raise _refused(path, why)
        meta = msgspec.json.decode(content, type=Meta)
        if len(bytes.fromhex(meta.token_key)) != _KEY_SIZE or not meta.epoch:
            raise ValueError
    except (msgspec.MsgspecError, KeyError, TypeError, ValueError) as error:
        raise _refused(path, f"has a damaged {_META}: put it back from a backup") from error
    return meta


def _take_lock(path: str) -> int:
    name = os.path.join(path, _LOCK)
    try:
        lock = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _refused(path, f"can't be written to: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
    except BlockingIOError:
        refusal = _in_use(path, lock)
        os.close(lock)
        raise refusal from None
    except OSError as error:
        os.close(lock)
        raise _refused(path, f"can't be written to: {error.strerror}") from error
    return lock


def _in_use(path: str, lock: int) -> StartupError:
    user = os.pread(lock, 20, 0).decode(errors="replace")
    return _refused(path, f"is in use by process {user or '(unknown)'}: stop that one first")


def _remove_temporary_files(path: str) -> None:
    for name in os.listdir(path):
        if name.endswith(TEMPORARY):
            with suppress(FileNotFoundError):
                os.unlink(os.path.join(path, name))


def _new_meta(path: str) -> Meta:
    meta = Meta(
        format=FORMAT,
        epoch=token_hex(8),
        token_key=token_bytes(_KEY_SIZE).hex(),
        created=WallClock().now_ms(),
    )
    write_meta(path, meta)
    return meta


def write_meta(path: str, meta: Meta) -> None:
    write_file(os.path.join(path, _META), msgspec.json.format(msgspec.json.encode(meta)) + b"\n")


def _name_of(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"


def _refused(path: str, why: str) -> StartupError:
    return StartupError(f"--data-dir: {path} {why}")
