"""What must hold of what receivers got."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from tests.integration.clients.account import Account, Epoch, Report, Stored, Violation, time_of


def check_receipts(account: Account) -> Iterator[Violation]:
    """Check the messages of each receiver, session by session."""
    for session in account.sessions():
        for user in account.receivers(session):
            reports = account.received.get((user, session), [])
            got = [report for report in reports if report["is"] == "message"]
            yield from _check_once_in_order(account, user, session, got)
            ids: dict[Epoch, list[str]] = {epoch: [] for epoch in account.epochs}
            for report in got:
                ids[account.epoch_of(report["id"])].append(report["id"])
            check = _check_chatroom if session.startswith("1:") else _check_private
            for epoch in account.epochs:
                yield from check(account, user, session, epoch, ids[epoch])


def _check_once_in_order(
    account: Account, user: str, session: str, got: list[Report]
) -> Iterator[Violation]:
    """Check that no message came twice, and that ids and the numbers of each sender rise."""
    seen: dict[str, int] = {}  # by sender, the number that came last
    for one, other in pairwise(got):
        if other["id"] <= one["id"]:
            yield Violation("received order", f"{user} got {other} after {one}")
    for report in got:
        send = account.by_content.get((session, report["content"]))
        if send is None or send.user != report["sender"]:
            yield Violation("altered", f"{user} got {report}, which was not sent")
            continue
        if send.how == "failed" or (send.id and send.id != report["id"]):
            yield Violation("altered", f"{user} got {report}, but {send} ended as {send.ends}")
        if send.number <= seen.get(send.user, -1):
            kind = "received twice" if send.number == seen[send.user] else "received order"
            yield Violation(kind, f"{user} got {report} after number {seen[send.user]}")
        seen[send.user] = send.number


def _check_private(
    account: Account, user: str, session: str, epoch: Epoch, ids: list[str]
) -> Iterator[Violation]:
    """Check that the receiver got all that is stored.

    Of an epoch that is over only the end may be missing: what came has no hole.
    """
    got = set(ids)
    newest = max(got, default="")
    for item in account.known(session, epoch):
        if item.sender == user or item.id in got:
            continue
        if epoch.lives:
            yield Violation("lost", f"{user} did not get {item} of {session}")
        elif item.id < newest:
            yield Violation("lost", f"{user} got {newest} of {session}, but not {item} before it")


def _check_chatroom(
    account: Account, user: str, session: str, epoch: Epoch, ids: list[str]
) -> Iterator[Violation]:
    """Check that the receiver got, or was told of a gap for, what was stored after its first message.

    The server owes nothing before the first push after a join. Of an epoch that is over the end may be
    missing, of one that lives the newest message may not.
    """
    owed = account.known(session, epoch)
    joined = _joined_at(account, user, session, epoch)
    if joined is None:
        return
    if not ids:
        late = [item for item in owed if time_of(item.id) > joined]
        if late and epoch.lives:
            yield Violation("lost", f"{user} got nothing of {session} after the join")
        return
    accounted = set(ids).union(_covered(account, user, session, owed))
    for item in owed:
        missing = item.id > ids[0] and item.id not in accounted
        if missing and (epoch.lives or item.id < ids[-1]):
            yield Violation("lost", f"{user} has a hole without a gap in {session}: {item}")


def _joined_at(account: Account, user: str, session: str, epoch: Epoch) -> float | None:
    """Return when a user had joined a chatroom in an epoch."""
    return next((at for at in account.joins.get((user, session), ()) if epoch.holds(at)), None)


def _covered(account: Account, user: str, session: str, items: list[Stored]) -> Iterator[str]:
    """Yield the ids that gaps named: between their ends, without an end up to the next message."""
    reports = account.received[user, session]
    for number, report in enumerate(reports):
        if report["is"] == "gap":
            following = (each["id"] for each in reports[number + 1 :] if each["is"] == "message")
            after = report["after"] or ""
            before = report["before"] or next(following, None) or "g"  # above all ids
            yield from (item.id for item in items if after < item.id < before)
