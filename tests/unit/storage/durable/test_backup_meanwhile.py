"""Copies of a directory whose logs are kept small, and written to, while its files are taken."""

from __future__ import annotations

import os
import shutil
from random import Random
from tempfile import mkdtemp

from gim.ids import SYSTEM
from gim.journal.copying import collect
from gim.journal.directory import read_meta, write_meta
from gim.storage.durable.upkeep import TIDY_INTERVAL
from tests.support.journal.upkeep import ANN, BOB, KeptStore, UpkeepTestCase

SEEDS = 12
SEGMENT_SIZE = 8 * 1024


class BackupMeanwhileTests(UpkeepTestCase):
    """A copy is the state of the store when the last file was taken."""

    def act(self, process: KeptStore, random: Random) -> None:
        user = random.choice([ANN, BOB])
        match random.randrange(12):
            case 0 | 1:
                self.done(process.store.chatrooms.join("r", user, ""))
            case 2 if process.data.archive.find_chatroom("r") is not None:
                self.done(process.store.moderation.dismiss("r", SYSTEM))
            case 3 | 4 if len(process.data.archive.messages):
                self.recall(process, random.choice(list(process.data.archive.messages)))
            case 5 | 6 if "r" in process.data.people.make(user.id).rooms:
                self.send(process, "x" * random.randrange(300), room="r", sender=user)
            case _:
                self.send(process, "x" * random.randrange(900), to=random.choice("abcdef"))

    def act_often(self, process: KeptStore, random: Random, most: int) -> None:
        """Let things happen, and the upkeep get to any point of its work."""
        for _ in range(random.randrange(most)):
            self.act(process, random)
            self.clock.advance(random.choice([0.0, 0.0025, 0.01, 0.3]))
        if random.randrange(3) == 0:
            self.wait(TIDY_INTERVAL)

    def known(self, process: KeptStore) -> list[object]:
        archive, people = process.data.archive, process.data.people
        rooms = {user: list(people.make(user).rooms) for user in ("ann", "bob")}
        sequences = [(one, archive[one].sequence) for one in sorted(archive._conversations)]
        return [self.texts(process), rooms, sequences]

    def copy(self, process: KeptStore, random: Random) -> str:
        """Take the files of the directory while a lot happens; return where they are."""
        target = mkdtemp()
        self.addCleanup(shutil.rmtree, target)
        acts = iter(range(random.randrange(1, 12)))

        def take(source: str, to: str) -> None:
            if next(acts, None) is not None:
                self.act_often(process, random, 40)
            os.link(source, to)

        collect(self.path, target, take, cuts=True)
        meta = read_meta(self.path)
        assert meta is not None
        write_meta(target, meta)
        return target

    def test_a_copy_made_while_logs_begin_go_and_are_joined(self) -> None:
        for seed in range(SEEDS):
            self.path = mkdtemp()
            self.addCleanup(shutil.rmtree, self.path)
            random = Random(seed)
            process = self.start(segment_size=SEGMENT_SIZE, max_session_messages=30)
            for _ in range(10):
                self.act_often(process, random, 60)
            copy = self.copy(process, random)
            self.assertEqual(self.known(self.start(path=copy)), self.known(process), seed)
