"""The client libraries under faults, with an account of each message.

    python -m tests.integration.clients [--sends 10000] [--clients 500] [--seed N]
        [--libraries asyncio,twisted,node,browser] [--storages memory,redis]

**Sends.** Eight clients of each library send so many messages in all, to each other and to two
chatrooms, on one gim with memory and on two with one Redis. Each connects through a proxy of its own
that harms its connections (`tests.support.fault_proxy`). Every few seconds a gim is killed or stopped,
and started again, or Redis stands still for a moment. What the programs reported is then compared with
the histories:

- Each send that was called ends exactly once: as sent, failed or uncertain, and its event says the
  same.
- None is uncertain unless the data were lost since its sender had logged in, or an answer was missing
  for 240 s. None fails unless the data were lost and its sender had not joined the chatroom again.
- A message that was reported as sent is stored, once, with its id and content; the messages of a
  sender are stored in the order of the sends. One that was reported as failed is not stored.
- A receiver gets no message twice, the messages of a session in the order of their ids, those of each
  sender in the order of the sends, and nothing that was not sent.
- A receiver gets all private messages that are stored. A gim on memory that ends loses its data: of
  what was sent before, only the end may be missing, so what came of a session has no hole.
- A member gets all messages of a chatroom from the first one after the join on, or a gap that covers
  them.

**Restarts.** So many clients in one process are connected when the gim stops, once with SIGTERM and
once with SIGKILL, and starts again. At most one second may have more logins than twice the mean of
the window in which they were to come back. After SIGTERM that is the window of the slots in the close
reasons. After SIGKILL it is that of the delays that nine of ten clients chose themselves.

Exit status 1 if anything is wrong; what servers wrote and programs reported is in build/client-runs then.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import sys
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react
from twisted.python.filepath import FilePath

from tests.integration.clients.account import Violation
from tests.integration.clients.long_run import LongRun, Plan
from tests.integration.clients.program import LIBRARIES, MISSING
from tests.integration.clients.restart import SIGNALS, Restart
from tests.integration.clients.servers import STORAGES
from tests.support.redis.setups import at_once


def main() -> None:
    words = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    words.add_argument(
        "--sends", type=int, default=10_000, help="of each library on each storage; 0 for none"
    )
    words.add_argument(
        "--clients", type=int, default=500, help="of each library at a restart; 0 for none"
    )
    words.add_argument("--seed", type=int, default=random.randrange(2**31))
    able = ",".join(each for each in LIBRARIES if not MISSING.get(each))
    words.add_argument("--libraries", default=able, help="some, with commas in between")
    words.add_argument("--storages", default=",".join(STORAGES), help="some, with commas in between")
    given = words.parse_args()
    for name, known in (("libraries", LIBRARIES), ("storages", STORAGES)):
        chosen = getattr(given, name).split(",")
        if unknown := set(chosen).difference(known):
            words.error(f"not one of the {name}: {', '.join(sorted(unknown))}")
        setattr(given, name, chosen)
    for library in LIBRARIES:
        if library not in given.libraries:
            print(f"without {library}: {MISSING.get(library) or 'not asked for'}")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # a server has a file for each client
    react(lambda reactor: Deferred.fromCoroutine(_run(given)))


async def _run(given: Any) -> None:
    print(f"seed {given.seed}: add --seed {given.seed} to try the same faults again", flush=True)
    directory = FilePath("build").child("client-runs").child(f"{given.seed}-{os.getpid()}")
    count = 0
    for library in given.libraries:
        count += await _run_library(given, library, directory)
    print(f"{count} violations")
    if count:
        sys.exit(1)
    directory.remove()


async def _run_library(given: Any, library: str, directory: FilePath[str]) -> int:
    """Run all of one library, its storages at the same time; return how many violations there are."""
    violations: list[Violation] = []
    if given.sends:
        plans = [Plan(library, storage, given.sends, given.seed) for storage in given.storages]
        await at_once(_run_plan(plan, directory, violations) for plan in plans)
    for signal in SIGNALS if given.clients else ():
        back = await Restart(library, signal, given.clients, directory.child(f"{library}-{signal}")).run()
        print(*back.lines(), sep="\n", flush=True)
        violations += back.violations
    return len(violations)


async def _run_plan(plan: Plan, directory: FilePath[str], violations: list[Violation]) -> None:
    outcome = await LongRun(plan, directory.child(f"{plan.library}-{plan.storage}")).run()
    print(*outcome.lines(), sep="\n", flush=True)
    violations += outcome.violations


if __name__ == "__main__":
    main()
