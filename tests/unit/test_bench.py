"""The benchmark's own copy of a node's command stays a node's command."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from bench.jobs import redis_words

KEYS_OF_EACH = 3  # message: of the sender, the receiver and the session


class CommandTests(SynchronousTestCase):
    def test_the_command_has_all_that_the_script_takes(self) -> None:
        source = redis_words.SCRIPT.source
        of_all, of_each = map(int, re.findall(r"local OF_ALL, OF_EACH = (\d+), (\d+)", source)[-1])
        taken = re.findall(r"(?:local )?([\w, ]*?) =\s+unpack\(words, ", source)
        self.assertEqual([len(names.split(",")) for names in taken], [of_all, of_each])
        for pairs in ([("u0", "u1")], [("u0", "u1"), ("u1", "u0"), ("u2", "u3")]):
            name, sha, count, *words = redis_words.send_private(pairs=pairs)
            self.assertEqual((name, sha), ("EVALSHA", redis_words.SCRIPT.sha))
            keys = 1 + KEYS_OF_EACH * len(pairs)
            self.assertEqual(count, keys)
            self.assertEqual(len(words) - keys, of_all + of_each * len(pairs))
