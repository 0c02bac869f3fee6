"""The command line of ``twistd gim``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import NoReturn

from twisted.python import usage

from gim import __version__
from gim.config import consistency, sources, suggestions, twistd_files, types
from gim.config.option import Option, plain
from gim.config.sources import Given
from gim.config.table import OPTIONS, READERS, SPELLINGS
from gim.startup import StartupError, reported


def _on_command_line(option: Option) -> Callable[[str], Given]:
    return lambda text: sources.give(f"--{option.name}", text, option.read)


class Options(usage.Options):
    """Options by their long names; values are typed and can work.

    An alias is the same option as its long name, as ``--ws`` and ``--gateway-address``. The command line
    counts before the environment (``GIM_WS``), and that before the file of ``--config``. ``origins`` says
    where a value that is not a default was given, for errors.
    """

    synopsis = "[options]"
    longdesc = (
        "Serves WebSocket clients and an HTTP API."
        " Durations are written as 500ms, 2s, 1m, 12h, 30d or plain seconds, sizes as 4096 or 64KiB."
        " Every option may also be given in the environment, as GIM_MESSAGE_TTL, and in the file of"
        " --config, as message-ttl; the command line takes precedence, then the environment."
    )
    optFlags = [["check", None, "Check all options and files, say what is wrong in one line, and exit."]]
    optParameters = [
        [option.name, None, option.default, plain(option.help), _on_command_line(option)]
        for option in OPTIONS.values()
    ]
    optParameters.append(["config", None, "", "TOML file with options, or GIM_CONFIG."])

    origins: dict[str, str]  # by option
    texts: dict[str, str]  # what the values that are not defaults were read from, by option
    # options of the command line and the file: a variable may be there for another program
    chosen: set[str]

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Parse, or end the process with one clear line on stderr."""
        with reported():
            try:
                super().parseOptions(list(_canonical(sys.argv[1:] if options is None else options)))
            except usage.UsageError as error:
                raise StartupError(suggestions.of_option(str(error))) from error

    def parseArgs(self, *args: str) -> None:
        if args:
            raise usage.UsageError(f"unexpected argument {args[0]!r}: options begin with --")

    def postOptions(self) -> None:
        self._gather()
        consistency.check(self, self.origins, self.chosen)
        self._check_logger()
        if self.parent is not None:
            twistd_files.check(self.parent, self["gateway-worker"], self["data-dir"])
        if self["check"]:
            self._check_and_exit()

    def _gather(self) -> None:
        """Give each option the value that counts, and find out where it is from."""
        self["config"] = self["config"] or os.environ.get("GIM_CONFIG", "")
        file = sources.from_file(self["config"], SPELLINGS, READERS) if self["config"] else {}
        variables = sources.from_environment(os.environ, SPELLINGS, READERS)
        words = {name: self[name] for name in OPTIONS if isinstance(self[name], Given)}
        given = file | variables | words
        for name, option in OPTIONS.items():
            self[name] = given[name].value if name in given else option.default_value
        self.origins = {name: given[name].origin for name in given}
        self.texts = {name: given[name].text for name in given}
        self.chosen = {*file, *words}

    def _check_logger(self) -> None:
        """Refuse options that a logger of twistd's own option would leave without effect."""
        if self.parent is not None and self.parent.get("logger"):
            for name in "log-format", "log-level":
                if name in self.origins:
                    raise StartupError(f"{self.origins[name]}: leave out twistd's --logger, or this")

    def _check_and_exit(self) -> NoReturn:
        from twisted.internet import reactor

        from gim.config.settings import settings_of
        from gim.config.validate import validate

        user = twistd_files.user_of(self.parent)
        validate(settings_of(self), reactor, starts=False, user=user)
        for line in suggestions.of_variables(os.environ):
            print(f"gim: {line}", file=sys.stderr)
        print("gim: all options and files are good")
        sys.exit(0)

    def opt_version(self) -> NoReturn:
        """Print the version and exit."""
        print(f"gim {__version__}")
        sys.exit(0)

    opt_v = opt_version


def _canonical(arguments: Iterable[str]) -> Iterable[str]:
    """Put the long name for each alias, and ``=true`` behind a bare switch."""
    for argument in arguments:
        name, equals, value = argument[2:].partition("=")
        long = SPELLINGS.get(name, name)
        if not argument.startswith("--") or long not in OPTIONS:
            yield argument
        elif OPTIONS[long].read is types.switch and not equals:
            yield f"--{long}=true"
        else:
            yield f"--{long}{equals}{value}"
