"""The benchmark's own copy of a node's command stays a node's command."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from bench.jobs import redis_words


class CommandTests(SynchronousTestCase):
    def test_the_command_has_all_that_the_script_takes(self) -> None:
        source = redis_words.SCRIPT.source
        keys, arguments = (
            re.findall(rf"local ([^=]*) = unpack\({table}\)", source)[-1].split(",")
            for table in ("KEYS", "ARGV")
        )
        name, sha, count, *words = redis_words.send_private()
        self.assertEqual((name, sha, count), ("EVALSHA", redis_words.SCRIPT.sha, len(keys)))
        self.assertEqual(len(words), len(keys) + len(arguments))
