from collections.abc import Callable

from msgspec.structs import replace
from twisted.internet.defer import Deferred

from gim.auth.authenticator import Identity
from gim.chat.chat import Point
from gim.errors import BadRequest, Conflict, Unavailable
from gim.ids import private_session
from gim.model import Message
from gim.push.catchup import MAX_MISSED
from gim.push.dispatcher import READ_RETRY_AFTER
from gim.storage.announcements import MessageStored
from gim.storage.interface import Entrance, Entry, Missed
from gim.storage.rules import REQUEST_IDS_PER_SENDER
from tests.support.world import ChatTestCase, result_of

AB = private_session("ann", "bob")


class CatchingUpTests(ChatTestCase):
    def tell_many(self, count: int, sender: str = "ann", target: str = "bob") -> list[str]:
        return [self.tell(sender, target, str(n)).id for n in range(count)]

    def point(self, since: str) -> Point:
        return Point(since, result_of(self.store.epoch()))

    def test_a_login_pushes_what_was_received_while_nobody_was_online(self) -> None:
        self.tell("ann", "bob", "one")
        self.tell("ann", "bob", "two")
        bob = self.connect("bob")
        self.assertEqual(bob.contents, [["one", "two"]])
        self.assertEqual((bob.answer.missed, bob.answer.recovered), (2, True))
        self.assertEqual(bob.pushes[0].session.title, "ann")

    def test_only_the_first_device_to_come_gets_it(self) -> None:
        self.tell("ann", "bob", "one")
        self.connect("bob")
        second = self.connect("bob")
        self.assertEqual((second.contents, second.answer.missed), ([], 0))

    def test_what_was_pushed_live_is_not_missed(self) -> None:
        bob = self.connect("bob")
        self.tell("ann", "bob", "one")
        self.disconnect(bob)
        self.tell("ann", "bob", "two")
        self.assertEqual(self.connect("bob").contents, [["two"]])

    def test_ones_own_sending_is_not_missed_without_since(self) -> None:
        self.tell("bob", "ann", "mine")
        self.assertEqual(self.connect("bob").answer.missed, 0)

    def test_messages_come_oldest_first_across_sessions(self) -> None:
        for sender, content in ("ann", "1"), ("ann", "2"), ("eve", "3"), ("ann", "4"):
            self.tell(sender, "bob", content)
        bob = self.connect("bob")
        self.assertEqual(bob.contents, [["1", "2"], ["3"], ["4"]])
        self.assertEqual([push.session.title for push in bob.pushes], ["ann", "eve", "ann"])

    def test_a_push_holds_100_at_most_and_waits_for_the_one_before(self) -> None:
        self.tell_many(250)
        bob = self.connect("bob", takes_all=False)
        sizes = []
        while bob.source is not None:
            sizes.append(sum(map(len, bob.contents)))
            bob.take()
        self.assertEqual(sizes, [100, 200, 250])

    def test_a_push_of_long_messages_holds_fewer(self) -> None:
        for _ in range(40):
            self.tell("ann", "bob", "x" * 4096)
        bob = self.connect("bob")
        self.assertEqual([len(items) for items in bob.contents], [32, 8])

    def test_new_messages_queue_behind(self) -> None:
        self.tell_many(150)
        bob = self.connect("bob", takes_all=False)
        self.tell("ann", "bob", "new")
        self.assertEqual([len(items) for items in bob.contents], [100])
        bob.take()
        bob.take()
        bob.take()
        self.assertEqual([items[-1] for items in bob.contents], ["99", "149", "new"])
        self.tell("ann", "bob", "newer")
        self.assertEqual(bob.contents[-1], ["newer"])

    def test_what_was_not_written_before_a_connection_went_is_pushed_to_the_next(self) -> None:
        self.tell_many(150)
        bob = self.connect("bob", takes_all=False)
        self.tell("ann", "bob", "new")
        self.disconnect(bob)
        bob.take()
        again = self.connect("bob")
        self.assertEqual(again.answer.missed, 51)
        self.assertEqual(again.contents[0][0], "100")
        self.assertEqual(again.contents[-1][-1], "new")

    def test_since_brings_everything_newer_ones_own_sending_included(self) -> None:
        first = self.tell("ann", "bob", "1").id
        self.tell("bob", "ann", "2")
        self.tell("ann", "bob", "3")
        self.connect("bob")  # has caught up, which a device with `since` does not care about
        exact = self.connect("bob", point=self.point(first))
        self.assertEqual(exact.contents, [["2", "3"]])
        self.assertEqual((exact.answer.missed, exact.answer.recovered), (2, True))

    def test_another_epoch_is_not_recovered(self) -> None:
        first = self.tell("ann", "bob", "1").id
        self.tell("ann", "bob", "2")
        bob = self.connect("bob", point=Point(first, "of yore"))
        self.assertEqual((bob.answer.missed, bob.answer.recovered), (1, False))

    def test_a_cut_after_since_is_not_recovered(self) -> None:
        ids = self.tell_many(1002)
        self.assertTrue(self.connect("bob", point=self.point(ids[1])).answer.recovered)
        self.assertFalse(self.connect("bob", point=self.point(ids[0])).answer.recovered)

    def test_since_must_be_a_message_id(self) -> None:
        with self.assertRaisesRegex(BadRequest, "^since: "):
            self.connect("bob", point=Point("yesterday", "e"))

    def test_logging_in_again_on_a_connection_renews_and_pushes_nothing(self) -> None:
        bob = self.connect("bob")
        answer = result_of(self.chat.renew(bob.login, Identity("bob", "Bob"), None))
        self.assertEqual((answer.user.name, answer.missed, answer.recovered), ("Bob", 0, True))
        self.assertEqual(bob.contents, [])

    def test_logging_in_again_with_since_tells_if_there_is_anything_newer(self) -> None:
        bob = self.connect("bob")
        first, second = self.tell_many(2)
        for since, recovered in (first, False), (second, True):
            answer = result_of(self.chat.renew(bob.login, Identity("bob", None), self.point(since)))
            self.assertEqual((answer.missed, answer.recovered), (0, recovered))
        answer = result_of(self.chat.renew(bob.login, Identity("bob", None), Point(second, "of yore")))
        self.assertFalse(answer.recovered)

    def test_messages_before_since_are_nothing_newer_where_a_store_returns_them_too(self) -> None:
        bob = self.connect("bob")
        first, second = self.tell_many(2)
        missed = self.store.messages.missed
        self.patch(
            self.store.messages, "missed", lambda user, since, limit: missed(user, "0" * 32, limit)
        )
        for since, recovered in (first, False), (second, True):
            answer = result_of(self.chat.renew(bob.login, Identity("bob", None), self.point(since)))
            self.assertEqual((answer.missed, answer.recovered), (0, recovered))

    def test_logging_in_as_somebody_else_on_a_connection_is_a_conflict(self) -> None:
        bob = self.connect("bob")
        with self.assertRaises(Conflict):
            result_of(self.chat.renew(bob.login, Identity("ann", None), None))


