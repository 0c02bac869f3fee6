"""From the arguments of ``gim bench`` to the plans of its measurements."""

from __future__ import annotations

import resource
from argparse import Namespace
from collections.abc import Callable
from secrets import token_hex

from gim.benchmark.packets import MIN_SIZE
from gim.benchmark.plan import FANOUT, IDLE, LOGIN, MEASUREMENTS, PRIVATE, Plan, User
from gim.benchmark.site import Site
from gim.cli.failures import Failure, Misuse
from gim.cli.output import count

ALL = "all"  # in place of the names of measurements
CLIENTS = {PRIVATE: 100, FANOUT: 1000, LOGIN: 1000, IDLE: 1000}
IN_FLIGHT = {PRIVATE: 1, FANOUT: 1, LOGIN: 32, IDLE: 1}
_RAMP_UP_S = 1.0  # before the window, at most as long as the window
_SPARE_FILES = 32  # of a process beside its connections


def plans(args: Namespace, site: Site, token_of: Callable[[str], str]) -> list[Plan]:
    """Return a plan for each measurement that is wanted, all with the same users.

    Raises `Misuse` for arguments that do not go together, `Failure` where the limit of open files is too
    low.
    """
    run = f"bench-{token_hex(3)}"
    wanted = MEASUREMENTS if ALL in args.measurements else args.measurements
    names = list(dict.fromkeys(wanted))
    clients = {name: args.clients or CLIENTS[name] for name in names}
    if PRIVATE in names:
        clients[PRIVATE] -= clients[PRIVATE] % 2
    _check(args, clients)
    ids = [f"{run}-{number}" for number in range(max(clients.values()))]
    users = [User(user_id, token_of(user_id)) for user_id in ids]
    rooms = tuple(f"{run}-room-{number}" for number in range(args.rooms))
    return [
        Plan(
            measurement=name,
            site=site,
            users=tuple(users[: clients[name]]),
            rooms=rooms,
            size=args.size,
            rate=0.0 if name == IDLE else float(args.rate or 0),
            in_flight=args.in_flight or IN_FLIGHT[name],
            ramp_up_s=0.0 if name == IDLE else min(_RAMP_UP_S, args.window),
            window_s=args.window,
            processes=args.processes,
        )
        for name in names
    ]


def _check(args: Namespace, clients: dict[str, int]) -> None:
    if args.size < MIN_SIZE:
        raise Misuse(f"--size: a message needs {MIN_SIZE} bytes for its number and its time")
    if args.rate and args.in_flight:
        raise Misuse("--rate and --in-flight do not go together: with a rate nothing is waited for")
    for name, number in clients.items():
        least = max(2, args.processes * (2 if name == PRIVATE else 1))
        if number < least:
            raise Misuse(f"--clients: {name} needs {least} or more with {args.processes} processes")
    if clients.get(FANOUT, args.rooms) < args.rooms:
        raise Misuse("--rooms: there are more chatrooms than clients")
    _check_files(max(clients.values()), args.processes)


def _check_files(clients: int, processes: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = -(-clients // processes) + _SPARE_FILES
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise Failure(
            f"{count(clients)} clients need {count(needed)} open files for each process of the generator,"
            f" and the limit is {count(hard)}: raise it with ulimit -n, or use more --processes"
        )
