"""All checks of a run."""

from __future__ import annotations

from tests.integration.clients.account import Account, Violation
from tests.integration.clients.receipt_checks import check_receipts
from tests.integration.clients.send_checks import check_ends, check_reasons, check_stored


def judge(account: Account) -> list[Violation]:
    """Return all that is wrong."""
    return [
        *check_ends(account),
        *check_reasons(account),
        *check_stored(account),
        *check_receipts(account),
    ]
