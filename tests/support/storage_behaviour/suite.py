"""The behaviour of a storage: every implementation must pass all of these tests.

The TestCase of an implementation inherits `StorageBehaviour` and fills in the hooks of
`tests.support.storage_behaviour.base.StorageCase`. Every test is a coroutine, since a store may have to
wait.
"""

from __future__ import annotations

from tests.support.storage_behaviour.administration import (
    BanBehaviour,
    BroadcastBehaviour,
    ExemptBehaviour,
    OrderBehaviour,
)
from tests.support.storage_behaviour.announcements import NewsBehaviour
from tests.support.storage_behaviour.chatrooms import (
    AbandonedBehaviour,
    ChatroomBehaviour,
    MemberBehaviour,
)
from tests.support.storage_behaviour.dismissals import DismissalBehaviour
from tests.support.storage_behaviour.events import EventBehaviour, ObserverBehaviour
from tests.support.storage_behaviour.finding import (
    FindChatroomsBehaviour,
    FindUsersBehaviour,
    ReaderBehaviour,
)
from tests.support.storage_behaviour.membership_limits import RoomLimitBehaviour
from tests.support.storage_behaviour.messages import HistoryBehaviour, IdBehaviour
from tests.support.storage_behaviour.missed import CatchUpBehaviour, SinceBehaviour
from tests.support.storage_behaviour.node_messages import NodeMessageBehaviour
from tests.support.storage_behaviour.read_positions import (
    ReadBehaviour,
    ReadNewsBehaviour,
    UnreadRecallBehaviour,
)
from tests.support.storage_behaviour.request_ids import RequestBehaviour
from tests.support.storage_behaviour.retention import AgeBehaviour, NumberBehaviour
from tests.support.storage_behaviour.roles import (
    MadeRoomBehaviour,
    MuteBehaviour,
    RecallBehaviour,
    RoleBehaviour,
)
from tests.support.storage_behaviour.sessions import (
    SessionListBehaviour,
    SessionPageBehaviour,
    SessionWalkBehaviour,
)
from tests.support.storage_behaviour.users import ForgettingBehaviour, UserBehaviour


class StorageBehaviour(
    IdBehaviour,
    HistoryBehaviour,
    NumberBehaviour,
    AgeBehaviour,
    RequestBehaviour,
    SessionListBehaviour,
    SessionPageBehaviour,
    SessionWalkBehaviour,
    ReadBehaviour,
    UnreadRecallBehaviour,
    ReadNewsBehaviour,
    ChatroomBehaviour,
    AbandonedBehaviour,
    MemberBehaviour,
    DismissalBehaviour,
    RoomLimitBehaviour,
    UserBehaviour,
    ForgettingBehaviour,
    NewsBehaviour,
    CatchUpBehaviour,
    SinceBehaviour,
    RoleBehaviour,
    MadeRoomBehaviour,
    MuteBehaviour,
    RecallBehaviour,
    BanBehaviour,
    OrderBehaviour,
    BroadcastBehaviour,
    NodeMessageBehaviour,
    FindUsersBehaviour,
    FindChatroomsBehaviour,
    ReaderBehaviour,
    ExemptBehaviour,
    EventBehaviour,
    ObserverBehaviour,
):
    """What `gim.storage.interface.Storage` promises, for any implementation of it."""
