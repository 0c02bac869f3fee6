"""What the chat shows when something happens, and when the user types."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gim.cli.chat.painting import Fragments
from gim.cli.chat.talk import Talk
from gim.cli.chat.words import WORDS, Words
from gim.cli.failures import Refused
from gim.client import events as kinds
from gim.client.calls import Chatroom, SessionItem
from gim.client.events import Event, Gap, Reset, State
from gim.client.outcome import GimError
from tests.support.chat_client import START_MS, chat_client, message

DEN = "1:den"
EVIL = "\x1b[2J"


class Lines:
    """A screen that keeps the text of its lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.refreshed = 0

    def show(self, line: Fragments) -> None:
        self.lines.append("".join(text for _, text in line))

    def refresh(self) -> None:
        self.refreshed += 1

    def taken(self) -> list[str]:
        """Return the lines since the last call, without the times of messages."""
        lines, self.lines = self.lines, []
        return [line[6:] if line[2:3] == ":" else line for line in lines]


class TalkTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.client = chat_client()
        self.screen = Lines()
        self.talk = Talk(self.client, "ann", self.screen)
        self.words = Words(self.talk, "ws://h")

    def run_in_asyncio(self, test: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a test, with a loop that follows the events."""

        async def run() -> None:
            following = asyncio.create_task(self.talk.follow(self.client.events()))
            await test()
            self.client.happening.put_nowait(None)
            await following

        asyncio.run(asyncio.wait_for(run(), 5))

    async def happens(self, *events: Event) -> list[str]:
        """Return what is shown when something happens."""
        for event in events:
            self.client.happening.put_nowait(event)
        await self.settle()
        return self.screen.taken()

    async def typed(self, *texts: str) -> list[str]:
        """Return what is shown when the user types."""
        for text in texts:
            await self.words.enter(text)
        await self.settle()
        return self.screen.taken()

    async def settle(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)


class ConversationTests(TalkTestCase):
    def test_opening_shows_the_newest_messages_and_reads_them(self) -> None:
        self.client.histories["2:ann:bob"] = [message(1, "bob", "hi"), message(2, "ann", "ho")]
        self.client.histories["1:den"] = []

        async def test() -> None:
            await self.words.start("bob", None)
            await self.settle()
            self.assertEqual(
                self.screen.taken(), ["── bob ──", "── Friday, 15 January 2027 ──", "Bob: hi", "Ann: ho"]
            )
            self.assertIn(("read", "2:ann:bob", f"{2:032x}"), self.client.asked)
            self.assertEqual(await self.typed("/to #den"), ["── #den ──"])
            self.assertEqual(await self.typed("/history 1"), ["── #den ──"])
            self.assertEqual(self.client.asked[-1], ("history", "1:den", 1))

        self.run_in_asyncio(test)

    def test_messages_of_the_open_conversation_are_shown_once_and_others_counted(self) -> None:
        async def test() -> None:
            await self.words.start("bob", None)
            self.screen.taken()
            first = message(1, "bob", "one")
            shown = await self.happens(first, first, message(2, "carl", "psst", "2:ann:carl"))
            self.assertEqual(shown, ["── Friday, 15 January 2027 ──", "Bob: one"])
            self.assertEqual([each.word for each in self.talk.book.unread()], ["carl"])
            self.client.state = "waiting"
            self.assertEqual((await self.typed("/to carl"))[::2], ["── carl ──", "Carl: psst"])
            self.assertEqual(self.talk.book.unread(), [])

        self.run_in_asyncio(test)

    def test_without_a_conversation_all_are_listed_and_nothing_can_be_sent(self) -> None:
        async def test() -> None:
            await self.words.start(None, None)
            self.assertIn("no conversations yet", self.screen.taken()[0])
            self.client.listed = [SessionItem(DEN, 1, "Den", message(1, "bob", "x", DEN), 1200)]
            self.assertEqual(await self.typed("/sessions"), ["· Den (#den), 1,200 unread"])
            for text in "hello", "/history", "/recall", "/members", "/leave":
                (line,) = await self.typed(text)
                self.assertRegex(line, r"^! no (conversation|chatroom) is open")
            self.assertEqual(self.client.posted, [])

        self.run_in_asyncio(test)

    def test_a_chatroom_is_joined_and_left(self) -> None:
        async def test() -> None:
            await self.words.start(None, "den")
            self.assertEqual(self.screen.taken(), ["── #den ──"])
            await self.typed("/join #hall The Hall")
            self.assertIn(("join", "hall", "The Hall"), self.client.asked)
            self.assertEqual(await self.typed("/members"), ["· Ann: online, owner", "· Bob: offline"])
            self.assertEqual(await self.typed("/leave"), ["· you left #hall"])
            self.assertIsNone(self.talk.book.open)
            self.assertEqual(await self.typed("/leave den"), ["· you left #den"])

        self.run_in_asyncio(test)


class SendingTests(TalkTestCase):
    def test_an_own_message_is_shown_when_it_is_stored(self) -> None:
        async def test() -> None:
            await self.words.start("bob", None)
            self.assertEqual(await self.typed("hi", "//not a word"), ["── bob ──"])
            self.assertEqual([each.content for each in self.client.posted], ["hi", "/not a word"])
            self.assertEqual([each.content for each in self.talk.letters.sending], ["hi", "/not a word"])
            self.client.posted[0].stored(1)
            await self.settle()
            self.assertEqual(self.screen.taken()[1:], ["Ann: hi"])
            self.assertEqual(len(self.talk.letters.sending), 1)
            self.client.posted[1].stored(2)

        self.run_in_asyncio(test)

    def test_one_in_a_chatroom_is_shown_once_though_it_is_pushed_too(self) -> None:
        async def test() -> None:
            await self.words.start(None, "den")
            await self.typed("hi")
            self.assertEqual(self.client.posted[0].to, Chatroom("den"))
            self.screen.taken()
            shown = await self.happens(message(1, "ann", "hi", DEN))
            self.client.posted[0].stored(1, DEN)
            await self.settle()
            self.assertEqual((shown[1:], self.screen.taken()), (["Ann: hi"], []))

        self.run_in_asyncio(test)

    def test_one_that_was_not_sent_can_be_sent_again(self) -> None:
        async def test() -> None:
            await self.words.start("bob", None)
            await self.typed("one", "two")
            await self.typed("/to carl")
            self.client.posted[0].failed(403, f"no{EVIL}")
            self.client.posted[1].failed("uncertain", "no answer for too long")
            await self.settle()
            again = "· /retry {} sends it again"
            self.assertEqual(
                self.screen.taken(),
                [
                    f"! not sent to bob (403, no\\x1b[2J): one {again.format(1)}",
                    f"! perhaps sent to bob (no answer for too long): two {again.format(2)}",
                ],
            )
            await self.typed("/retry", "/retry 1")
            self.assertEqual([each.content for each in self.client.posted[2:]], ["two", "one"])
            (line,) = await self.typed("/retry")
            self.assertIn("no such message", line)
            for posted in self.client.posted[2:]:
                posted.stored(5)

        self.run_in_asyncio(test)

    def test_the_last_own_message_or_an_earlier_one_is_recalled(self) -> None:
        own = [message(number, "ann", f"m{number}") for number in (1, 2, 3)]
        self.client.histories["2:ann:bob"] = own

        async def test() -> None:
            await self.words.start("bob", None)
            await self.settle()
            self.screen.taken()
            self.assertEqual(await self.typed("/recall"), ["· recalled: m3"])
            self.assertEqual(self.client.asked[-1], ("recall", "2:ann:bob", own[2].id))
            self.assertEqual(await self.typed("/recall 3"), ["· recalled: m1"])
            await self.typed("/recall")
            self.assertEqual(await self.happens(kinds.Recalled("ann", "2:ann:bob", own[2].id)), [])
            self.assertIn("no such message", (await self.typed("/recall 4"))[0])
            self.assertIn("too small", (await self.typed("/recall 0"))[0])

        self.run_in_asyncio(test)


class EventTests(TalkTestCase):
    def test_what_happens_in_the_open_conversation_is_told(self) -> None:
        until = START_MS + 60_000
        events: list[tuple[Event, str]] = [
            (Gap(DEN, None, None, 12), "── 12 messages are missing: /history shows the newest ──"),
            (kinds.Renamed("bob", DEN, EVIL), "· Bob renamed the chatroom to \\x1b[2J"),
            (kinds.Muted("bob", DEN, "eve"), "· Bob ended the mute of eve"),
            (kinds.Appointed("bob", DEN, "eve", "admin"), "· Bob made eve admin"),
            (kinds.Removed("bob", DEN, "eve"), "· Bob removed eve"),
            (kinds.Recalled("bob", DEN, "none"), "· Bob recalled a message"),
            (kinds.Error("protocol", "x"), "! protocol, x"),
            (kinds.Broadcast(".", "at 5"), "· to all: at 5"),
        ]

        async def test() -> None:
            await self.words.start(None, "den")
            await self.happens(message(1, "bob", "x", DEN))
            for event, line in events:
                self.assertEqual(await self.happens(event), [line])
            (line,) = await self.happens(kinds.Muted("bob", DEN, "eve", until))
            self.assertRegex(line, r"^· Bob muted eve until \d\d:\d\d$")
            (line,) = await self.happens(kinds.Recalled("bob", DEN, f"{1:032x}"))
            self.assertRegex(line, r"^· Bob recalled a message of \d\d:\d\d$")
            self.assertEqual(await self.happens(Gap("1:hall", None, None, 1), kinds.Other("x")), [])

        self.run_in_asyncio(test)

    def test_elsewhere_only_the_counts_change(self) -> None:
        async def test() -> None:
            await self.words.start("bob", None)
            await self.happens(message(1, "carl", "x", DEN), message(2, "carl", "x", DEN))
            self.screen.taken()
            self.assertEqual(await self.happens(kinds.Renamed("carl", DEN, "Den")), [])
            self.assertEqual(self.talk.book.room("den").title, "Den")
            await self.happens(kinds.Read("ann", DEN, "ann", "x", 1))
            self.assertEqual(self.talk.book.room("den").unread, 1)

        self.run_in_asyncio(test)

    def test_a_chatroom_that_the_user_is_out_of_is_closed(self) -> None:
        async def test() -> None:
            for event, line in (
                (kinds.Dismissed("bob", DEN, "ann"), "· bob dismissed the chatroom"),
                (kinds.Removed("bob", DEN, "ann"), "· bob removed Ann"),
            ):
                await self.words.start(None, "den")
                self.screen.taken()
                self.assertEqual(await self.happens(event), [line])
                self.assertIsNone(self.talk.book.open)

        self.run_in_asyncio(test)

    def test_after_lost_messages_the_conversation_is_shown_anew(self) -> None:
        async def test() -> None:
            await self.happens(Reset("missed"))
            await self.words.start("bob", None)
            self.screen.taken()
            self.assertEqual(await self.happens(Reset("start")), [])
            shown = await self.happens(Reset("epoch"))
            self.assertEqual(shown, ["── the server has lost its data ──", "── bob ──"])

        self.run_in_asyncio(test)

    def test_a_chatroom_that_is_gone_says_how_it_comes_back(self) -> None:
        async def test() -> None:
            await self.words.start(None, "den")
            self.screen.taken()
            self.client.errors["history"] = GimError(404, "chatroom 'den' does not exist")
            shown = await self.happens(Reset("epoch"))
            self.assertEqual(shown[1:], ["! #den is gone: /join den makes it anew"])
            self.client.errors["leave"] = GimError(404, "chatroom 'den' does not exist")
            self.assertEqual(await self.typed("/leave"), ["· you left #den"])
            self.client.errors["history"] = GimError(503, "busy")
            await self.typed("/to bob")
            del self.client.errors["history"]
            await self.typed("/to bob")
            self.client.errors["history"] = GimError(503, "busy")
            self.assertEqual((await self.happens(Reset("epoch")))[1:], ["! 503, busy"])

        self.run_in_asyncio(test)

    def test_a_request_without_a_connection_says_so(self) -> None:
        async def test() -> None:
            await self.words.start(None, "den")
            self.client.errors["members"] = GimError("closed", "the client is waiting")
            line = "! there is no connection: try again when it is back"
            self.assertEqual((await self.typed("/members"))[-1:], [line])

        self.run_in_asyncio(test)

    def test_the_state_is_known_and_counts_are_read_anew(self) -> None:
        async def test() -> None:
            await self.happens(State("waiting", 3.0, 1006))
            self.assertEqual(self.talk.state.now, "waiting")
            self.assertGreater(self.talk.tries_at, asyncio.get_running_loop().time())
            self.client.asked.clear()
            await self.happens(State("online"))
            self.assertEqual(self.client.asked, [("sessions",)])
            self.client.errors["sessions"] = GimError("closed", "the connection broke")
            (line,) = await self.happens(State("online"))
            self.assertEqual(line, "! closed, the connection broke")

        self.run_in_asyncio(test)

    def test_an_empty_line_connects_now(self) -> None:
        async def test() -> None:
            await self.typed("")
            self.assertEqual(self.client.asked, [])
            await self.happens(State("waiting", 30.0, 1006))
            await self.typed("")
            self.assertEqual(self.client.asked, [("wake",)])

        self.run_in_asyncio(test)

    def test_the_server_may_end_it(self) -> None:
        async def test() -> None:
            await self.happens(State("closed", None, 3503, "kicked"))

        self.assertRaises(Refused, self.run_in_asyncio, test)

    def test_a_read_mark_that_is_refused_is_no_matter(self) -> None:
        self.client.errors["read"] = GimError("closed", "the connection broke")

        async def test() -> None:
            await self.words.start("bob", None)
            self.screen.taken()
            shown = await self.happens(message(1, "bob", "one"), message(2, "bob", "two"))
            self.assertEqual(shown[1:], ["Bob: one", "Bob: two"])

        self.run_in_asyncio(test)


class WordTests(TalkTestCase):
    def test_the_help_lists_every_word(self) -> None:
        async def test() -> None:
            lines = await self.typed("/help")
            self.assertEqual([line.split()[1].lstrip("/") for line in lines[:-1]], list(WORDS))
            self.assertTrue(all(len(line) < 80 for line in lines), lines)

        self.run_in_asyncio(test)

    def test_what_is_not_a_word_is_not_sent(self) -> None:
        async def test() -> None:
            await self.words.start("bob", None)
            self.screen.taken()
            self.assertEqual(await self.typed("/jion x"), ["! /jion is not known: did you mean /join?"])
            self.assertEqual(await self.typed(f"/{EVIL}"), ["! /\\x1b[2J is not known: /help lists all"])
            self.assertEqual(await self.typed("", "  "), [])
            self.assertEqual(self.client.posted, [])

        self.run_in_asyncio(test)

    def test_what_can_not_be_done_is_said(self) -> None:
        async def test() -> None:
            self.client.errors["join"] = GimError(409, f"full{EVIL}")
            self.assertEqual(await self.typed("/join den"), ["! 409, full\\x1b[2J"])
            self.assertIn("write 1 to 64 printable", (await self.typed("/join a:b"))[0])
            self.assertEqual(await self.typed("/to"), ["! name a user or a chatroom: /to bob, /to #den"])

        self.run_in_asyncio(test)

    def test_conversations_are_marked_as_read(self) -> None:
        async def test() -> None:
            await self.happens(message(1, "bob", "x"), message(2, "carl", "x", DEN))
            self.client.histories["2:ann:bob"] = [message(1, "bob", "x")]
            self.assertEqual(await self.typed("/read"), ["· marked as read"])
            self.assertEqual(
                [each for each in self.client.asked if each[0] == "read"],
                [("read", "2:ann:bob", f"{1:032x}")],
            )
            self.assertEqual([each.word for each in self.talk.book.unread()], ["#den"])
            self.client.histories[DEN] = [message(2, "carl", "x", DEN)]
            await self.typed("/read #den")
            self.assertEqual(self.talk.book.unread(), [])

        self.run_in_asyncio(test)

    def test_it_says_who_the_user_is(self) -> None:
        async def test() -> None:
            self.assertEqual(await self.typed("/who"), ["· you are Ann (ann) at ws://h, online"])
            await self.typed("/to bob")
            self.client.user = None
            (line,) = await self.typed("/who")
            self.assertEqual(line, "· you are ann at ws://h, online, with bob")
            await self.typed("/to #den")
            self.assertIn("online, in #den", (await self.typed("/who"))[0])

        self.run_in_asyncio(test)
