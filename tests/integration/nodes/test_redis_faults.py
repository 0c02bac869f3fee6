"""Redis stops, hangs, or can't be reached, in the middle of traffic."""

from __future__ import annotations

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults

from gim.concurrency.deadline import ANSWER_TIMEOUT
from tests.support.nodes.cluster_case import ANSWER, CHATROOM, PRIVATE, SLACK, eventually
from tests.support.nodes.fault_case import FaultCase
from tests.support.redis.environment import until

FROZEN = 3.0  # seconds
JUST_BEFORE = 1.2  # seconds after which a server that froze will soon be given up
SLOW = 0.45  # seconds each way: a command is answered in time, but not many one after the other
LATE = 1.0  # seconds each way: the reply comes when nobody waits for it any more


class OutageTests(FaultCase):
    """Redis itself."""

    async def test_killed_and_started_again(self) -> None:
        self.server.kill()
        await self.server.ended()
        await self.become(503, self.a, self.b)
        await self.traffic.is_refused()
        await self.refuse_everything()
        await self.server.start()
        await self.recover(self.a, self.b)
        await self.settle()

    async def refuse_everything(self) -> None:
        """See that each operation and a new login are refused in time, and the connection stays."""
        listener, newcomer = self.all[4], await self.client(self.b)
        session = {"session_id": "1:den"}
        for op, body in (
            (203, session),
            (205, {}),
            (209, {**session, "message_id": "0" * 32}),
            (301, {"id": "hut"}),
            (303, {"id": "hut"}),
            (305, {"id": "den"}),
        ):
            answer = await listener.attempt(op, **body)
            self.assertEqual((op, answer.code), (op, 503))
            self.assertLess(answer.took, ANSWER)
        self.assertEqual((await newcomer.attempt(101, id="eve")).code, 503)
        self.assertEqual((await listener.attempt(105)).code, 0)
        self.assertEqual((await self.a.request("POST", "/v1/login", json={"id": "eve"}))[0], 503)

    async def test_frozen_and_thawed(self) -> None:
        began = reactor.seconds()
        self.server.freeze()
        await self.become(503, self.a, self.b)
        await self.traffic.is_refused()
        await self.elapse(FROZEN, since=began)
        thawed = reactor.seconds()
        self.server.thaw()
        await self.recover(self.a, self.b)
        account = await self.settle()
        self.assertEqual(account.stored_afterwards(), [])
        refused = [one for one in self.traffic.letters if one.refused_at and one.refused_at[0] < thawed]
        self.assertGreaterEqual(len([one for one in refused if not one.id]), 2)

    async def test_frozen_and_thawed_in_the_moment_of_the_first_503(self) -> None:
        began = reactor.seconds()
        self.server.freeze()
        await self.elapse(JUST_BEFORE, since=began)
        ann, bob = self.all[4:]
        extra = [self.traffic.send_once(ann, "dan"), self.traffic.send_once(bob, "cid")]
        letters = await gatherResults([Deferred.fromCoroutine(one) for one in extra])
        self.assertTrue(all(letter.refused_at for letter in letters))
        self.server.thaw()
        await self.recover(self.a, self.b)
        account = await self.settle()
        self.assertEqual(account.stored_afterwards(), [])
        self.assertEqual([letter.content for letter in letters if account.stored(letter)], [])


class NetworkTests(FaultCase):
    """The way of one node to Redis; the other node goes on."""

    async def test_connections_refused_and_cut(self) -> None:
        await self.through.refuse()
        self.through.cut()
        await self.become(503, self.b)
        await self.traffic.is_refused(["bob", "cid"])
        self.through.allow()
        await self.recover(self.b)
        for _ in range(3):
            self.through.cut()
            await self.traffic.flows(5)
        await self.settle()
        self.assertEqual(await self.a.status(), 200)

    async def test_half_open_connections(self) -> None:
        for commands_arrive in (False, True):  # if they do, the replies get lost
            self.through.black_hole(commands=not commands_arrive)
            await self.become(503, self.b)
            await self.traffic.is_refused(["bob", "cid"])
            self.through.pass_on()
            await self.recover(self.b)
        await self.settle()

    async def test_who_came_and_went_meanwhile(self) -> None:
        bob, hut, old = self.all[1], "/v1/chatrooms/hut/members/me", "/v1/chatrooms/old/members/me"
        await bob.ask(301, id="old")
        fay = await self.client(self.b, "fay")
        token = await self.token(self.a, "bob")
        await self.through.refuse()
        self.through.cut()
        await self.become(503, self.b)
        await fay.hang_up()
        await self.a.request("PUT", hut, token, json={})
        await self.a.request("DELETE", old, token)
        self.through.allow()
        await self.recover(self.b)
        await self.check_rooms()
        await until(lambda: self.is_away("fay", token), "fay to be offline")

    async def check_rooms(self) -> None:
        """See that bob at node b gets the pushes of hut, and none of old."""
        bob = self.all[1]
        eve = await self.client(self.a, "eve")
        for room in ("old", "hut"):
            await eve.ask(301, id=room)
        await until(lambda: self.is_heard(2, "hut"), "both nodes to listen")
        for room in ("old", "hut"):
            await eve.send(CHATROOM, room, f"to {room}")
        await eventually(lambda: bob.contents("1:hut"), "the push of hut")
        await eve.send(PRIVATE, "bob", "last")
        await eventually(lambda: "last" in bob.contents(), "the last message")
        self.assertEqual((bob.contents("1:hut"), bob.contents("1:old")), (["to hut"], []))
        self.assertTrue(await self.is_heard(1, "old"))

    async def is_heard(self, count: int, room: str) -> bool:
        _, subscribers = await self.server.do("PUBSUB", "NUMSUB", f"gim:{{s:1:{room}}}")
        return bool(subscribers == count)

    async def is_away(self, user_id: str, token: str) -> bool:
        _, user = await self.a.request("GET", f"/v1/users/{user_id}", token)
        return not user["online"]

    async def test_a_redis_that_is_slow(self) -> None:
        token = await self.token(self.b, "bob")
        newcomer, listener = await self.client(self.b), self.all[1]
        self.through.delay(SLOW)
        login = await newcomer.attempt(101, id="eve")
        self.assertEqual((login.code, login.took < ANSWER_TIMEOUT + SLACK), (503, True))
        answer = await listener.attempt(205)
        self.assertLess(answer.took, ANSWER_TIMEOUT + SLACK)
        began = reactor.seconds()
        self.assertEqual((await self.b.request("GET", "/v1/sessions", token))[0], 503)
        self.assertLess(reactor.seconds() - began, ANSWER_TIMEOUT + SLACK)
        self.through.delay(0)
        await until(lambda: self.has_left_nothing("eve"), "an end of what the login began")
        await newcomer.login("eve")
        await self.settle()

    async def has_left_nothing(self, user_id: str) -> bool:
        _, subscribers = await self.server.do("PUBSUB", "NUMSUB", f"gim:{{u:{user_id}}}")
        return bool(subscribers == 0 and not await self.server.do("EXISTS", f"gim:{{u:{user_id}}}:nodes"))

    async def test_replies_that_come_too_late(self) -> None:
        self.through.delay(LATE)
        await self.become(503, self.b)
        await self.traffic.is_refused(["bob", "cid"])
        self.through.delay(0)
        await self.recover(self.b)
        await self.settle()
