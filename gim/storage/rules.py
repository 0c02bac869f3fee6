"""The rules that all storages share: who may do what in a chatroom, for how long, how often.

`gim.storage.redis.store.scripts` hands the ranks and the table to the Lua scripts.
"""

from __future__ import annotations

from gim.ids import SYSTEM
from gim.model import Role

RECALL_WITHIN_MS = 120_000  # senders may recall their own messages for so long

REQUEST_ID_WINDOW = 300  # seconds for which the answer to a request_id is remembered
REQUEST_IDS_PER_SENDER = 1000  # answers remembered of one sender, the newest

USERS_OUTLIVE_MESSAGES = 86_400  # seconds for which a user that nothing refers to is kept beyond the TTL

NO_MEMBER = 0  # rank of a user who is not a member
RANKS: dict[str, int] = {Role.MEMBER: 1, Role.ADMIN: 2, Role.OWNER: 3}
SYSTEM_RANK = 4  # of the server's administrator, above all

# The least rank for each action. To act on a member also takes a rank above theirs.
LEAST_RANK = {
    "rename": RANKS[Role.ADMIN],
    "dismiss": RANKS[Role.ADMIN],
    "remove": RANKS[Role.ADMIN],
    "mute": RANKS[Role.ADMIN],
    "appoint": RANKS[Role.OWNER],
    "recall": RANKS[Role.ADMIN],
}


def rank_of(user_id: str, role: str | None) -> int:
    """Return the rank of a user with a role in a chatroom, None for a user who is not a member."""
    if user_id == SYSTEM:
        return SYSTEM_RANK
    return RANKS[role] if role is not None else NO_MEMBER


def may_act(action: str, rank: int, rank_of_member: int = NO_MEMBER) -> bool:
    """Say whether *rank* allows an action, on a member of another rank if it concerns one."""
    return rank >= LEAST_RANK[action] and rank > rank_of_member
