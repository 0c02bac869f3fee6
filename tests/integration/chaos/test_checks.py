"""Each check finds what it is for: a run that is well passes, and each fault put into it is reported."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from twisted.python.filepath import FilePath
from twisted.trial.unittest import SynchronousTestCase

from tests.integration.chaos.checks import check_all
from tests.integration.chaos.journal import (
    CHATROOM,
    CLOCK,
    HTTP,
    PRIVATE,
    RECALLED,
    Asked,
    Item,
    Journal,
    Letter,
    Push,
    Visit,
)
from tests.integration.chaos.judgement import Found, Violation
from tests.integration.chaos.list_checks import check_list, check_pages

ROOM, PAIR = "1:den", "2:ann:bob"
COUNT = 3  # messages of a chatroom push


class Story:
    """Ann writes to bob and into a chatroom, over one connection each; ids are numbers of two digits."""

    def __init__(self) -> None:
        self.journal = Journal()
        self.found = Found({ROOM: [], PAIR: []}, {"bob0": "bob"}, COUNT, True, {ROOM: {"ann", "bob"}})
        self.ann = Visit("ann0", "ann", "a", asked_at=1, answered_at=1.1, epoch="e")
        self.bob = Visit("bob0", "bob", "b", asked_at=1, answered_at=1.1, epoch="e")
        self.journal.visits += [self.ann, self.bob]
        self.letters: list[Letter] = []
        for number in range(1, 9):
            self.say(PRIVATE, number)
        for number in range(11, 19):
            self.say(CHATROOM, number)
        for visit in (self.ann, self.bob):
            for first, last, skipped in ((0, 1, 0), (3, 6, 2), (6, 8, 0)):
                items = list(self.found.histories[ROOM][first:last])
                visit.pushes.append(Push(30.0 + first, ROOM, items, skipped))
        for item in self.found.histories[PAIR]:
            self.bob.pushes.append(Push(40.0, PAIR, [item], 0))
        self.journal.asked.append(Asked("ann0", "op 201", ("a",), 2, 2.1, 0))

    def say(self, kind: int, number: int) -> None:
        target = "bob" if kind == PRIVATE else "den"
        letter = Letter(f"no. {number}", f"{number}", "ann0", "ann", kind, target, 2.0 + number)
        letter.ways = {self.ann.key}
        items = self.found.histories[letter.session_id]
        item = Item(f"{number:02}", letter.session_id, "ann", letter.content, len(items) + 1, number)
        answer = {"id": item.id, "sequence": item.sequence, "created_at": number}
        self.journal.acknowledge(letter, answer, 3.0 + number)
        items.append(item)
        self.letters.append(letter)
        self.journal.letters[letter.content] = letter

    def recall(self, place: int) -> None:
        """Recall a private message, as the history shows it."""
        item = self.found.histories[PAIR][place]
        self.found.histories[PAIR][place] = replace(item, content="", status=RECALLED)
        self.journal.recalled[item.id] = True

    def private_pushes(self) -> list[Push]:
        return [push for push in self.bob.pushes if push.session_id == PAIR]

    def room_pushes(self, visit: Visit) -> list[Push]:
        return [push for push in visit.pushes if push.session_id == ROOM]


class CheckTests(SynchronousTestCase):
    def judge(self, harm: Callable[[Story], object]) -> list[Violation]:
        story = Story()
        harm(story)
        return check_all(story.journal, story.found)

    def found(self, kind: str, harm: Callable[[Story], object], who: str = "") -> None:
        """See that only violations of one kind are found, of one device if it is given."""
        violations = self.judge(harm)
        self.assertEqual({violation.kind for violation in violations}, {kind}, violations)
        if who:
            self.assertEqual({violation.who for violation in violations}, {who})

    def test_a_run_without_faults_passes(self) -> None:
        self.assertEqual(self.judge(lambda story: None), [])

    # what is stored

    def test_an_acknowledged_message_that_is_not_stored_is_lost(self) -> None:
        def harm(story: Story) -> None:
            story.say(PRIVATE, 9)
            del story.found.histories[PAIR][-1]

        self.found("lost", harm, "ann")

    def test_a_message_that_is_stored_twice_is_doubled(self) -> None:
        def harm(story: Story) -> None:
            again = replace(story.found.histories[PAIR][-1], id="09", sequence=9)
            story.found.histories[PAIR].append(again)
            story.bob.pushes.append(Push(50.0, PAIR, [again], 0))

        self.found("doubled", harm, "ann")

    def test_a_request_id_with_two_answers_is_doubled(self) -> None:
        self.found("doubled", lambda story: story.letters[0].answers.append({"id": "77"}))

    def test_a_message_that_was_never_acknowledged_is_told(self) -> None:
        def harm(story: Story) -> None:
            letter = Letter("x", "x", "ann0", "ann", PRIVATE, "bob", 2.0)
            story.journal.letters["x"] = letter

        self.found("not acknowledged", harm)

    def test_a_message_that_was_never_sent_is_altered(self) -> None:
        def harm(story: Story) -> None:
            strange = Item("09", PAIR, "ann", "never sent", 9, 9)
            story.found.histories[PAIR].append(strange)
            story.bob.pushes.append(Push(50.0, PAIR, [strange], 0))

        self.found("altered", harm)

    def test_a_recalled_message_stays_in_its_place_without_content(self) -> None:
        self.assertEqual(self.judge(lambda story: story.recall(3)), [])

        def bring_back(story: Story) -> None:
            before = story.found.histories[PAIR][3]
            story.recall(3)
            story.found.histories[PAIR][3] = before

        self.found("lost", bring_back)

        def keep_content(story: Story) -> None:
            story.recall(3)
            items = story.found.histories[PAIR]
            items[3] = replace(items[3], content="no. 4")

        self.found("altered", keep_content)

    def test_a_message_that_is_recalled_without_a_recall_is_altered(self) -> None:
        def harm(story: Story) -> None:
            story.recall(3)
            story.journal.recalled.clear()

        self.found("altered", harm)

    def test_another_sequence_or_time_than_acknowledged_is_altered(self) -> None:
        for name in ("sequence", "created_at"):

            def harm(story: Story, name: str = name) -> None:
                story.letters[0].answers[0][name] = 77

            self.found("altered", harm)

    def test_a_gap_between_sequences_is_told(self) -> None:
        def harm(story: Story) -> None:
            items = story.found.histories[PAIR]
            items[-1] = replace(items[-1], sequence=10)
            story.letters[7].answers[0]["sequence"] = 10

        self.found("sequence", harm)

    def test_a_history_that_is_not_in_order_is_told(self) -> None:
        def harm(story: Story) -> None:
            story.found.sequences = False
            items = [replace(item, sequence=0) for item in story.found.histories[PAIR]]
            story.found.histories[PAIR] = [items[1], items[0], *items[2:]]
            for letter in story.letters[:8]:
                letter.answers[0]["sequence"] = 0
            story.found.histories[ROOM] = [
                replace(item, sequence=0) for item in story.found.histories[ROOM]
            ]
            for letter in story.letters[8:]:
                letter.answers[0]["sequence"] = 0

        self.found("out of order", harm)

    # requests

    def test_a_request_that_is_never_answered_is_hung(self) -> None:
        self.found("hung", lambda story: story.journal.asked.append(Asked("bob0", "op 205", ("a",), 5.0)))

    def test_a_request_that_is_answered_late_is_hung_unless_its_way_was_out(self) -> None:
        def harm(story: Story) -> None:
            story.journal.asked.append(Asked("bob0", "op 205", ("a", "a/0"), 5.0, 30.0, 0))

        self.found("hung", harm, "bob0")

        def excuse(story: Story) -> None:
            harm(story)
            story.journal.out("a/0", 3.0, 12.0)
            story.journal.out("a", 8.0, 16.0)

        self.assertEqual(self.judge(excuse), [])

        def excuse_another(story: Story) -> None:
            harm(story)
            story.journal.out("a/1", 0.0, 30.0)

        self.found("hung", excuse_another, "bob0")

    def test_an_error_that_no_fault_explains_is_refused(self) -> None:
        def ask(asked: Asked, story: Story) -> None:
            story.journal.asked.append(asked)

        for code in (400, 401, 403, 404, 409, 500):
            asked = Asked("bob0", "op 205", ("a",), 5.0, 5.1, code)
            self.found("refused", partial(ask, asked))
        fine = Asked("bob0", "op 205", ("a",), 5.0, 5.1, 503)
        self.assertEqual(self.judge(partial(ask, fine)), [])

    def test_a_recall_may_be_refused_as_too_late_only_where_a_clock_was_set(self) -> None:
        def harm(story: Story) -> None:
            story.journal.asked.append(Asked("bob0", "op 211", ("a",), 5.0, 5.1, 403))

        self.found("refused", harm)

        def set_clock(story: Story) -> None:
            harm(story)
            story.journal.out(CLOCK, 1.0, 2.0)

        self.assertEqual(self.judge(set_clock), [])

    def test_replies_out_of_order_are_told(self) -> None:
        self.found("out of order", lambda story: story.bob.seqs.extend((1, 3, 2)), "bob0")

    # private messages

    def test_a_message_that_was_not_delivered_is_lost(self) -> None:
        self.found("lost", lambda story: story.bob.pushes.pop(), "bob0")

    def test_a_message_that_was_loaded_from_the_history_is_delivered(self) -> None:
        def harm(story: Story) -> None:
            story.journal.loaded["bob0"] = {story.bob.pushes.pop().items[0].id}

        self.assertEqual(self.judge(harm), [])

    def test_own_messages_come_to_the_device_only_after_a_send_over_http(self) -> None:
        def come(story: Story) -> None:
            story.found.devices["ann0"] = "ann"

        self.assertEqual(self.judge(come), [])

        def come_after_http(story: Story) -> None:
            come(story)
            story.letters[0].ways = {HTTP}

        self.found("lost", come_after_http, "ann0")

    def test_a_push_to_the_connection_that_sent_the_message_is_doubled(self) -> None:
        self.found("doubled", lambda story: story.ann.pushes.append(story.private_pushes()[0]), "ann0")

    def test_a_message_that_is_pushed_twice_is_doubled(self) -> None:
        self.found("doubled", lambda story: story.bob.pushes.append(story.private_pushes()[0]), "bob0")

    def test_private_messages_out_of_order_are_told(self) -> None:
        def swap(story: Story) -> None:
            pushes = story.bob.pushes
            pushes[-1], pushes[-2] = pushes[-2], pushes[-1]

        self.found("out of order", swap, "bob0")

    def test_what_comes_again_on_another_connection_is_no_fault(self) -> None:
        def come_back(story: Story) -> None:
            visit = replace(story.bob, asked_at=50.0, pushes=[], since="07", missed=2, ended_at=60.0)
            visit.pushes += story.private_pushes()[-2:]
            story.journal.visits.append(visit)

        self.assertEqual(self.judge(come_back), [])

    def test_catching_up_has_as_many_as_were_missed_and_the_oldest_first(self) -> None:
        def miss(story: Story) -> None:
            story.bob.missed = 9

        self.found("lost", miss, "bob0")

        def disorder(story: Story) -> None:
            visit = replace(story.bob, asked_at=50.0, pushes=[], since="05", missed=2, ended_at=60.0)
            visit.pushes += story.private_pushes()[:-3:-1]
            story.journal.visits.append(visit)

        self.found("out of order", disorder, "bob0")

    def test_recovered_false_without_a_reason_is_told(self) -> None:
        def harm(story: Story) -> None:
            story.bob.recovered = False

        self.found("recovered", harm, "bob0")

    def test_another_epoch_is_told(self) -> None:
        def harm(story: Story) -> None:
            story.bob.epoch = "f"

        self.found("epoch", harm)

    # chatrooms

    def test_a_wrong_skipped_is_told(self) -> None:
        for skipped in (1, 3):

            def harm(story: Story, skipped: int = skipped) -> None:
                story.room_pushes(story.bob)[1].skipped = skipped

            self.found("wrong skipped", harm, "bob0")

    def test_a_push_with_a_hole_is_told(self) -> None:
        def harm(story: Story) -> None:
            push = story.room_pushes(story.bob)[0]
            push.items = story.found.histories[ROOM][:1] + story.found.histories[ROOM][2:3]
            story.room_pushes(story.bob)[1].skipped = 0

        self.found("wrong skipped", harm, "bob0")

    def test_fewer_than_the_newest_n_are_told(self) -> None:
        def harm(story: Story) -> None:
            push = story.room_pushes(story.bob)[1]
            del push.items[0]
            push.skipped += 1

        self.found("wrong skipped", harm, "bob0")

    def test_a_message_that_is_pushed_twice_to_a_chatroom_is_doubled(self) -> None:
        def harm(story: Story) -> None:
            push = story.room_pushes(story.bob)[2]
            push.items.insert(0, story.found.histories[ROOM][5])

        self.found("doubled", harm, "bob0")

    def test_chatroom_messages_out_of_order_are_told(self) -> None:
        self.found("out of order", lambda story: story.room_pushes(story.bob)[2].items.reverse(), "bob0")

    def test_a_newest_message_that_does_not_come_is_lost_unless_the_connection_ended(self) -> None:
        def harm(story: Story) -> None:
            story.bob.pushes.remove(story.room_pushes(story.bob)[2])

        self.found("lost", harm, "bob0")

        def end(story: Story) -> None:
            harm(story)
            story.bob.ended_at = 45.0

        self.assertEqual(self.judge(end), [])

    def test_what_was_sent_after_the_login_must_be_in_the_first_push_or_counted(self) -> None:
        def harm(story: Story) -> None:
            story.bob.pushes.remove(story.room_pushes(story.bob)[0])
            story.room_pushes(story.bob)[0].skipped = 0

        self.found("wrong skipped", harm, "bob0")

        def log_in_late(story: Story) -> None:
            harm(story)
            story.bob.answered_at = 16.5

        self.assertEqual(self.judge(log_in_late), [])

    def test_what_is_older_than_the_login_by_more_than_an_interval_is_stale(self) -> None:
        def log_in_late(story: Story, at: float) -> None:
            story.bob.asked_at, story.bob.answered_at = at, at + 0.1

        self.assertEqual(self.judge(lambda story: log_in_late(story, 16.0)), [])
        self.found("stale", lambda story: log_in_late(story, 24.0), "bob0")

        def freeze(story: Story) -> None:
            log_in_late(story, 24.0)
            story.journal.out("b", 15.0, 25.0)

        self.assertEqual(self.judge(freeze), [])

    def test_a_slow_reader_may_get_a_push_without_items(self) -> None:
        def harm(story: Story, skipped: int) -> None:
            pushes = story.room_pushes(story.bob)
            pushes[1].items, pushes[1].skipped = [], skipped

        self.assertEqual(self.judge(lambda story: harm(story, 5)), [])
        self.found("wrong skipped", lambda story: harm(story, 4), "bob0")

    def test_a_push_after_the_reply_to_a_leave_is_told(self) -> None:
        self.found("not left", lambda story: story.bob.left.append((ROOM, 34.0, 99.0)), "bob0")
        self.assertEqual(self.judge(lambda story: story.bob.left.append((ROOM, 34.0, 35.0))), [])


class ListTests(SynchronousTestCase):
    """The lists of sessions."""

    def setUp(self) -> None:
        self.story = Story()
        self.lines: list[dict[str, Any]] = [
            {"id": session_id, "last": {"id": self.story.found.histories[session_id][-1].id}, "unread": 8}
            for session_id in (ROOM, PAIR)
        ]

    def kinds(self) -> list[str]:
        expected, optional = {ROOM, PAIR}, {"1:hall"}
        args = self.story.found.histories, self.story.journal
        return [one.kind for one in check_list("bob", self.lines, expected, optional, *args)]

    def test_a_list_that_is_right_passes(self) -> None:
        self.assertEqual(self.kinds(), [])
        self.lines.append({"id": "1:hall", "last": None, "unread": 5})  # it may have been joined again
        self.assertEqual(self.kinds(), [])

    def test_a_session_too_few_or_too_many_is_told(self) -> None:
        lines = self.lines
        for self.lines in (lines[:1], [*lines, {"id": "1:x", "last": None, "unread": 0}]):
            self.assertEqual(self.kinds(), ["sessions"])

    def test_a_wrong_order_is_told(self) -> None:
        self.lines.reverse()
        self.assertEqual(self.kinds(), ["sessions"])

    def test_an_old_message_as_the_last_one_is_told(self) -> None:
        self.lines[1]["last"] = {"id": "01"}
        self.assertEqual(self.kinds(), ["sessions"])

    def test_a_wrong_number_of_unread_messages_is_told(self) -> None:
        self.lines[1]["unread"] = 7
        self.assertEqual(self.kinds(), ["unread"])

    def test_recalled_messages_are_not_unread(self) -> None:
        self.story.recall(3)
        self.lines[1]["unread"] = 7
        self.assertEqual(self.kinds(), [])

    def test_a_mark_that_may_have_been_lost_allows_two_numbers(self) -> None:
        self.story.journal.read["bob", PAIR] = {"03": True, "05": False}
        for count, kinds in ((5, []), (3, []), (8, ["unread"]), (4, ["unread"])):
            self.lines[1]["unread"] = count
            self.assertEqual(self.kinds(), kinds, count)

    def test_pages_that_differ_from_the_list_are_told(self) -> None:
        self.assertEqual(list(check_pages("bob", self.lines, self.lines)), [])
        self.assertEqual(list(check_pages("bob", self.lines, [*self.lines, self.lines[0]])), [])
        strange = {"id": "1:x", "last": None, "unread": 0}
        for paged in (self.lines[:1], self.lines[::-1], [*self.lines, strange]):
            self.assertEqual([one.kind for one in check_pages("bob", self.lines, paged)], ["sessions"])


class IndependenceTests(SynchronousTestCase):
    def test_what_judges_imports_nothing_of_gim(self) -> None:
        here = FilePath(__file__).parent()
        for name in (
            "journal",
            "judgement",
            "checks",
            "chatroom_checks",
            "request_checks",
            "list_checks",
        ):
            tree = ast.parse(here.child(f"{name}.py").getContent())
            modules = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
            modules += [
                one.name for node in ast.walk(tree) if isinstance(node, ast.Import) for one in node.names
            ]
            self.assertEqual([one for one in modules if one and one.split(".")[0] == "gim"], [], name)
