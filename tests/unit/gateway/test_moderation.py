"""Roles, mutes and recalls as clients see them: packets in, replies and events out."""

from __future__ import annotations

from typing import Any

from tests.support.pipe import Client, GatewayTestCase

UNKNOWN_ID = "0" * 32


class ModerationCase(GatewayTestCase):
    options = ("--message-push-duration", "1s")

    def room(self, *names: str) -> list[Client]:
        """Return users who are members of den; the first one owns it."""
        clients = [self.user(name) for name in names]
        for client in clients:
            self.data(client, 301, id="den")
        return clients

    def say(self, client: Client, content: str = "hi") -> Any:
        return self.data(client, 201, type=1, target_id="den", content=content)

    def tell(self, client: Client, peer: str, content: str = "hi") -> Any:
        return self.data(client, 201, type=2, target_id=peer, content=content)

    def stub_of(self, client: Client, session_id: str) -> tuple[str, int]:
        item = self.data(client, 203, session_id=session_id)["items"][-1]
        return item["content"], item["status"]


class RoleTests(ModerationCase):
    def test_members_are_listed_with_their_roles(self) -> None:
        ann, _bob, _cat = self.room("ann", "bob", "cat")
        self.assertEqual(self.data(ann, 315, id="den", user_id="bob", role="admin"), {})
        items = self.data(ann, 305, id="den")["items"]
        self.assertEqual([item["role"] for item in items], ["owner", "admin", "member"])
        self.assertEqual(list(items[0]), ["id", "name", "online", "role"])

    def test_all_members_hear_of_a_new_name_a_mute_and_an_appointment(self) -> None:
        ann, bob, cat = clients = self.room("ann", "bob", "cat")
        self.data(ann, 315, id="den", user_id="bob", role="admin")
        self.data(bob, 307, id="den", name="The den")
        until = self.data(bob, 313, id="den", user_id="cat", seconds=60)["until"]
        self.assertEqual(until, int(self.clock.seconds() * 1000) + 60_000)
        self.data(bob, 313, id="den", user_id="cat", seconds=0)
        self.pump()
        session = {"session_id": "1:den"}
        muted = {"type": "muted", "by": "bob", **session, "user_id": "cat"}
        expected = [
            {"type": "appointed", "by": "ann", **session, "user_id": "bob", "role": "admin"},
            {"type": "renamed", "by": "bob", **session, "name": "The den"},
            muted | {"until": until},
            muted,
        ]
        for client in clients:
            self.assertEqual(self.events(client), expected)
        self.assertEqual(self.data(cat, 205)["items"][0]["title"], "The den")

    def test_who_is_muted_is_told_how_long(self) -> None:
        ann, bob = self.room("ann", "bob")
        self.data(ann, 313, id="den", user_id="bob", seconds=60)
        self.clock.advance(10)
        code, text = self.refusal(bob, 201, type=1, target_id="den", content="x")
        self.assertEqual((code, text), (403, "you are muted in chatroom 'den' for 50 s: wait until then"))
        self.clock.advance(50)
        self.say(bob)

    def test_who_is_removed_hears_of_it_and_then_nothing_more(self) -> None:
        ann, bob, cat = self.room("ann", "bob", "cat")
        self.data(ann, 311, id="den", user_id="bob")
        self.say(ann)
        self.pump()
        event = {"type": "removed", "by": "ann", "session_id": "1:den", "user_id": "bob"}
        for client in (ann, bob, cat):
            self.assertEqual(self.events(client), [event])
        self.assertEqual((self.contents(bob), self.contents(cat)), ([], [["hi"]]))
        self.assertEqual(self.refusal(bob, 203, session_id="1:den")[0], 403)

    def test_a_dismissed_chatroom_is_gone_for_all(self) -> None:
        ann, bob = self.room("ann", "bob")
        self.say(bob)
        self.data(ann, 309, id="den")
        self.pump()
        for name, client in (("ann", ann), ("bob", bob)):
            event = {"type": "dismissed", "by": "ann", "session_id": "1:den", "user_id": name}
            self.assertEqual(self.events(client), [event])
            self.assertEqual(self.refusal(client, 203, session_id="1:den")[0], 404)
            self.assertEqual(self.data(client, 205)["items"], [])

    def test_the_heir_of_a_chatroom_is_told_to_all_who_stay(self) -> None:
        ann, bob, cat = self.room("ann", "bob", "cat")
        self.data(ann, 303, id="den")
        self.pump()
        event = {
            "type": "appointed",
            "by": "ann",
            "session_id": "1:den",
            "user_id": "bob",
            "role": "owner",
        }
        self.assertEqual([self.events(bob), self.events(cat)], [[event], [event]])
        self.assertEqual(self.events(ann), [])
        self.data(bob, 307, id="den", name="Mine")

    def test_a_stranger_gets_nothing_of_a_chatroom_that_all_have_left(self) -> None:
        ann, bob, eve = *self.room("ann", "bob"), self.user("eve")
        self.say(ann, "at once")
        self.say(bob, "secret")  # waits for the interval
        for client in (ann, bob):
            self.data(client, 303, id="den")
        self.data(eve, 301, id="den")
        self.advance(1.1)
        self.say(eve, "mine")
        self.advance(1.1)
        self.assertEqual((self.contents(eve), self.events(eve)), ([["mine"]], []))
        self.assertEqual(self.pushes(eve)[0]["skipped"], 0)

    def test_what_a_role_does_not_allow_is_refused(self) -> None:
        ann, bob, eve = *self.room("ann", "bob"), self.user("eve")
        requests: list[tuple[int, dict[str, Any]]] = [
            (307, {"name": "x"}),
            (309, {}),
            (311, {"user_id": "ann"}),
            (313, {"user_id": "ann", "seconds": 1}),
            (315, {"user_id": "bob", "role": "owner"}),
        ]
        for op, body in requests:
            for client in (bob, eve):
                self.assertEqual(self.refusal(client, op, id="den", **body)[0], 403, op)
            self.assertEqual(self.refusal(ann, op, id="none", **body)[0], 404, op)
            self.assertEqual(self.refusal(ann, op, id="a b", **body)[0], 400, op)
        self.assertEqual(self.refusal(ann, 311, id="den", user_id="eve")[0], 404)
        self.assertEqual(self.refusal(ann, 311, id="den", user_id=".")[0], 400)


