"""``gim listen``: prints messages as they come."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from gim import ids, units
from gim.cli import extras, gateway, message_format
from gim.cli.arguments import add_for_connected, argument
from gim.cli.failures import TIMED_OUT
from gim.cli.output import Output
from gim.errors import BadRequest


def add(parser: ArgumentParser) -> None:
    parser.description = (
        "Prints the messages that come for a user, until Ctrl-C. After a lost connection it comes back by"
        " itself, and gets what it missed; what is missing for good is named on standard error."
    )
    parser.add_argument(
        "--room",
        dest="rooms",
        metavar="ROOM",
        action="append",
        default=[],
        help="only messages of this chatroom, which is joined, and left at the end; may be repeated",
    )
    parser.add_argument(
        "--session",
        metavar="SESSION",
        type=argument(_session),
        help="only messages of 1:ROOM or 2:USER:USER",
    )
    parser.add_argument(
        "--count", metavar="N", type=argument(units.count), help="end after so many messages"
    )
    parser.add_argument(
        "--for",
        dest="duration",
        metavar="TIME",
        type=argument(units.duration),
        help="end after this time, with 4 if --count was not reached",
    )
    parser.add_argument(
        "--format",
        metavar="FORMAT",
        type=argument(message_format.message_format),
        default=message_format.DEFAULT,
        help=f"how to write a message: a text with {', '.join(message_format.FIELDS)} in braces",
    )
    parser.add_argument(
        "--events", action="store_true", help="print other events as well, such as a recall or a gap"
    )
    add_for_connected(parser)


def run(args: Namespace) -> int:
    login = gateway.login_of(args)
    extras.need("websockets", "client")
    import asyncio  # a good deal of the time of a start

    return asyncio.run(_listen(args, login))


async def _listen(args: Namespace, login: gateway.Login) -> int:
    import asyncio

    from gim.cli.connecting import connected, refusals
    from gim.cli.listener import Listener, Rooms
    from gim.cli.outside import ends_from_outside

    output = Output(args)
    listener = Listener(output, args.format, _sessions(args), prints_events=args.events)
    with ends_from_outside():
        async with connected(login, args.timeout) as (client, events):
            rooms = Rooms(client, args.rooms, output)
            try:
                with refusals():
                    await rooms.join()
                async with asyncio.timeout(args.duration):
                    await listener.run(events, args.count)
            except TimeoutError:
                return TIMED_OUT if args.count is not None else 0
            finally:
                await rooms.leave()
    return 0


def _sessions(args: Namespace) -> list[str]:
    """Return the ids of the sessions to print; none for all."""
    sessions = [f"1:{room}" for room in args.rooms]
    return [*sessions, args.session] if args.session else sessions


def _session(text: str) -> str:
    """Return the id of a session with its users in order. Raises `ValueError`."""
    try:
        return ids.session(text).id
    except BadRequest as error:
        raise ValueError(str(error).removeprefix("session_id: ")) from error
