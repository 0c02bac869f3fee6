"""What a worker begins with. The parent writes it to a pipe, the worker's standard input, so that no
secret of it is seen in a command line, an environment or a file."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from msgspec.msgpack import decode, encode

from gim.link.messages import Question
from gim.workers.log_lines import LineForm

Texts = dict[str, bytes]  # some come from a command line or an environment and may not be Unicode


class StoreIdentity(Struct, array_like=True):
    """What a store has before it serves, and to its end."""

    token_key: bytes  # for the tokens of the HTTP API
    node: str  # the name of all workers among nodes

    def __repr__(self) -> str:
        return "<StoreIdentity>"  # no keys in logs


class Start(Struct, array_like=True, kw_only=True):
    """All that a worker needs to know before it serves."""

    number: int  # of the worker, from 1
    count: int  # of the workers
    options: Texts  # as given, by option: command line, environment and file together
    origins: Texts  # where each was given
    secrets: Texts  # variables of the environment that hold keys
    files: dict[bytes, bytes]  # contents of the files that options name, by path
    directory: bytes  # that relative paths are relative to
    log: LineForm  # of the lines of its log
    reactor: str  # the module whose ``install`` installs the reactor of the parent
    store: StoreIdentity | None  # None for a worker that has a store of its own

    def __repr__(self) -> str:
        return f"<Start of worker {self.number}>"  # no keys in logs


class NewFiles(Question, kw_only=True, tag=130):
    """Contents of files that the parent has read again, by path. The answer, None, comes when the worker
    uses them."""

    files: dict[bytes, bytes]

    def __repr__(self) -> str:
        return f"<NewFiles {list(self.files)}>"


def written(start: Start) -> bytes:
    """Return a start as bytes."""
    return encode(start)


def read(data: bytes) -> Start:
    """Return the start that `written` made *data* of."""
    return decode(data, type=Start)


def as_bytes(texts: Mapping[str, str]) -> Texts:
    """Return texts as they can be sent, whatever they hold."""
    return {name: text.encode(errors="surrogateescape") for name, text in texts.items()}


def as_texts(texts: Texts) -> dict[str, str]:
    """Return the texts that `as_bytes` was given."""
    return {name: text.decode(errors="surrogateescape") for name, text in texts.items()}
