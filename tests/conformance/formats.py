"""What a JSON Schema can't say of gim's ids and cursors, for schemathesis: hooks that it loads."""

from __future__ import annotations

import os
from typing import Any

import schemathesis
from hypothesis import strategies as st

from gim.errors import BadRequest
from gim.ids import is_id
from gim.names import check_name

STRANGER = "stranger"
# in seconds
SHORTEST = {
    ("GET", "/debug/pprof/profile"): 0.01,
    ("PUT", "/debug/pprof/heap"): 1,
    ("GET", "/v1/admin/users/{user_id}/trace"): 1,
}


def is_name(text: str) -> bool:
    """Say whether *text* can be the name of a user or chatroom."""
    try:
        return bool(check_name(text, "name"))
    except BadRequest:
        return False


ids = st.one_of(
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=64).filter(is_id),
    st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True),
)
sessions = st.one_of(
    ids.map("1:{}".format),
    st.tuples(ids, ids).filter(lambda pair: pair[0] != pair[1]).map("2:{0[0]}:{0[1]}".format),
)
names = st.text(st.characters(codec="utf-8"), max_size=64).filter(is_name)
cursors = st.just("")  # any other is one that a page came with, and none that could be made up

schemathesis.openapi.format("gim-id", ids)
schemathesis.openapi.format("gim-session-id", sessions)
schemathesis.openapi.format("gim-name", names)
schemathesis.openapi.format("gim-cursor", cursors)


@schemathesis.hook  # type: ignore[untyped-decorator]
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Change what would take long, end the run, or be refused for what a schema can't say."""
    shorten(case)
    spare_the_user(case)
    read_what_is_there(case)
    send_to_another(case)
    send_no_null(case)


def shorten(case: Any) -> None:
    """Let profiles and traces be short: a valid time becomes the shortest, others go out as they are. The
    live figures would never end, unless they are asked for once."""
    if case.path == "/v1/admin/live" and str(case.query.get("once", "false")).lower() in ("false", "0"):
        case.query["once"] = "true"
    shortest = SHORTEST.get((case.method, case.path))
    if shortest is not None and is_valid((case.query or {}).get("seconds", shortest)):
        case.query["seconds"] = shortest


def spare_the_user(case: Any) -> None:
    """Ban somebody else than the user whose token the requests bring."""
    user_id = (case.path_parameters or {}).get("user_id")
    if case.method == "PUT" and case.path.endswith("/ban") and user_id == os.environ["CONFORMANCE_USER"]:
        case.path_parameters["user_id"] = STRANGER


def read_what_is_there(case: Any) -> None:
    """Read of the user and the chatroom that exist, unless the case is meant to be refused."""
    if case.meta is not None and case.meta.generation.mode.is_negative:
        return
    parameters = case.path_parameters or {}
    for name in "user_id", "chatroom_id":
        is_read = case.method == "GET" and case.path.startswith("/v1/admin/")
        if is_read and is_id(str(parameters.get(name, ""))):
            parameters[name] = os.environ["CONFORMANCE_USER"]


def send_to_another(case: Any) -> None:
    """Let nobody send to themselves."""
    body = case.body if case.path == "/v1/admin/messages" and isinstance(case.body, dict) else {}
    if body.get("sender_id") and body["sender_id"] == body.get("target_id"):
        body["target_id"] = STRANGER


def send_no_null(case: Any) -> None:
    """Send a wrong body of another type than null, which stands for an empty object."""
    if case.body is None:
        case.body = []


def is_valid(seconds: Any) -> bool:
    try:
        return 0.01 <= float(seconds) <= 3600
    except (TypeError, ValueError):
        return False
