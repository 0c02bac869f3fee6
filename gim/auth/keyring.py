"""Loads the keys of login tokens from a file, which can be read again, or from the environment."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable

from gim.auth.key_files import read_key_file
from gim.auth.keys import BadKey, Keys, public_keys, secret_key
from gim.log.logger import Logger

MAX_FILE = 2**20  # bytes


class Keyring:
    """Holds the keys in use: ``keys``."""

    _log = Logger()

    def __init__(self, source: str, load: Callable[[], Keys]) -> None:
        """*source* names the option or variable in log lines; *load* raises `BadKey` or `OSError`."""
        self._source = source
        self._load = load
        self.keys = self._loaded()

    def reload(self) -> str:
        """Read the keys again; say which. Raises `BadKey` or `OSError`: the keys in use stay."""
        self.keys = self._loaded()
        return "read again, " + ", ".join(key.id or "without kid" for key in self.keys.all)

    def _loaded(self) -> Keys:
        keys = self._load()
        for reason in keys.skipped:
            self._log.warn("{source}: skipped {reason}", source=self._source, reason=reason)
        return keys


class KeyFile:
    """A file with keys, with a warning if others may read or write it."""

    _log = Logger()

    def __init__(self, path: str, read: Callable[[bytes], Keys], not_for_others: int, risk: str) -> None:
        """*not_for_others* are bits of the file's mode; *risk* says what they allow others to do."""
        self._path = os.path.abspath(path)  # a daemon changes its directory
        self._read = read
        self._not_for_others = not_for_others
        self._risk = risk

    def load(self) -> Keys:
        """Return its keys; raises `BadKey` or `OSError`."""
        data = read_key_file(self._path, MAX_FILE, self._not_for_others, self._risk, self._log)
        if len(data) > MAX_FILE:
            raise BadKey(f"{self._path} is longer than 1 MiB")
        return self._read(data)


def secret_file(path: str) -> Keyring:
    """Load the HMAC secret from a file. Raises `BadKey` or `OSError`."""
    others = stat.S_IROTH | stat.S_IWOTH
    risk = "every user of this machine may read or write this key and make tokens with it"
    return Keyring("--auth-key-file", KeyFile(path, _only_secret, others, risk).load)


def public_file(path: str) -> Keyring:
    """Load public keys from a file with a JSON Web Key Set. Raises `BadKey` or `OSError`."""
    risk = "every user of this machine may write this file and add a key"
    return Keyring("--auth-jwks-file", KeyFile(path, public_keys, stat.S_IWOTH, risk).load)


def secret_variable(text: str) -> Keyring:
    """Load the HMAC secret from the text of a variable. Raises `BadKey`."""
    return Keyring("GIM_AUTH_KEY", lambda: _only_secret(os.fsencode(text)))


def _only_secret(data: bytes) -> Keys:
    return Keys([secret_key(data)])
