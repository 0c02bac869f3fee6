"""What parent and worker tell each other by the link about connections: the kinds 170 and 171."""

from __future__ import annotations

from msgspec import Struct

from gim.link.messages import Question


class ConnectionsClosed(Struct, array_like=True, tag=170, gc=False):
    """To the parent: connections of the worker that have ended since it last said so."""

    counts: tuple[int, int]  # by kind: `GATEWAY`, `API`
    groups: list[str]  # address groups, once for each connection that counts for them no more


class AddressQuestion(Question, kw_only=True, tag=171):
    """To the parent: a connection whose handshake is read asks whether it may go on.

    The answer is a place in `gim.workers.verdicts.VERDICTS`. If it is 0, the connection is counted for
    its address group from now on; one that began as a connection of HTTP also as one of the gateway.
    """

    group: str  # the address group, "" for none
    is_upgraded: bool = False  # it began as a connection of HTTP


TO_PARENT = (ConnectionsClosed, AddressQuestion)
