"""The judge itself: a run without faults in it passes, and each fault is found."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.clients.account import ONE_EPOCH, Account, Epoch, Stored
from tests.integration.clients.judge import judge
from tests.integration.clients.programs.job import ClientJob

PRIVATE, ROOM = "2:ann:bob", "1:9999"
START = 1_800_000_000.0  # Unix seconds
JOBS = [
    ClientJob("ann", "ws://", rooms=("9999",), to=("bob", {"chatroom": "9999"}), sends=4),
    ClientJob("bob", "ws://", rooms=("9999",)),
]


def id_at(seconds: float, number: int = 0) -> str:
    """Return the id of a message that is stored so many seconds after the start."""
    return f"{round((START + seconds) * 1000):012x}{number:020x}"


class JudgeTests(SynchronousTestCase):
    """Ann sends to bob and to a chatroom of both, one message a second: even numbers are private."""

    def setUp(self) -> None:
        self.reports: list[dict[str, Any]] = []
        self.stored: dict[str, list[Stored]] = {PRIVATE: [], ROOM: []}
        self.epochs: tuple[Epoch, ...] = ONE_EPOCH
        for user in ("ann", "bob"):
            self.report("joined", user, 0, room="9999")

    def report(self, kind: str, user: str, seconds: float, **fields: Any) -> None:
        self.reports.append({"is": kind, "at": START + seconds, "user": user, **fields})

    def call(self, number: int) -> None:
        to = JOBS[0].target(number)
        words = {"number": number, "request_id": f"r{number}", "content": f"ann {number}", "to": to}
        self.report("call", "ann", number + 1, **words)

    def sent(self, number: int) -> None:
        words = {"request_id": f"r{number}", "id": id_at(number + 1)}
        self.report("sent", "ann", number + 1.1, **words)
        self.report("end", "ann", number + 1.1, number=number, how="sent", **words)

    def failed(self, number: int, how: str = "failed", code: object = 403, after: float = 0.1) -> None:
        words = {"request_id": f"r{number}", "code": code}
        self.report("failed", "ann", number + 1 + after, **words)
        self.report("end", "ann", number + 1 + after, number=number, how=how, msg="", **words)

    def store(self, number: int, seconds: float | None = None) -> None:
        at = number + 1 if seconds is None else seconds
        self.stored[self.session(number)].append(Stored(id_at(at), "ann", f"ann {number}"))

    def session(self, number: int) -> str:
        return ROOM if number % 2 else PRIVATE

    def receive(self, user: str, number: int, **fields: Any) -> None:
        words = {"id": id_at(number + 1), "session_id": self.session(number), "sender": "ann"}
        more = {"content": f"ann {number}", "sequence": 0, "status": 1}
        self.report("message", user, number + 1.2, **(words | more | fields))

    def all_is_well(self, *numbers: int) -> None:
        """Send, store and receive messages."""
        for number in numbers:
            self.call(number)
            self.sent(number)
            self.store(number)
            self.deliver(number)

    def deliver(self, number: int) -> None:
        for user in ("ann", "bob") if number % 2 else ("bob",):
            self.receive(user, number)

    def gap(self, user: str, after: float | None, before: float | None) -> None:
        ends = [None if each is None else id_at(each) for each in (after, before)]
        self.report("gap", user, 9, session_id=ROOM, after=ends[0], before=ends[1], skipped=None)

    def found(self) -> list[str]:
        """Return the kinds of violations, each once."""
        account = Account(JOBS, self.reports, self.stored, self.epochs)
        return sorted({violation.kind for violation in judge(account)})

    def lose_data(self, seconds: float) -> None:
        self.epochs = (Epoch(0.0, START + seconds), Epoch(START + seconds))
        self.stored = {PRIVATE: [], ROOM: []}

    # sends

    def test_a_run_without_faults_passes(self) -> None:
        self.all_is_well(0, 1, 2, 3)
        self.assertEqual(self.found(), [])

    def test_a_send_without_an_end(self) -> None:
        self.call(0)
        self.assertEqual(self.found(), ["end"])

    def test_a_send_that_ends_twice(self) -> None:
        self.all_is_well(0)
        self.sent(0)
        self.assertEqual(self.found(), ["end"])

    def test_an_end_without_a_call(self) -> None:
        self.sent(0)
        self.assertEqual(self.found(), ["end"])

    def test_a_number_that_was_left_out(self) -> None:
        self.all_is_well(0, 2)
        self.assertEqual(self.found(), ["calls"])

    def test_an_event_that_says_otherwise(self) -> None:
        self.all_is_well(0)
        self.reports = [each for each in self.reports if each["is"] != "sent"]
        self.report("failed", "ann", 2, request_id="r0", code="uncertain")
        self.assertEqual(self.found(), ["event"])

    def test_an_uncertain_send_without_a_reason(self) -> None:
        self.call(0)
        self.failed(0, "uncertain", "uncertain", after=200)
        self.assertEqual(self.found(), ["uncertain"])

    def test_a_send_is_uncertain_when_it_got_no_answer_for_long(self) -> None:
        self.call(0)
        self.failed(0, "uncertain", "uncertain", after=240)
        self.assertEqual(self.found(), [])

    def test_a_send_is_uncertain_when_the_data_were_lost(self) -> None:
        self.call(0)
        self.failed(0, "uncertain", "uncertain")
        self.lose_data(1.05)
        self.assertEqual(self.found(), [])

    def test_a_send_is_uncertain_when_its_connection_was_dead_without_a_sign(self) -> None:
        self.report("state", "ann", 0, now="online")
        self.call(0)
        self.failed(0, "uncertain", "uncertain")
        self.lose_data(0.5)
        self.assertEqual(self.found(), [])

    def test_a_send_is_not_uncertain_after_a_login_to_the_new_data(self) -> None:
        self.report("state", "ann", 0.6, now="online")
        self.call(0)
        self.failed(0, "uncertain", "uncertain")
        self.lose_data(0.5)
        self.assertEqual(self.found(), ["uncertain"])

    def test_a_send_that_failed_without_a_reason(self) -> None:
        self.all_is_well(0)
        self.call(1)
        self.failed(1)
        self.assertEqual(self.found(), ["failed"])

    def test_a_send_to_a_chatroom_that_was_lost_fails(self) -> None:
        self.lose_data(0.5)
        self.all_is_well(0)
        self.call(1)
        self.failed(1)
        self.assertEqual(self.found(), [])

    def test_a_send_to_a_chatroom_that_was_joined_again_does_not_fail(self) -> None:
        self.lose_data(0.5)
        self.report("joined", "ann", 0.6, room="9999")
        self.all_is_well(0)
        self.call(1)
        self.failed(1)
        self.assertEqual(self.found(), ["failed"])

    def test_a_private_send_does_not_fail_when_the_data_were_lost(self) -> None:
        self.lose_data(0.5)
        self.call(0)
        self.failed(0)
        self.assertEqual(self.found(), ["failed"])

    # what is stored

    def test_a_message_that_is_not_stored(self) -> None:
        self.all_is_well(0)
        self.stored[PRIVATE].clear()
        self.assertEqual(self.found(), ["not stored"])

    def test_a_message_with_another_content(self) -> None:
        self.all_is_well(0)
        self.stored[PRIVATE] = [Stored(id_at(1), "ann", "ann 2")]
        self.assertEqual(self.found(), ["altered", "not stored"])

    def test_a_message_that_is_stored_twice(self) -> None:
        self.all_is_well(0)
        self.store(0, 1.5)
        self.receive("bob", 0, id=id_at(1.5))
        self.assertEqual(self.found(), ["altered", "received twice", "stored twice"])

    def test_a_message_of_another_user(self) -> None:
        self.all_is_well(0)
        self.stored[ROOM].append(Stored(id_at(2), "bob", "ann 1"))
        self.assertIn("altered", self.found())

    def test_a_message_that_failed_and_is_stored(self) -> None:
        self.lose_data(0.5)
        self.all_is_well(0)
        self.call(1)
        self.failed(1)
        self.store(1)
        self.assertEqual(self.found(), ["failed"])

    def test_messages_that_are_stored_in_another_order(self) -> None:
        for number in (0, 1, 2):
            self.call(number)
            self.failed(number, "uncertain", "uncertain", after=240)
        self.store(2, 2)
        self.store(0, 3)
        self.receive("bob", 2, id=id_at(2))
        self.receive("bob", 0, id=id_at(3))
        self.assertEqual(self.found(), ["received order", "stored order"])

    def test_a_history_whose_ids_do_not_rise(self) -> None:
        self.all_is_well(0, 1, 2)
        self.stored[PRIVATE].reverse()
        self.assertEqual(self.found(), ["stored order"])

    # what is received

    def test_a_message_that_was_not_received(self) -> None:
        self.all_is_well(0, 1, 2)
        self.reports = [
            each for each in self.reports if each["is"] != "message" or each["content"] != "ann 0"
        ]
        self.assertEqual(self.found(), ["lost"])

    def test_an_uncertain_message_that_is_stored_is_received_too(self) -> None:
        self.call(0)
        self.failed(0, "uncertain", "uncertain", after=240)
        self.store(0)
        self.assertEqual(self.found(), ["lost"])

    def test_a_message_that_was_received_twice(self) -> None:
        self.all_is_well(0)
        self.receive("bob", 0)
        self.assertEqual(self.found(), ["received order", "received twice"])

    def test_messages_that_were_received_in_another_order(self) -> None:
        self.all_is_well(0, 1)
        self.call(2)
        self.sent(2)
        self.store(2)
        place = next(place for place, each in enumerate(self.reports) if each.get("content") == "ann 0")
        self.receive("bob", 2)
        self.reports.insert(place, self.reports.pop())
        self.assertEqual(self.found(), ["received order"])

    def test_a_message_that_was_not_sent(self) -> None:
        self.all_is_well(0)
        self.receive("bob", 2)
        self.assertEqual(self.found(), ["altered"])

    def test_a_message_with_another_id(self) -> None:
        self.all_is_well(0)
        self.reports[-1]["id"] = id_at(1.01)
        self.assertEqual(self.found(), ["altered", "lost"])

    def test_the_end_of_data_that_were_lost_may_be_missing(self) -> None:
        for number in (0, 1, 2):
            self.call(number)
            self.sent(number)
        self.deliver(0)
        self.lose_data(5)
        self.assertEqual(self.found(), [])

    def test_data_that_were_lost_have_no_hole(self) -> None:
        for number in (0, 1, 2):
            self.call(number)
            self.sent(number)
        self.deliver(2)
        self.lose_data(5)
        self.assertEqual(self.found(), ["lost"])

    # chatrooms

    def without(self, number: int) -> None:
        """Make it so that bob did not get a message, which he got at first."""
        self.reports = [
            each
            for each in self.reports
            if (each["is"], each["user"], each.get("content")) != ("message", "bob", f"ann {number}")
        ]

    def test_a_hole_without_a_gap(self) -> None:
        self.all_is_well(0, 1, 2, 3)
        self.without(3)
        self.assertEqual(self.found(), ["lost"])

    def test_a_hole_with_a_gap(self) -> None:
        self.all_is_well(0, 1, 2, 3)
        self.without(3)
        self.gap("bob", 2, None)
        self.assertEqual(self.found(), [])

    def test_a_gap_elsewhere_covers_nothing(self) -> None:
        self.all_is_well(0, 1, 2, 3)
        self.without(3)
        self.gap("bob", 2, 4)
        self.assertEqual(self.found(), ["lost"])
        self.gap("bob", 2, 4.001)
        self.assertEqual(self.found(), [])

    def test_a_gap_without_an_end_reaches_to_the_next_message(self) -> None:
        self.all_is_well(0, 1)
        self.gap("bob", 2, None)
        self.receive("bob", 1, id=id_at(2.5), content="ann 9")
        self.all_is_well(2, 3)
        self.without(3)
        self.assertEqual(self.found(), ["altered", "lost"])

    def test_nothing_at_all_after_a_join(self) -> None:
        self.all_is_well(0, 1)
        self.without(1)
        self.assertEqual(self.found(), ["lost"])

    def test_nothing_is_owed_before_the_first_message(self) -> None:
        self.all_is_well(0, 1, 2, 3)
        self.without(1)
        self.assertEqual(self.found(), [])

    def test_the_end_of_a_lost_chatroom_may_be_missing(self) -> None:
        for number in (0, 1, 2, 3):
            self.call(number)
            self.sent(number)
        self.deliver(1)
        self.lose_data(5)
        self.assertEqual(self.found(), [])
