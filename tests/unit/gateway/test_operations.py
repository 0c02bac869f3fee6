"""Each operation as a client sees it: packets in, packets out."""

from collections.abc import Awaitable
from typing import get_type_hints

from twisted.trial.unittest import SynchronousTestCase

from gim.auth import api_tokens
from gim.gateway.operations import Operations
from gim.wire.requests import OPERATIONS
from tests.support.pipe import Client, GatewayTestCase

UNKNOWN_ID = "0" * 32


class HandlerTests(SynchronousTestCase):
    def test_every_operation_has_its_handler_and_there_is_no_other(self) -> None:
        handlers = {name for name in vars(Operations) if name.startswith("on_")}
        self.assertEqual(handlers, {f"on_{operation.name}" for operation in OPERATIONS.values()})

    def test_each_takes_the_request_and_returns_the_reply_that_are_declared(self) -> None:
        for operation in OPERATIONS.values():
            hints = get_type_hints(getattr(Operations, f"on_{operation.name}"))
            self.assertIs(hints["body"], operation.request, operation.name)
            self.assertIn(hints["return"], (operation.reply, Awaitable[operation.reply]), operation.name)  # type: ignore[name-defined]


class LoginTests(GatewayTestCase):
    def test_login_answers_with_all_a_client_needs(self) -> None:
        data = self.data(self.connect(), 101, id="1001")
        self.assertEqual(list(data), ["user", "token", "server_time", "epoch", "missed", "recovered"])
        self.assertEqual(data["user"], {"id": "1001", "name": "1001"})
        self.assertEqual(data["server_time"], int(self.clock.seconds() * 1000))
        self.assertEqual((data["missed"], data["recovered"]), (0, True))

    def test_a_later_login_may_change_the_name_but_need_not(self) -> None:
        ann = self.user("ann", name="Ann")
        self.assertEqual(self.data(self.connect(), 101, id="ann")["user"]["name"], "Ann")
        self.assertEqual(self.data(ann, 101, id="ann", name="A.")["user"]["name"], "A.")
        self.assertEqual(self.data(ann, 101, id="ann", name="")["user"]["name"], "ann")

    def test_everything_but_login_needs_a_login(self) -> None:
        client = self.connect()
        bodies = {
            103: {},
            105: {},
            201: {"type": 2, "target_id": "b", "content": "x"},
            203: {"session_id": "1:9999"},
            205: {},
            209: {"session_id": "1:9999", "message_id": UNKNOWN_ID},
            301: {"id": "9999"},
            303: {"id": "9999"},
            305: {"id": "9999"},
            211: {"session_id": "1:9999", "message_id": UNKNOWN_ID},
            307: {"id": "9999", "name": "x"},
            309: {"id": "9999"},
            311: {"id": "9999", "user_id": "b"},
            313: {"id": "9999", "user_id": "b", "seconds": 1},
            315: {"id": "9999", "user_id": "b", "role": "admin"},
        }
        for op, body in bodies.items():
            self.assertEqual(self.refusal(client, op, **body)[0], 401, op)  # type: ignore[arg-type]
        self.assertIsNone(client.closed)

    def test_another_user_on_the_same_connection_is_a_conflict(self) -> None:
        self.assertEqual(self.refusal(self.user("ann"), 101, id="bob")[0], 409)

    def test_after_logout_another_user_may_log_in(self) -> None:
        client = self.user("ann")
        self.assertEqual(self.data(client, 103), {})
        self.assertEqual(self.refusal(client, 105)[0], 401)
        self.assertEqual(self.data(client, 101, id="bob")["user"]["id"], "bob")

    def test_after_logout_no_push_comes(self) -> None:
        ann, bob = self.user("ann"), self.user("bob")
        self.data(bob, 103)
        self.data(ann, 201, type=2, target_id="bob", content="hi")
        self.assertEqual(self.pushes(bob), [])

    def test_since_and_epoch_come_together(self) -> None:
        for field, other in ("since", "epoch"), ("epoch", "since"):
            code, text = self.refusal(self.connect(), 101, id="ann", **{field: UNKNOWN_ID})
            self.assertEqual(code, 400)
            self.assertTrue(text.startswith(f"{other}: "), text)

    def test_missed_messages_follow_the_reply(self) -> None:
        ann = self.user("ann")
        self.data(ann, 201, type=2, target_id="bob", content="hi")
        bob = self.user("bob")
        self.assertEqual([packet["op"] for packet in bob.packets], [102, 207])
        self.assertEqual(bob.packets[0]["body"]["data"]["missed"], 1)

    def test_a_login_over_and_over_while_catching_up_loses_nothing(self) -> None:
        ann = self.user("ann")
        for number in range(150):
            self.data(ann, 201, type=2, target_id="bob", content=str(number))
        client = self.connect()
        for op, body in (
            (101, {"id": "bob"}),
            (103, {}),
            (101, {"id": "ann"}),
            (103, {}),
            (101, {"id": "bob"}),
        ):
            client.sendMessage(f'{{"op":{op},"body":{str(body).replace(chr(39), chr(34))}}}'.encode())
        self.pump()
        flat = [content for contents in self.contents(client) for content in contents]
        self.assertEqual(flat, [str(number) for number in range(150)])

    def test_the_token_is_good_for_one_day(self) -> None:
        self.assertEqual(api_tokens.LIFETIME, 24 * 3600)


