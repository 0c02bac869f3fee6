"""The behaviour of the storage seam: every implementation is run through all of it.

The TestCase of an implementation inherits `StorageBehaviour` and fills in the hooks of
`tests.storage.seam_base.StorageCase`. Every test is a coroutine, since a store may have to wait.
"""

from __future__ import annotations

from tests.storage.seam_admin import (
    BanBehaviour,
    BroadcastBehaviour,
    ExemptBehaviour,
    OrderBehaviour,
)
from tests.storage.seam_events import EventBehaviour, ObserverBehaviour
from tests.storage.seam_limits import AgeBehaviour, NumberBehaviour
from tests.storage.seam_messages import HistoryBehaviour, IdBehaviour
from tests.storage.seam_missed import CatchUpBehaviour, SinceBehaviour
from tests.storage.seam_news import NewsBehaviour
from tests.storage.seam_reads import ReadBehaviour
from tests.storage.seam_requests import RequestBehaviour
from tests.storage.seam_roles import (
    MadeRoomBehaviour,
    MuteBehaviour,
    RecallBehaviour,
    RoleBehaviour,
)
from tests.storage.seam_room_limits import RoomLimitBehaviour
from tests.storage.seam_rooms import ChatroomBehaviour, MemberBehaviour
from tests.storage.seam_sessions import SessionListBehaviour, SessionPageBehaviour
from tests.storage.seam_users import ForgettingBehaviour, UserBehaviour


class StorageBehaviour(
    IdBehaviour,
    HistoryBehaviour,
    NumberBehaviour,
    AgeBehaviour,
    RequestBehaviour,
    SessionListBehaviour,
    SessionPageBehaviour,
    ReadBehaviour,
    ChatroomBehaviour,
    MemberBehaviour,
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
    ExemptBehaviour,
    EventBehaviour,
    ObserverBehaviour,
):
    """What `gim.storage.interface.Storage` promises, for any implementation of it."""
