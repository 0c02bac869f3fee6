"""Which keys gim may have on Redis when all clients have gone: those that docs/redis.md names."""

from __future__ import annotations

import re
from functools import cache

from tests.support.paths import ROOT

KEY = re.compile(r"gim:\{(gim|u:[^}]+|s:[^}]+)\}:(.+)")
PASSING = {"going", "telling", "present", "orphans", "ban"}  # of what is over, or of what no run has
EXPIRING = {"answers", "once", "asked", "muted", "u:nodes"}  # those must have an end


@cache
def documented() -> dict[str, set[str]]:
    """Return the first words of the names of keys, by what they are of: "gim", "u" or "s"."""
    page = ROOT.descendant(["docs", "redis.md"]).getContent().decode()
    names: dict[str, set[str]] = {"gim": set(), "u": set(), "s": set()}
    for line in page.splitlines():
        if line.startswith("| `gim:{"):
            first = line.split("|")[1]
            of = re.findall(r"gim:\{(gim|u|s)", first)[0]
            names[of] |= set(re.findall(r"(?:\}|…):([a-z]+)", first))
    return names


def wrong_key(key: str, sessions: set[str], users: set[str], is_expiring: bool) -> str:
    """Return what is wrong with a key, "" if nothing is."""
    found = KEY.fullmatch(key)
    if found is None:
        return f"a key that is not documented: {key}"
    of, _, name = found[1].partition(":")
    word = found[2].split(":")[0]
    if word not in documented()[of]:
        return f"a key that is not documented: {key}"
    if (of == "u" and name not in users) or (of == "s" and name not in sessions):
        return f"a key of what does not exist: {key}"
    if word in PASSING:
        return f"a key of what is over: {key}"
    if not is_expiring and (word in EXPIRING or f"{of}:{word}" in EXPIRING):
        return f"a key that never expires: {key}"
    return ""
