"""What was probably meant by a name that is not known: of an option or of a variable."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

from gim.auth.constants import ADMIN_KEY_VARIABLE, KEY_VARIABLE
from gim.config.option import variable
from gim.config.table import SPELLINGS
from gim.webhooks.settings import SECRET_VARIABLE

CLOSENESS = 0.8  # of two names, by difflib, from which one is taken for the other
_SECRETS = (KEY_VARIABLE, ADMIN_KEY_VARIABLE, SECRET_VARIABLE)
_VARIABLES = (*map(variable, SPELLINGS), "GIM_CONFIG", "GIM_OPTIONS", *_SECRETS)
_OPTIONS = (*SPELLINGS, "check", "config", "version", "help")
_OF_TWISTD = (
    "chroot", "gid", "logfile", "logger", "nodaemon", "pidfile", "prefix", "reactor", "rundir", "syslog",
    "uid", "umask",
)  # fmt: skip
# what Kubernetes and links of Docker set for a service called gim, gim-ws and the like
_OF_CLUSTER = re.compile(
    r"GIM\w*_(SERVICE_(HOST|PORT(_\w+)?)|PORT(_\d+_(TCP|UDP|SCTP)(_(ADDR|PORT|PROTO))?)?)"
)


def of_variables(names: Iterable[str]) -> list[str]:
    """Return a line for each name of a variable that is nearly one of gim's. Other unknown names are not
    gim's business."""
    lines = []
    for name in names:
        upper = name.upper()
        if not upper.startswith("GIM_") or name in _VARIABLES or _OF_CLUSTER.fullmatch(upper):
            continue
        if near := get_close_matches(upper, _VARIABLES, 1, CLOSENESS):
            lines.append(f"the variable {name} has no effect: did you mean {near[0]}?")
    return lines


def of_option(said: str) -> str:
    """Return what Twisted *said* of an option that it does not know, with what to write instead."""
    found = re.fullmatch(r"option --(\S+) not recognized", said)
    if found is None:
        return said
    name = found[1]
    if name in _OF_TWISTD:
        return f"{said}: it is an option of twistd: write it before gim"
    if near := get_close_matches(name.replace("_", "-"), _OPTIONS, 1):
        return f"{said}: did you mean --{near[0]}?"
    return f"{said}: twistd gim --help lists those there are"