class LimitTests(ChatTestCase):
    max_missed = 20

    def test_the_newest_are_pushed_and_recovered_tells_that_it_was_cut(self) -> None:
        for n in range(23):
            self.tell("ann", "bob", str(n))
        bob = self.connect("bob")
        self.assertEqual((bob.answer.missed, bob.answer.recovered), (20, False))
        self.assertEqual((bob.contents[0][0], bob.contents[-1][-1]), ("3", "22"))

    def test_as_many_as_the_limit_are_not_cut(self) -> None:
        for n in range(20):
            self.tell("ann", "bob", str(n))
        self.assertTrue(self.connect("bob").answer.recovered)

    def test_the_limit_is_that_of_the_documents(self) -> None:
        self.assertEqual((MAX_MISSED, REQUEST_IDS_PER_SENDER), (1000, 1000))


class Later:
    """Missed messages whose reading a test ends: implements `gim.storage.interface.LaterMessages`."""

    def __init__(self, messages: list[Message]) -> None:
        self.ids = [message.id for message in messages]
        self.pages = [messages[:2], messages[2:], []]
        self.reading: Deferred[None] = Deferred()

    async def read(self) -> list[Message]:
        await self.reading
        return self.pages.pop(0)


class ReadLaterTests(ChatTestCase):
    """A storage reads missed messages while they are pushed: bob missed 0 to 4, and 0 comes at once."""

    def setUp(self) -> None:
        super().setUp()
        self.sent = [self.tell("ann", "bob", str(number)) for number in range(5)]
        missed = result_of(self.store.messages.missed("bob", None, 1000))
        self.later = Later(missed.messages[1:])
        found = Missed(missed.messages[:1], missed.titles, True, self.later)

        enter = self.store.users.enter

        async def enter_with_some(entry: Entry, admit: Callable[[list[str]], None]) -> Entrance:
            return replace(await enter(entry, admit), missed=found)

        self.patch(self.store.users, "enter", enter_with_some)
        self.bob = self.connect("bob")

    def read(self) -> None:
        """Let the reading of a page end."""
        reading, self.later.reading = self.later.reading, Deferred()
        reading.callback(None)
        self.clock.advance(0)

    def test_they_come_as_they_are_read_and_new_ones_behind_them(self) -> None:
        self.assertEqual((self.bob.answer.missed, self.bob.contents), (5, [["0"]]))
        self.tell("ann", "bob", "new")
        self.read()
        self.assertEqual(self.bob.contents, [["0"], ["1", "2"]])
        self.read()
        self.read()
        self.assertEqual(self.bob.contents[2:], [["3", "4"], ["new"]])
        self.tell("ann", "bob", "newer")
        self.assertEqual(self.bob.contents[-1], ["newer"])

    def test_reading_that_fails_is_tried_again(self) -> None:
        for failure, logged in ((Unavailable("away"), 0), (ValueError(), 1)):
            reading, self.later.reading = self.later.reading, Deferred()
            reading.errback(failure)
            self.assertEqual(len(self.flushLoggedErrors(ValueError)), logged)
            self.clock.advance(READ_RETRY_AFTER)
        self.read()
        self.assertEqual(self.bob.contents, [["0"], ["1", "2"]])

    def test_nothing_is_read_for_a_connection_that_has_gone(self) -> None:
        self.disconnect(self.bob)
        self.read()
        self.assertEqual((self.bob.contents, len(self.later.pages)), ([["0"]], 2))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_recall_reaches_those_that_are_not_read_yet(self) -> None:
        for sent in self.sent[1], self.sent[4]:
            result_of(self.store.moderation.recall(AB, "ann", sent.id))
        for _ in range(3):
            self.read()
        self.assertEqual(self.bob.contents, [["0"], ["", "2"], ["3", ""]])

    def test_what_is_announced_again_meanwhile_is_pushed_once(self) -> None:
        messages, _ = result_of(self.store.messages.history(AB, "bob", None, 10))
        for message in messages:
            self.pushes.on_announcement(MessageStored(message, AB, "ann", "", "bob"))
        for _ in range(3):
            self.read()
        self.assertEqual(self.bob.contents, [["0"], ["1", "2"], ["3", "4"]])


