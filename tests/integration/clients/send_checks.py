"""What must hold of sends: how they end, and what is stored of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from tests.integration.clients.account import Account, Send, Violation

SAFE_AGE = 240.0  # seconds after which the library may give up an answer: rule O4 of BEHAVIOUR.md
TIMER_DELAY = 1.0  # seconds that a clock or a timer may be off
NOT_A_MEMBER = (403, 404)  # of a chatroom that was lost with its data and is not joined again yet


def check_ends(account: Account) -> Iterator[Violation]:
    """Check that each send that was called ended exactly once, and that its event says the same."""
    for user, job in account.jobs.items():
        called = [number for name, number in account.sends if name == user]
        if called != list(range(len(called))) or len(called) > job.sends:
            yield Violation("calls", f"{user} has called {called}")
    for report in account.surplus:
        yield Violation("end", f"without a call: {report}")
    for send in account.sends.values():
        if len(send.ends) != 1:
            yield Violation("end", f"{send} has {len(send.ends)} ends: {send.ends}")
        elif send.request_id:
            yield from _check_event(account, send)


def _check_event(account: Account, send: Send) -> Iterator[Violation]:
    expected = ("sent" if send.how == "sent" else "failed", send.id)
    told = account.told.get(send.request_id)
    if told != [expected]:
        yield Violation("event", f"{send} is {send.how}, but the events are {told}")


def check_reasons(account: Account) -> Iterator[Violation]:
    """Check that no send is uncertain or failed without a reason that the run gave it.

    Uncertain: the data were lost since its sender had logged in, also when the sender did not notice the
    end of the connection; or it got no answer for `SAFE_AGE`. Failed: the data were lost before, and its
    sender was not yet a member of the chatroom again.
    """
    for send in account.sends.values():
        if send.how == "uncertain" and not _may_be_uncertain(account, send):
            yield Violation("uncertain", f"{send} for no reason: {send.ends[0]}")
        if send.how == "failed" and not _may_fail(account, send):
            yield Violation("failed", f"{send} for no reason: {send.ends[0]}")


def _may_be_uncertain(account: Account, send: Send) -> bool:
    ended_at: float = send.ends[0]["at"]
    is_old = ended_at - send.called_at >= SAFE_AGE - TIMER_DELAY
    logins = (at for at in account.logins[send.user] if at <= send.called_at)
    return is_old or account.died_between(max(logins, default=send.called_at), ended_at)


def _may_fail(account: Account, send: Send) -> bool:
    end = send.ends[0]
    if end["code"] not in NOT_A_MEMBER or not send.session.startswith("1:"):
        return False
    joins = account.joins.get((send.user, send.session), [])
    last_join = max((at for at in joins if at <= send.called_at), default=0.0)
    return account.died_between(last_join, end["at"])


def check_stored(account: Account) -> Iterator[Violation]:
    """Check that the history has each message that was reported as sent, and each message once.

    A message of an epoch that is over is not looked for. What is stored was sent with this content by
    this user, is not reported as failed, and stands in the order in which its user sent it.
    """
    sends = account.by_content
    for session, items in account.stored.items():
        for (sender, content), count in Counter((item.sender, item.content) for item in items).items():
            send = sends.get((session, content))
            if send is None or send.user != sender:
                yield Violation("altered", f"{session} has {content!r} of {sender}, who did not send it")
            elif send.how == "failed":
                yield Violation("failed", f"{send} is stored")
            elif count > 1:
                yield Violation("stored twice", f"{send} is stored {count} times")
        yield from _check_order(account, session)
    yield from _check_kept(account)


def _check_kept(account: Account) -> Iterator[Violation]:
    kept = {item.id: item for items in account.stored.values() for item in items}
    for send in account.sends.values():
        if not send.id or not account.epoch_of(send.id).lives:
            continue
        item = kept.get(send.id)
        if item is None or item.content != send.content:
            yield Violation("not stored", f"{send} was reported as sent with {send.id}: {item}")


def _check_order(account: Account, session: str) -> Iterator[Violation]:
    ids = [item.id for item in account.stored[session]]
    if ids != sorted(set(ids)):
        yield Violation("stored order", f"the ids of {session} do not rise")
    numbers = defaultdict(list)
    for item in account.stored[session]:
        if send := account.by_content.get((session, item.content)):
            numbers[item.sender].append(send.number)
    for sender, found in numbers.items():
        if found != sorted(found):
            yield Violation("stored order", f"{session} has the sends of {sender} as {found}")
