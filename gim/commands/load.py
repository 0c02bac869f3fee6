"""``gim load``: reads a dump into an empty storage."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import IO, TYPE_CHECKING

from gim.cli.arguments import add_output
from gim.cli.data_directories import explained
from gim.cli.failures import Failure
from gim.cli.output import Output, count
from gim.cli.progress import Progress
from gim.cli.server_options import list_of_storage_options
from gim.cli.storages import of_redis, show_lines, storage_of

if TYPE_CHECKING:
    from gim.storage.settings import MemorySettings, RedisSettings
    from gim.storage.transfer.lines import Entry
    from gim.storage.transfer.writer import Tally


def add(parser: ArgumentParser) -> None:
    parser.usage = (
        "gim load [--input FILE] [--keep-epoch] [--json] [--no-color] [-q] [OPTIONS OF THE SERVER]"
    )
    parser.formatter_class = RawDescriptionHelpFormatter
    parser.add_argument("--input", metavar="FILE", help="read a file; standard input if left out")
    parser.add_argument(
        "--keep-epoch",
        action="store_true",
        help="let clients go on where they were: only for a dump that was taken after the server had"
        " stopped for good",
    )
    add_output(parser)
    parser.epilog = list_of_storage_options()


def run(args: Namespace) -> int:
    from gim.storage.transfer.reader import BadDump
    from gim.storage.transfer.writer import Tally

    settings, output, tally = storage_of(args.options), Output(args), Tally()
    with _opened(args.input) as file:
        try:
            _check(file)
            is_new = _load(settings, file, tally, Progress(output), args.keep_epoch)
        except BadDump as error:
            raise Failure(f"{error}. {_what_is_loaded(settings, tally)}") from error
    if is_new:
        output.done(tally.by_kind(), f"loaded {tally}")
    else:
        output.note("this dump is loaded already: nothing was changed")
    return 0


def _check(file: IO[bytes]) -> None:
    """Read a file that can be read twice to its end, so that nothing is loaded of a bad one."""
    from gim.storage.transfer.reader import entries, read_head

    if file.seekable():
        start = file.tell()
        read_head(file.readline())
        for _ in entries(file):
            pass
        file.seek(start)


def _what_is_loaded(settings: MemorySettings | RedisSettings, tally: Tally) -> str:
    if settings.kind == "redis" and tally.lines:
        return (
            f"{count(tally.lines)} lines are below the prefix, which no server uses until a whole dump is"
            " loaded: load this one again, or remove the keys"
        )
    return "Nothing was loaded"


def _load(
    settings: MemorySettings | RedisSettings,
    file: IO[bytes],
    tally: Tally,
    progress: Progress,
    keeps_epoch: bool,
) -> bool:
    """Load a dump; return False if it is there already."""
    from gim.storage.settings import RedisSettings
    from gim.storage.transfer.directories import load_directory
    from gim.storage.transfer.reader import read_head
    from gim.storage.transfer.redis_moves import load_redis
    from gim.storage.transfer.to_redis import Occupied

    head = read_head(file.readline())
    lines = _counted(file, tally, progress)
    try:
        if not isinstance(settings, RedisSettings):
            assert settings.journal is not None
            where, size = settings.journal.data_dir, settings.journal.segment_size
            with explained():
                load_directory(where, size, head, lines, keeps_epoch)
            return True
        return of_redis(settings, partial(load_redis, settings, head, lines, keeps_epoch))
    except Occupied as error:
        raise Failure(str(error)) from error
    finally:
        progress.clear()


def _counted(file: IO[bytes], tally: Tally, progress: Progress) -> Iterator[Entry]:
    """Yield the lines behind the first, each counted when the next one is asked for."""
    from gim.storage.transfer.reader import entries

    for _, line in entries(file):
        yield line
        tally.add(line)
        show_lines(progress, tally.lines)


@contextmanager
def _opened(path: str | None) -> Iterator[IO[bytes]]:
    if path is None:
        yield sys.stdin.buffer
        return
    with open(path, "rb") as file:
        yield file
