"""The client knows the protocol as the server does, though they share no code."""

from __future__ import annotations

from typing import get_args

from twisted.trial.unittest import SynchronousTestCase

from gim.client import calls
from gim.client.asyncio import Client
from gim.client.events import Notice, Other
from gim.client.ops import Op
from gim.client.twisted import GimClient
from gim.model import EventType
from gim.wire import requests

# no requests of applications
ITS_OWN = {"LOGIN", "LOGOUT", "HEARTBEAT", "SEND", "PUSH", "EVENT"}
NAMES = {"MARK_READ": "read"}  # of methods, where the op is called otherwise


class ProtocolTests(SynchronousTestCase):
    def test_the_ops_are_those_of_the_server(self) -> None:
        self.assertEqual({op.name: op.value for op in Op}, {op.name: op.value for op in requests.Op})

    def test_every_op_has_a_call_and_a_method_of_both_clients(self) -> None:
        for op in Op:
            if op.name not in ITS_OWN:
                name = NAMES.get(op.name, op.name.lower())
                for owner in calls, Client, GimClient:
                    self.assertTrue(callable(getattr(owner, name)), f"{owner} {name}")

    def test_the_events_are_those_of_the_server(self) -> None:
        kinds = {known.kind for known in get_args(Notice)} - {Other.kind}
        self.assertEqual(kinds, {kind.value for kind in EventType})
