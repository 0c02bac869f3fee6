"""What parent and worker tell each other by the link about connections: the kinds 170 and 171."""

from __future__ import annotations

from msgspec import Struct

from gim.link.messages import Question


class ConnectionsClosed(Struct, array_like=True, tag=170, gc=False):
    """To the parent: connections of the worker that have ended since it last said so."""

    counts: tuple[int, int]  # by kind: `GATEWAY`, `API`
    groups: list[str]  # address groups, once for each connection that counts for them no more


class AddressQuestion(Question, kw_only=True, tag=171):
    """To the parent: a connection whose handshake has named its address asks whether it may go on.

    The answer is a bool. If it is true, the connection is counted for its address group from now on.
    """

    group: str  # the address group


TO_PARENT = (ConnectionsClosed, AddressQuestion)
