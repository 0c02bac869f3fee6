"""Which storage a command reads or writes that needs no running server: by the options of the server."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from gim.cli.failures import Failure, Misuse, Unreachable
from gim.cli.in_reactor import in_reactor
from gim.cli.output import count
from gim.cli.progress import Progress
from gim.units import MAX_DURATION

if TYPE_CHECKING:
    from gim.storage.settings import MemorySettings, RedisSettings

T = TypeVar("T")

_LINES_A_STEP = 1000  # of a progress line: some 20 ms
_ANY_NUMBER = 10**12  # of messages: no storage holds so many
# the storage that an option is of
_NAMED_BY = {"data-dir": "memory", "redis-url": "redis", "redis-prefix": "redis"}


def storage_of(words: Sequence[str]) -> MemorySettings | RedisSettings:
    """Return the storage that options of the server name, on the command line, in the environment or in
    the file of ``--config``.

    Limits that are not given are so large that they remove nothing. An option of one storage on the
    command line stands for that storage.
    """
    from msgspec.structs import replace

    from gim.config.options import Options
    from gim.config.settings import settings_of
    from gim.storage.settings import RedisSettings

    options = Options()
    options.parseOptions([*_implied(words), *words])
    found = settings_of(options).storage
    if "message-ttl" not in options.origins:
        found = replace(found, ttl=MAX_DURATION)
    if "max-session-messages" not in options.origins:
        found = replace(found, max_session_messages=_ANY_NUMBER)
    if not isinstance(found, RedisSettings):
        if "max-messages" not in options.origins:
            found = replace(found, max_messages=_ANY_NUMBER)
        if found.journal is None:
            raise Misuse("name a --data-dir, or a --redis-url")
    return found


def without_limits() -> MemorySettings:
    """Return settings by which a data directory is read whole."""
    from gim.storage.settings import MemorySettings

    return MemorySettings(
        max_session_messages=_ANY_NUMBER, max_messages=_ANY_NUMBER, ttl=MAX_DURATION, sequences=True
    )


def _implied(words: Iterable[str]) -> list[str]:
    given = {word[2:].partition("=")[0] for word in words if word.startswith("--")}
    named = {storage for option, storage in _NAMED_BY.items() if option in given}
    if len(named) > 1:
        raise Misuse("--data-dir and --redis-url: name one of them")
    return [f"--storage={one}" for one in named if "storage" not in given]


def show_lines(progress: Progress, lines: int) -> None:
    """Show how many lines were written or read so far."""
    if not lines % _LINES_A_STEP:
        progress.show(f"{count(lines)} lines")


def of_redis(settings: RedisSettings, work: Callable[[Any], Coroutine[Any, Any, T]]) -> T:
    """Run what needs Redis, and the reactor, to its end; return its result.

    Raises `Unreachable` or `Failure` if Redis can't be used, or fails meanwhile.
    """
    from hiredis import ReplyError

    from gim.errors import Unavailable
    from gim.storage.redis.probe.connection import NotYet
    from gim.storage.redis.probe.probe import Probe, Unusable

    try:
        Probe(settings.redis_url).run()
        return in_reactor(work)
    except NotYet as error:
        raise Unreachable(str(error)) from error
    except Unusable as error:
        raise Failure(f"--redis-url: {error}") from error
    except (Unavailable, ReplyError) as error:
        raise Unreachable(f"Redis at {settings.redis_url.describe()} failed: {error}") from error
