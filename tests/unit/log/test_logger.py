from twisted.trial.unittest import SynchronousTestCase

from gim.log.logger import accept_trace

ID = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


class TraceparentTests(SynchronousTestCase):
    """https://www.w3.org/TR/trace-context/, section 3.2."""

    def is_taken(self, traceparent: str) -> bool:
        return accept_trace("", traceparent) == ID

    def test_a_valid_one_gives_the_trace_id(self) -> None:
        for flags in "00", "01", "ff":
            self.assertTrue(self.is_taken(f"00-{ID}-{PARENT}-{flags}"))

    def test_a_later_version_may_have_more_fields(self) -> None:
        for traceparent in (
            f"01-{ID}-{PARENT}-00",
            f"cc-{ID}-{PARENT}-01-what-the-future-will-be-like",
            f"fe-{ID}-{PARENT}-01-",
        ):
            self.assertTrue(self.is_taken(traceparent), traceparent)

    def test_what_is_not_valid_is_ignored(self) -> None:
        for traceparent in (
            "",
            f"ff-{ID}-{PARENT}-01",
            f"00-{'0' * 32}-{PARENT}-01",
            f"00-{ID}-{'0' * 16}-01",
            f"00-{ID[1:]}-{PARENT}-01",
            f"00-{ID}0-{PARENT}-01",
            f"00-{ID}-{PARENT[1:]}-01",
            f"00-{ID}-{PARENT}-1",
            f"00-{ID}-{PARENT}-011",
            f"00-{ID}-{PARENT}",
            f"00-{ID}-{PARENT}-01-",
            f"00-{ID}-{PARENT}-01-more",
            f"cc-{ID}-{PARENT}-01.more",
            f"0-{ID}-{PARENT}-01",
            f"000-{ID}-{PARENT}-01",
            f"00-{ID.upper()}-{PARENT}-01",
            f"0G-{ID}-{PARENT}-01",
            f"00-{ID}-{PARENT}-0x",
            f"00_{ID}_{PARENT}_01",
            f"00-{ID}-{PARENT}-01, 00-{ID}-{PARENT}-01",
            f"00-{ID}-{PARENT}-01\n",
        ):
            self.assertFalse(self.is_taken(traceparent), traceparent)

    def test_one_of_a_client_that_means_it_wins(self) -> None:
        self.assertEqual(accept_trace("mine", f"00-{ID}-{PARENT}-01"), "mine")

    def test_one_that_can_not_stand_in_a_log_line_does_not(self) -> None:
        for bad in "", "x" * 129, "a\nb", "\xe9":
            self.assertEqual(accept_trace(bad, f"00-{ID}-{PARENT}-01"), ID)
