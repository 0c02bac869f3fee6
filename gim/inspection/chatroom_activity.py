"""How much happens in chatrooms now, at all nodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import nlargest
from typing import Literal

from msgspec import Struct
from twisted.internet.interfaces import IReactorTime

from gim.inspection.node_talk import NodeTalk
from gim.inspection.slices import slices
from gim.push.chatroom import ChatroomPusher
from gim.push.dispatcher import PushDispatcher

Measure = Literal["connections", "messages"]

CHATROOMS_PER_SLICE = 5000  # some 3 ms; then the reactor gets its turn
PATIENCE = 0.5  # seconds that other nodes have to answer a question: the busiest chatrooms take two
CHATROOMS_PER_QUESTION = 500  # with ids of 64 characters of 4 bytes, half of what a question may hold


class Activity(Struct, frozen=True, array_like=True):
    """What happens in a chatroom: connections of its members, and pushed messages a second of late."""

    id: str
    connections: int
    messages: float


class Busiest(Struct, frozen=True, array_like=True, tag="busiest chatrooms"):
    """Asks a node for its *count* chatrooms that have most of something, among those with a prefix."""

    by: Measure
    count: int
    prefix: str


class ActivityOf(Struct, frozen=True, array_like=True, tag="activity of chatrooms"):
    """Asks a node for what it knows of some chatrooms."""

    ids: list[str]


class ChatroomActivity:
    """Asks all nodes, and answers for this one.

    Connections add up over the nodes. A message is pushed at each node that has connections of members,
    so it is the largest of their rates that counts. What a node does not answer in time is left out.
    """

    def __init__(self, talk: NodeTalk, pushes: PushDispatcher, clock: IReactorTime) -> None:
        self._talk = talk
        self._pushes = pushes
        self._clock = clock
        talk.serve(Busiest, self._busiest_here)
        talk.serve(ActivityOf, self._here)

    async def busiest(self, by: Measure, count: int, prefix: str = "") -> list[Activity]:
        """Return the *count* chatrooms that have most of something, most first.

        Only those whose ids begin with *prefix*. Each node names as many, so one that is busy only in the
        sum over many nodes may be missing.
        """
        answers = await self._talk.ask(Busiest(by, count, prefix), list[Activity], PATIENCE)
        named = sorted({found.id for _, answer in answers for found in answer})
        return nlargest(count, (await self.of(named)).values(), key=_key(by))

    async def of(self, chatroom_ids: Sequence[str]) -> dict[str, Activity]:
        """Return what happens in each of these chatrooms."""
        found = {chatroom_id: Activity(chatroom_id, 0, 0.0) for chatroom_id in chatroom_ids}
        for begin in range(0, len(chatroom_ids), CHATROOMS_PER_QUESTION):
            question = ActivityOf(list(chatroom_ids[begin : begin + CHATROOMS_PER_QUESTION]))
            for _, answer in await self._talk.ask(question, list[Activity], PATIENCE):
                found.update({here.id: _both(found[here.id], here) for here in answer})
        return found

    async def _busiest_here(self, question: Busiest) -> list[Activity]:
        best = list[Activity]()
        async for pushers in slices(self._pushes.pushers(), CHATROOMS_PER_SLICE, self._clock):
            found = [_activity(each) for each in pushers if each.id.startswith(question.prefix)]
            best = nlargest(question.count, best + found, key=_key(question.by))
        return best

    def _here(self, question: ActivityOf) -> list[Activity]:
        pushers = map(self._pushes.pusher_of, question.ids)
        return [_activity(pusher) for pusher in pushers if pusher is not None]


def _activity(pusher: ChatroomPusher) -> Activity:
    return Activity(pusher.id, pusher.connections, pusher.messages_per_second)


def _both(one: Activity, other: Activity) -> Activity:
    return Activity(one.id, one.connections + other.connections, max(one.messages, other.messages))


def _key(by: Measure) -> Callable[[Activity], tuple[float, float]]:
    """Return what chatrooms are sorted by; of those with as many, the other number counts."""
    if by == "messages":
        return lambda activity: (activity.messages, activity.connections)
    return lambda activity: (activity.connections, activity.messages)
