"""``gim dump``: writes all that a storage keeps as lines of JSON."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, TextIO

from gim.cli.data_directories import explained
from gim.cli.failures import Failure
from gim.cli.output import Output
from gim.cli.progress import Progress
from gim.cli.server_options import list_of_storage_options
from gim.cli.storages import of_redis, show_lines, storage_of

if TYPE_CHECKING:
    from gim.storage.settings import MemorySettings, RedisSettings
    from gim.storage.transfer.writer import DumpWriter


def add(parser: ArgumentParser) -> None:
    parser.usage = "gim dump [--output FILE] [-q] [OPTIONS OF THE SERVER]"
    parser.formatter_class = RawDescriptionHelpFormatter
    parser.add_argument(
        "--output", metavar="FILE", help="write to a file; to standard output if left out"
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="print no notes on standard error")
    parser.epilog = list_of_storage_options()


def run(args: Namespace) -> int:
    from gim.storage.transfer.writer import DumpWriter

    settings = storage_of(args.options)
    output = Output(Namespace(json=False, quiet=args.quiet, no_color=False))
    progress = Progress(output)
    with _opened(args.output) as out:
        writer = DumpWriter(out)
        try:
            _dump(settings, writer, lambda: show_lines(progress, writer.tally.lines))
        finally:
            progress.clear()
    output.note(f"dumped {writer.tally}")
    return 0


def _dump(
    settings: MemorySettings | RedisSettings, writer: DumpWriter, on_line: Callable[[], None]
) -> None:
    from gim.concurrency.clocks import WallClock
    from gim.storage.settings import RedisSettings
    from gim.storage.transfer.directories import dump_directory
    from gim.storage.transfer.from_redis import NoData
    from gim.storage.transfer.redis_moves import dump_redis

    if not isinstance(settings, RedisSettings):
        assert settings.journal is not None
        with explained():
            dump_directory(settings.journal.data_dir, settings, writer, on_line, WallClock())
        return
    try:
        of_redis(settings, partial(dump_redis, settings, writer, on_line))
    except NoData as error:
        raise Failure(str(error)) from error


@contextmanager
def _opened(path: str | None) -> Iterator[TextIO]:
    """Open what is written to. A file gets its name when all is written; a device or a pipe stays what it
    is."""
    if path is None:
        yield sys.stdout
        return
    if os.path.exists(path) and not os.path.isfile(path):
        with open(path, "w", encoding="utf-8") as out:
            yield out
        return
    path = os.path.realpath(path)
    directory, name = os.path.split(path)
    try:
        number, temporary = tempfile.mkstemp(prefix=f".{name}.", dir=directory)
    except OSError as error:
        error.filename = path
        raise
    try:
        with open(number, "w", encoding="utf-8") as out:
            yield out
            out.flush()
            os.fsync(number)
        os.replace(temporary, path)
    except BaseException as error:
        os.unlink(temporary)
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            error.filename = path
        raise
