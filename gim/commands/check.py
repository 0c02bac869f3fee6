"""``gim check``: whether the server could start with its options, and whether a running one uses them."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from gim.cli import access, failures, metrics
from gim.cli.arguments import add_server
from gim.cli.http import Server
from gim.cli.server_options import list_of_options
from gim.errors import Unauthorized

if TYPE_CHECKING:
    from gim.config.options import Options

_FOR_ADMIN = "/v1/admin/statistics"  # served only where there is a key


def add(parser: ArgumentParser) -> None:
    parser.usage = (
        "gim check [--live] [--url URL | --context CONTEXT] [--timeout TIME] [OPTIONS OF THE SERVER]"
    )
    parser.formatter_class = RawDescriptionHelpFormatter
    parser.add_argument(
        "--live",
        action="store_true",
        help="ask the running server whether it is ready and uses these options; the server is that of"
        " --api-address unless --url or --context names one",
    )
    add_server(parser)
    parser.epilog = list_of_options()


def run(args: Namespace) -> int:
    from gim.config.options import Options

    if not args.live and (args.url or args.context):
        raise failures.Misuse("--url and --context: add --live, or leave them out")
    options = Options()
    try:
        options.parseOptions(["--check", *args.options])
    except SystemExit as end:  # after one line that says how it went
        if end.code:
            return failures.REFUSED
    return _compared(args, options) if args.live else 0


def _compared(args: Namespace, options: Options) -> int:
    url = access.context_of(args).url if args.url or args.context else _own_url(options)
    server = Server(url, args.timeout)
    differences = list(_differences(server, options))
    for line in differences:
        print(f"gim: {url}: {line}", file=sys.stderr)
    if differences:
        return failures.REFUSED
    print(f"gim: {url} is ready, and uses these options as far as it shows them")
    return 0


def _own_url(options: Options) -> str:
    """Return the URL of the HTTP API on this machine."""
    from gim.cli.addresses import tcp_address

    address = tcp_address(options["api-address"])
    if address is None:
        raise failures.Misuse("--api-address is not a plain TCP port: name the server with --url")
    host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(address.host, address.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{address.port}"


def _differences(server: Server, options: Options) -> Iterator[str]:
    """Yield a line for each thing that is not as it should be. Raises `failures.Unreachable` and the
    like."""
    try:
        for warning in server.ask("GET", "/readyz").get("warnings", ()):
            yield f"the server warns: {warning}"
    except failures.Refused as error:
        yield f"the server is not ready: {error.msg}"
    page = metrics.page(server)
    if (page is not None) is not options["metrics"]:
        yield _differs("metrics", options, "off" if page is None else "on")
    storage = page.info.get("storage") if page else None
    if storage not in (None, options["storage"]):
        yield _differs("storage", options, storage)
    yield from _differences_of_routes(server, options)


def _differences_of_routes(server: Server, options: Options) -> Iterator[str]:
    """Compare what opens routes with the routes that the server describes."""
    from gim.auth.from_settings import admin_key
    from gim.config.settings import settings_of

    auth = settings_of(options).auth
    key = admin_key(auth)
    paths = server.description()["paths"]
    if (_FOR_ADMIN in paths) is not (key is not None):
        is_or_not = "an administrator's key" if key is None else "no administrator's key"
        yield f"admin-key-file: the server has {is_or_not}, the options say otherwise: restart it"
    elif key is not None and not _is_taken(server, key):
        yield "admin-key-file: the server has another key: restart it"
    if any(path.startswith("/debug/pprof/") for path in paths) is not options["enable-profiling"]:
        served = "off" if options["enable-profiling"] else "on"
        yield _differs("enable-profiling", options, served)


def _is_taken(server: Server, key: bytes) -> bool:
    try:
        server.with_headers({"X-API-Key": key.decode("ascii")}).ask("GET", _FOR_ADMIN)
    except failures.Refused as error:
        return error.code != Unauthorized.code
    return True


def _differs(name: str, options: Options, served: str) -> str:
    value = options[name]
    said = ("off", "on")[value] if isinstance(value, bool) else value
    return f"{name}: the options say {said}, the server has {served}: restart it"
