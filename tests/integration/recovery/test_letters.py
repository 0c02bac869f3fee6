"""The account of messages finds what it is there to find."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.support.recovery.letters import PRIVATE, Letter, faults_of_histories, faults_of_pushes

SESSION = "2:ann:bob"


def item(number: int, **other: Any) -> dict[str, Any]:
    """Return a message of ann's to bob as the history has it."""
    whole = {"id": f"0{number}", "sequence": number, "content": f"ann {number}", "session_id": SESSION}
    return {**whole, "sender": {"id": "ann"}, **other}


def letter(number: int) -> Letter:
    """Return what became that message."""
    text = f"ann {number}"
    return Letter(text, text, "ann", PRIVATE, "bob", {(f"0{number}", number)})


class AccountTests(SynchronousTestCase):
    def faults(self, *items: dict[str, Any], sent: tuple[int, ...] = (1, 2, 3)) -> str:
        return "\n".join(faults_of_histories([letter(number) for number in sent], {SESSION: [*items]}))

    def test_a_history_that_is_right_has_none(self) -> None:
        self.assertEqual(self.faults(item(1), item(2), item(3)), "")

    def test_a_message_is_lost_doubled_or_altered(self) -> None:
        self.assertIn("'ann 3'", self.faults(item(1), item(2)))
        self.assertIn("stored 2 times", self.faults(item(1), item(2), item(3), item(4, content="ann 2")))
        self.assertIn("is stored as", self.faults(item(1), item(2), item(4, content="ann 3")))
        self.assertIn("never sent", self.faults(item(1), item(2), item(3), item(4)))

    def test_messages_are_out_of_order(self) -> None:
        self.assertIn("order of the ids", self.faults(item(2), item(1), item(3)))
        self.assertIn("have a hole", self.faults(item(1), item(3), sent=(1, 3)))
        self.assertIn("before an earlier one", self.faults(item(1), item(2), item(3), sent=(2, 1, 3)))

    def test_a_message_was_not_pushed_or_is_not_stored(self) -> None:
        histories = {SESSION: [item(1), item(2)]}
        both = {"01": item(1), "02": item(2)}
        self.assertEqual(list(faults_of_pushes("bob", both, histories)), [])
        self.assertEqual(list(faults_of_pushes("ann", {}, histories)), [])
        self.assertIn("not pushed", "".join(faults_of_pushes("bob", {"01": item(1)}, histories)))
        changed = both | {"02": item(2, sequence=7)}
        self.assertIn("but the history has", "".join(faults_of_pushes("bob", changed, histories)))