class SendTests(GatewayTestCase):
    options = ("--enable-message-sequence", "--max-content", "10")

    def test_the_reply_names_the_message(self) -> None:
        ann = self.user("ann")
        data = self.data(ann, 201, type=2, target_id="bob", content="hi")
        self.assertEqual(list(data), ["id", "session_id", "sequence", "created_at"])
        self.assertEqual((data["session_id"], data["sequence"]), ("2:ann:bob", 1))
        self.assertRegex(data["id"], "^[0-9a-f]{32}$")

    def test_a_push_is_the_message_as_stored(self) -> None:
        ann, bob = self.user("ann", name="Ann"), self.user("bob")
        sent = self.data(ann, 201, type=2, target_id="bob", content="hi", category="picture")
        (push,) = self.pushes(bob)
        self.assertEqual(push["session"], {"id": "2:ann:bob", "type": 2, "title": "Ann"})
        self.assertEqual(push["skipped"], 0)
        expected = {
            "id": sent["id"],
            "session_id": "2:ann:bob",
            "sender": {"id": "ann", "name": "Ann"},
            "category": "picture",
            "content": "hi",
            "sequence": 1,
            "status": 1,
            "created_at": sent["created_at"],
        }
        self.assertEqual([list(item.items()) for item in push["items"]], [list(expected.items())])

    def test_content_is_measured_in_bytes_of_utf_8(self) -> None:
        ann = self.user("ann")
        self.data(ann, 201, type=2, target_id="bob", content="ä" * 5)
        code, text = self.refusal(ann, 201, type=2, target_id="bob", content="ä" * 5 + "x")
        self.assertEqual((code, text), (413, "content: shorten it to 10 bytes of UTF-8"))
        self.assertEqual(self.refusal(ann, 201, type=2, target_id="bob", content="")[0], 400)
        self.assertEqual(len(self.data(ann, 203, session_id="2:ann:bob")["items"]), 1)

    def test_oneself_is_no_peer(self) -> None:
        self.assertEqual(
            self.refusal(self.user("ann"), 201, type=2, target_id="ann", content="x")[0], 400
        )

    def test_only_members_send_to_a_chatroom(self) -> None:
        ann, bob = self.user("ann"), self.user("bob")
        self.assertEqual(self.refusal(ann, 201, type=1, target_id="den", content="x")[0], 404)
        self.data(bob, 301, id="den")
        self.assertEqual(self.refusal(ann, 201, type=1, target_id="den", content="x")[0], 403)
        self.data(bob, 201, type=1, target_id="den", content="x")

    def test_a_repeated_request_id_is_answered_again_and_pushed_once(self) -> None:
        ann, bob = self.user("ann"), self.user("bob")
        body = {"type": 2, "target_id": "bob", "content": "hi", "request_id": "r1"}
        first, second = self.data(ann, 201, **body), self.data(ann, 201, **body)
        self.assertEqual(first, second)
        self.assertEqual(self.contents(bob), [["hi"]])
        self.clock.advance(299)
        self.assertEqual(self.data(ann, 201, **body), first)
        self.clock.advance(1)
        self.assertNotEqual(self.data(ann, 201, **body), first)


