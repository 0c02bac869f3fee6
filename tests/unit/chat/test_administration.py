"""What the administrator sees of several nodes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gim.chat.administration import Administration
from gim.model import ConnectionState
from gim.storage.announcements import ConnectionCommand
from tests.support.clocks import SettableWallClock
from tests.support.world import result_of


class Nodes:
    """Three nodes, the second of which answers first."""

    async def command_connections(self, command: ConnectionCommand) -> list[ConnectionState]:
        return [ConnectionState(f"{since}-1", f"node{since}", "", since) for since in (2, 1, 3)]


class ConnectionTests(SynchronousTestCase):
    def test_connections_are_listed_in_the_order_of_their_logins(self) -> None:
        storage: Any = SimpleNamespace(nodes=Nodes(), chatrooms=None, moderation=None)
        chat: Any = None
        administration = Administration(chat, storage, SettableWallClock(Clock().seconds))
        for found in (administration.connections("ann"), administration.disconnect("ann", "")):
            self.assertEqual([one.since for one in result_of(found).items], [1, 2, 3])
