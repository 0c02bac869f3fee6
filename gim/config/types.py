"""Values of options that are neither durations, sizes nor counts. Every reader raises ValueError with
what to write."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Literal

from gim.auth.constants import AUDIENCE, OPEN_AUDIENCE
from gim.config.cores import usable_cores
from gim.units import duration, size

MAX_WORKERS = 256
MIN_SEGMENT_SIZE = 2**20  # bytes: some thousand messages


def switch(text: str) -> bool:
    """Read ``true`` or ``false``."""
    if text.lower() not in ("true", "false"):
        raise ValueError(f"{text!r} is neither true nor false")
    return text.lower() == "true"


def header_name(text: str) -> str:
    """Read the name of an HTTP header (RFC 9110, section 5.1: a token)."""
    if re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", text) is None:
        raise ValueError(f"{text!r} is not a valid name of an HTTP header")
    return text


def one_of(*words: str) -> Callable[[str], str]:
    """Return a reader that takes one of some words."""

    def read(text: str) -> str:
        if text not in words:
            raise ValueError(
                f"{text!r} is not a valid value: write {', '.join(words[:-1])} or {words[-1]}"
            )
        return text

    return read


def prefix(text: str) -> str:
    """Read what the names of keys begin with. A brace would change where a cluster keeps them."""
    if re.fullmatch(r"[A-Za-z0-9_.:-]{1,64}", text) is None:
        raise ValueError(
            f"{text!r} is not a valid prefix: write 1 to 64 letters, digits and any of _ . : -"
        )
    return text


def path(text: str) -> str:
    """Read the path of a file."""
    if not text.strip():
        raise ValueError("it is empty: write the path of a file, or leave it out")
    return text


def directory(text: str) -> str:
    """Read the path of a directory; return it absolute, as twistd may change the process's directory."""
    if not text.strip():
        raise ValueError("it is empty: write the path of a directory, or leave it out")
    return os.path.abspath(text)


def sync(text: str) -> float | Literal["always", "no"]:
    """Read ``always``, ``no`` or a duration; return that in seconds."""
    if text == "always":
        return "always"
    if text == "no":
        return "no"
    try:
        return duration(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is neither always nor no nor a duration from 1ms to 365d: write 1s, always or no"
        ) from None


def segment_size(text: str) -> int:
    """Read the size of a file of the journal; return bytes."""
    try:
        number = size(text)
    except ValueError:
        number = 0
    if number < MIN_SEGMENT_SIZE:
        raise ValueError(f"{text!r} is not a valid size from 1MiB to 1024MiB: write 64MiB")
    return number


def party(text: str) -> str:
    """Read the issuer or the audience of a token (RFC 7519, section 4.1)."""
    if not text.strip():
        raise ValueError("it is empty: write what the tokens say, or leave it out")
    return text


def audience(text: str) -> str:
    """Read the audience of login tokens, which must differ from that of the tokens that gim issues."""
    if text in (AUDIENCE, OPEN_AUDIENCE):
        raise ValueError(f"{text!r} is the audience of the tokens that gim issues itself: write another")
    return party(text)


def workers(text: str) -> int:
    """Read a number of workers; ``auto`` stands for one on each core that this process may use."""
    if text == "auto":
        return min(usable_cores(), MAX_WORKERS)
    number = int(text) if re.fullmatch(r"[0-9]{1,4}", text) else 0
    if not 1 <= number <= MAX_WORKERS:
        raise ValueError(
            f"{text!r} is not a valid number of workers: write 1 to {MAX_WORKERS}, or auto for one on"
            " each core"
        )
    return number