class ReadingTests(GatewayTestCase):
    def send(self, client: Client, target: str, *contents: str, kind: int = 2) -> list[str]:
        return [
            self.data(client, 201, type=kind, target_id=target, content=content)["id"]
            for content in contents
        ]

    def test_history_pages_backwards_in_ascending_order(self) -> None:
        ann = self.user("ann")
        ids = self.send(ann, "bob", *"abcde")
        page = self.data(ann, 203, session_id="2:bob:ann", count=2)
        self.assertEqual([item["content"] for item in page["items"]], ["d", "e"])
        self.assertTrue(page["has_more"])
        page = self.data(ann, 203, session_id="2:ann:bob", message_id=ids[3])
        self.assertEqual([item["content"] for item in page["items"]], ["a", "b", "c"])
        self.assertFalse(page["has_more"])

    def test_history_is_for_participants_and_members(self) -> None:
        ann, eve = self.user("ann"), self.user("eve")
        self.data(ann, 301, id="den")
        self.assertEqual(self.refusal(eve, 203, session_id="2:ann:bob")[0], 403)
        self.assertEqual(self.refusal(eve, 203, session_id="1:den")[0], 403)
        self.assertEqual(self.refusal(eve, 203, session_id="1:nowhere")[0], 404)
        self.assertEqual(self.data(eve, 203, session_id="2:ann:eve"), {"items": [], "has_more": False})

    def test_sessions_are_listed_newest_first_with_titles_and_unread(self) -> None:
        ann, bob = self.user("ann"), self.user("bob", name="Bob")
        self.send(bob, "ann", "1", "2")
        self.clock.advance(1)
        self.data(ann, 301, id="den", name="The den")
        (den, private) = self.data(ann, 205)["items"]
        self.assertEqual(den, {"id": "1:den", "type": 1, "title": "The den", "last": None, "unread": 0})
        self.assertEqual((private["title"], private["unread"]), ("Bob", 2))
        self.assertEqual(private["last"]["content"], "2")
        self.send(bob, "ann", "3")
        self.assertEqual([item["type"] for item in self.data(ann, 205)["items"]], [2, 1])
        self.assertEqual(len(self.data(ann, 205, session_type=1)["items"]), 1)

    def test_sessions_come_in_pages(self) -> None:
        ann = self.user("ann")
        for peer in "bcdef":
            self.send(ann, peer, "x")
        page = self.data(ann, 205, count=3)
        self.assertEqual([item["id"] for item in page["items"]], ["2:ann:f", "2:ann:e", "2:ann:d"])
        rest = self.data(ann, 205, count=3, cursor=page["cursor"])
        self.assertEqual([item["id"] for item in rest["items"]], ["2:ann:c", "2:ann:b"])
        self.assertEqual(rest["cursor"], "")
        self.assertEqual(self.refusal(ann, 205, cursor="nonsense")[0], 400)

    def test_mark_read_moves_forward_only(self) -> None:
        ann, bob = self.user("ann"), self.user("bob")
        ids = self.send(bob, "ann", "1", "2", "3")
        session = {"session_id": "2:ann:bob"}
        self.assertEqual(self.data(ann, 209, **session, message_id=ids[1]), {"unread": 1})
        self.assertEqual(self.data(ann, 209, **session, message_id=ids[0]), {"unread": 1})
        self.assertEqual(self.data(ann, 209, **session, message_id="f" * 32), {"unread": 0})
        self.send(bob, "ann", "4")
        self.assertEqual(self.data(ann, 205)["items"][0]["unread"], 1)
        self.assertEqual(self.refusal(ann, 209, **session, message_id="x")[0], 400)
        self.assertEqual(self.refusal(ann, 209, session_id="2:bob:eve", message_id=ids[0])[0], 403)

    def test_what_one_device_reads_all_devices_of_the_user_hear_of(self) -> None:
        desktop, phone, bob = self.user("ann"), self.user("ann"), self.user("bob")
        ids = self.send(bob, "ann", "1", "2")
        read = {"type": "read", "by": "ann", "session_id": "2:ann:bob", "user_id": "ann"}
        for message_id in (ids[0], ids[1], ids[1], ids[0]):  # two of them move the position
            self.data(phone, 209, session_id="2:bob:ann", message_id=message_id)
        self.pump()
        told = [
            read | {"message_id": ids[0], "unread": 1},
            read | {"message_id": ids[1], "unread": 0},
        ]
        self.assertEqual([self.events(one) for one in (desktop, phone, bob)], [told, told, []])

    def test_sending_tells_the_other_devices_by_the_message_alone(self) -> None:
        desktop, phone, bob = self.user("ann"), self.user("ann"), self.user("bob")
        self.send(bob, "ann", "1")
        self.send(phone, "bob", "2")
        self.pump()
        self.assertEqual((self.contents(desktop), self.events(desktop)), ([["1"], ["2"]], []))
        self.assertEqual(self.data(desktop, 205)["items"][0]["unread"], 0)

    def test_a_recalled_message_is_not_unread(self) -> None:
        ann, bob = self.user("ann"), self.user("bob")
        ids = self.send(bob, "ann", "1", "2", "3")
        self.data(bob, 211, session_id="2:ann:bob", message_id=ids[1])
        self.assertEqual(self.data(ann, 205)["items"][0]["unread"], 2)
        body = {"session_id": "2:ann:bob", "message_id": ids[0]}
        self.assertEqual(self.data(ann, 209, **body), {"unread": 1})


