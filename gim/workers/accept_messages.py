"""What parent and worker tell each other by the link about connections: the kinds 170 to 172."""

from __future__ import annotations

from msgspec import Struct


class ConnectionsClosed(Struct, array_like=True, tag=170, gc=False):
    """To the parent: connections of the worker that have ended since it last said so."""

    counts: tuple[int, int]  # by kind: `GATEWAY`, `API`
    groups: list[str]  # address groups, once for each connection that counts for them no more


class AddressQuestion(Struct, array_like=True, tag=171, gc=False):
    """To the parent: a connection whose handshake has named its address asks whether it may go on."""

    number: int  # of the question
    group: str  # the address group


class AddressAnswer(Struct, array_like=True, tag=172, gc=False):
    """To the worker: the answer. An admitted connection is counted for its address group from now on."""

    number: int  # of the question
    group: str
    is_admitted: bool


TO_PARENT = (ConnectionsClosed, AddressQuestion)
TO_WORKER = (AddressAnswer,)
