"""``gim serve``: runs the server in this process, as ``twistd gim`` does."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter

from gim.cli.failures import Misuse
from gim.cli.server_options import list_of_options


def add(parser: ArgumentParser) -> None:
    parser.usage = "gim serve [--daemon] [--log-file FILE] [--pid-file FILE] [OPTIONS OF THE SERVER]"
    parser.formatter_class = RawDescriptionHelpFormatter
    parser.add_argument("--daemon", action="store_true", help="go on in the background")
    parser.add_argument("--log-file", metavar="FILE", help="log to a file, which is rotated")
    parser.add_argument("--pid-file", metavar="FILE", help="write the process id to a file")
    parser.epilog = list_of_options()


def run(args: Namespace) -> int:
    if args.daemon and not (args.log_file and args.pid_file):
        raise Misuse("--daemon: name a --log-file and a --pid-file, too")
    sys.argv[:] = ["twistd", *_of_twistd(args), "gim", *args.options]
    from twisted.scripts.twistd import run as twistd  # parses sys.argv, then chooses the reactor

    twistd()
    return 0


def _of_twistd(args: Namespace) -> list[str]:
    """Return the options of twistd; an empty --pidfile is none."""
    words = [] if args.daemon else ["--nodaemon"]
    words += [f"--pidfile={args.pid_file or ''}"]
    return words + ([f"--logfile={args.log_file}"] if args.log_file else [])
