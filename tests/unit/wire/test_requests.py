"""The declarations of operations."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gim.wire.requests import OPERATIONS, Op


class OperationTests(SynchronousTestCase):
    def test_every_op_code_is_a_request_or_one_of_the_servers_own(self) -> None:
        self.assertEqual(set(Op), {*OPERATIONS, Op.PUSH, Op.EVENT})

    def test_op_codes_are_plain_and_odd_and_in_order(self) -> None:
        for op, operation in OPERATIONS.items():
            self.assertEqual((type(op), op % 2, op), (int, 1, operation.op))
        self.assertEqual(list(OPERATIONS), sorted(OPERATIONS))

    def test_the_request_has_the_name_of_its_operation(self) -> None:
        for operation in OPERATIONS.values():
            words = operation.name.title().replace("_", "")
            self.assertEqual(operation.request.__name__, f"{words}Request")
