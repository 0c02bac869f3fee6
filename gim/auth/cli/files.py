"""Writes key files: secrets that only their owner may read, and sets of public keys."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from typing import Any

from gim.auth.keys import public_keys


def write_secret(path: str, text: str) -> None:
    """Write a line into a new file that only its owner may read. Raises `FileExistsError`."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w") as file:
        file.write(f"{text}\n")


def with_key(path: str, public: dict[str, Any]) -> str:
    """Return the set in a file, or an empty set if there is no file, plus a key. Raises `BadKey`."""
    keys = []
    if os.path.exists(path):
        with open(path, "rb") as file:
            data = file.read()
        public_keys(data)
        keys = json.loads(data)["keys"]
    text = json.dumps({"keys": [*keys, public]}, indent=2)
    public_keys(text.encode())
    return text


def replace_file(path: str, text: str) -> None:
    """Write a file that all users may read. A concurrent reader gets the old content or the new."""
    directory = os.path.dirname(os.path.abspath(path))
    descriptor, temporary = tempfile.mkstemp(dir=directory, text=True)
    try:
        with open(descriptor, "w") as file:
            file.write(f"{text}\n")
        if os.path.exists(path):
            shutil.copymode(path, temporary)
        else:
            os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