class ChatroomTests(GatewayTestCase):
    def test_joining_makes_the_chatroom_and_is_fine_twice(self) -> None:
        ann, bob = self.user("ann"), self.user("bob")
        self.assertEqual(self.data(ann, 301, id="den"), {"session_id": "1:den", "total": 1})
        self.assertEqual(self.data(ann, 301, id="den"), {"session_id": "1:den", "total": 1})
        self.assertEqual(self.data(bob, 301, id="den")["total"], 2)

    def test_membership_outlives_the_connection_and_leaving_ends_it(self) -> None:
        ann, bob = self.user("ann"), self.user("bob")
        self.data(ann, 301, id="den")
        self.data(bob, 301, id="den")
        bob.dropConnection()
        self.pump()
        members = self.data(ann, 305, id="den")["items"]
        self.assertEqual([(m["id"], m["online"]) for m in members], [("ann", True), ("bob", False)])
        bob = self.user("bob")
        self.data(bob, 303, id="den")
        self.assertEqual(self.data(ann, 305, id="den")["total"], 1)
        self.assertEqual(self.refusal(bob, 305, id="den")[0], 403)

    def test_a_chatroom_without_members_is_forgotten(self) -> None:
        ann, eve = self.user("ann"), self.user("eve")
        self.data(ann, 301, id="den", name="Ours")
        self.data(ann, 201, type=1, target_id="den", content="secret")
        self.data(ann, 303, id="den")
        for op in 303, 305:
            self.assertEqual(self.refusal(ann, op, id="den")[0], 404)
        self.data(eve, 301, id="den")
        self.assertEqual(self.data(eve, 203, session_id="1:den")["items"], [])
        self.assertEqual(self.data(eve, 205)["items"][0]["title"], "chatroom:den")

    def test_members_come_in_pages_in_order_of_id(self) -> None:
        ann = self.user("ann")
        for user_id in "é", "b", "Z", "😀":
            self.data(self.user(user_id), 301, id="den")
        self.data(ann, 301, id="den")
        found, cursor = [], ""
        while len(found) < 5:
            page = self.data(ann, 305, id="den", count=2, cursor=cursor)
            found += [member["id"] for member in page["items"]]
            self.assertEqual(page["total"], 5)
            cursor = page["cursor"]
        self.assertEqual((found, cursor), (["Z", "ann", "b", "é", "😀"], ""))