class RecallTests(ModerationCase):
    def test_a_private_message_is_recalled_for_all_connections_of_both(self) -> None:
        ann, phone, bob = self.user("ann"), self.user("ann"), self.user("bob")
        sent = self.tell(ann, "bob")
        self.data(ann, 211, session_id=sent["session_id"], message_id=sent["id"])
        self.pump()
        event = {"type": "recalled", "by": "ann", "session_id": "2:ann:bob", "message_id": sent["id"]}
        for client in (ann, phone, bob):
            self.assertEqual(self.events(client), [event])
        self.assertEqual(self.stub_of(bob, "2:ann:bob"), ("", 2))

    def test_what_was_recalled_is_caught_up_on_as_a_stub(self) -> None:
        ann = self.user("ann")
        sent = self.tell(ann, "bob")
        self.data(ann, 211, session_id="2:bob:ann", message_id=sent["id"])
        bob = self.user("bob")
        self.assertEqual([(i["content"], i["status"]) for i in self.pushes(bob)[0]["items"]], [("", 2)])

    def test_what_waits_for_the_interval_of_a_chatroom_is_pushed_as_a_stub(self) -> None:
        ann, bob = self.room("ann", "bob")
        self.say(ann, "at once")
        sent = self.say(ann, "secret")
        self.data(ann, 211, session_id="1:den", message_id=sent["id"])
        self.advance(1.1)
        self.assertEqual(self.contents(bob), [["at once"], [""]])
        self.assertEqual([event["message_id"] for event in self.events(bob)], [sent["id"]])

    def test_others_may_not(self) -> None:
        ann, bob, eve = *self.room("ann", "bob"), self.user("eve")
        sent, said = self.tell(ann, "bob"), self.say(ann)
        for client, session_id, message_id, code in (
            (bob, "2:ann:bob", sent["id"], 403),
            (eve, "2:ann:bob", sent["id"], 403),
            (bob, "1:den", said["id"], 403),
            (eve, "1:den", said["id"], 403),
            (ann, "2:ann:bob", UNKNOWN_ID, 404),
            (ann, "1:none", UNKNOWN_ID, 404),
            (ann, "1:den", "x", 400),
            (ann, "x", UNKNOWN_ID, 400),
        ):
            body = {"session_id": session_id, "message_id": message_id}
            self.assertEqual(self.refusal(client, 211, **body)[0], code, body)

    def test_no_user_writes_to_the_system_or_logs_in_as_it(self) -> None:
        self.assertEqual(self.refusal(self.connect(), 101, id=".")[0], 400)
        self.assertEqual(self.refusal(self.user("ann"), 201, type=2, target_id=".", content="x")[0], 400)
