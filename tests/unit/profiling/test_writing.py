"""Profiles as bytes: pprof read back by an independent decoder, and folded stacks."""

import gzip

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gim.profiling import pprof
from gim.profiling.profile import Kind, Place, Profile, folded
from tests.support.pprof_reader import read

numbers = st.integers(0, 2**63 - 1)
places = st.builds(Place, st.text(), st.text(max_size=5), st.integers(0, 2**31))
profiles = st.integers(1, 3).flatmap(
    lambda size: st.builds(
        Profile,
        st.tuples(*[st.builds(Kind, st.text(), st.text())] * size),
        st.dictionaries(st.lists(places).map(tuple), st.tuples(*[numbers] * size)),
        numbers,
        numbers,
        numbers,
    )
)

LOOP = Place("run", "main.py", 3)
SEND = Place("Chat.send", "chat.py", 40)
PROFILE = Profile(
    (Kind("samples", "count"), Kind("cpu", "nanoseconds")),
    {(SEND, LOOP): (2, 300), (LOOP,): (1, 7), (SEND._replace(line=41), LOOP): (1, 1)},
    began_ns=5,
    duration_ns=6,
    period=10,
)


class PprofTests(SynchronousTestCase):
    def test_what_is_written_is_read_by_others(self) -> None:
        found = read(pprof.encode(PROFILE))
        self.assertEqual(found.kinds, [("samples", "count"), ("cpu", "nanoseconds")])
        self.assertEqual(found.samples, PROFILE.samples)
        self.assertEqual((found.began, found.duration, found.period), (5, 6, 10))

    def test_any_profile_at_all(self) -> None:
        @given(profiles)
        def check(profile: Profile) -> None:
            found = read(pprof.encode(profile))
            self.assertEqual(found.samples, profile.samples)
            self.assertEqual(tuple(found.kinds), profile.kinds)
            times = profile.began_ns, profile.duration_ns, profile.period
            self.assertEqual((found.began, found.duration, found.period), times)

        check()

    def test_names_are_written_once(self) -> None:
        self.assertEqual(gzip.decompress(pprof.encode(PROFILE)).count(b"Chat.send"), 1)

    def test_a_name_that_is_no_unicode_does_no_harm(self) -> None:
        stack = (Place("\ud800", "", 0),)
        found = read(pprof.encode(Profile((Kind("a", "b"),), {stack: (1,)})))
        self.assertEqual(list(found.samples), [(("?", "", 0),)])


class FoldedTests(SynchronousTestCase):
    def test_a_line_for_each_stack_outermost_first(self) -> None:
        self.assertEqual(folded(PROFILE), b"run 7\nrun;Chat.send 301\n")

    def test_what_parts_stacks_stands_in_no_name(self) -> None:
        stack = (Place("a;b\nc", "", 1),)
        self.assertEqual(folded(Profile((Kind("a", "b"),), {stack: (1,)})), b"a:b c 1\n")