class AnnouncedLaterTests(ChatTestCase):
    """A storage of several servers may announce what a login has caught up on already."""

    def announce(self, *contents: str) -> None:
        messages, _ = result_of(self.store.messages.history(AB, "bob", None, 10))
        for message in messages:
            if message.content in contents:
                self.pushes.on_announcement(MessageStored(message, AB, "ann", "", "bob"))

    def test_it_is_not_pushed_again(self) -> None:
        self.tell("ann", "bob", "one")
        self.stall_to(300)  # for so long a storage may repair an announcement
        self.tell("ann", "bob", "two")
        bob = self.connect("bob")
        self.announce("one", "two")
        self.tell("ann", "bob", "three")
        self.assertEqual(bob.contents, [["one", "two"], ["three"]])

    def test_it_is_not_pushed_again_to_a_slow_reader(self) -> None:
        self.tell("ann", "bob", "one")
        self.tell("eve", "bob", "two")
        bob = self.connect("bob", takes_all=False)
        self.announce("one")
        self.assertEqual(bob.held_size, 0)
        while bob.source is not None:
            bob.take()
        self.announce("one")
        self.assertEqual(bob.contents, [["one"], ["two"]])

    def test_it_is_pushed_to_a_device_that_did_not_catch_up_on_it(self) -> None:
        phone = self.connect("bob")
        deaf = self.patch(self.store._subscriber, "announce", lambda news: None)
        point = self.tell("eve", "bob", "zero")
        self.tell("ann", "bob", "one")
        deaf.restore()
        desktop = self.connect("bob", point=Point(point.id, result_of(self.store.epoch())))
        self.announce("one")
        self.assertEqual((phone.contents, desktop.contents), ([["one"]], [["one"]]))
