"""What a worker begins with."""

from __future__ import annotations

import os
import stat

from twisted.logger import capturedLogs
from twisted.python.filepath import FilePath
from twisted.trial.unittest import SynchronousTestCase

from gim.auth.keyring import secret_file
from gim.workers import start
from gim.workers.files_in_memory import FilesInMemory
from gim.workers.log_lines import LineForm
from gim.workers.start import NewFiles, Start, StoreIdentity

SECRET = b"0123456789abcdefghijklmnopqrstuvwxyz"


class StartTests(SynchronousTestCase):
    def start(self) -> Start:
        return Start(
            number=2,
            count=4,
            options=start.as_bytes({"auth-key-file": "/etc/gim/\udcff.key"}),
            origins=start.as_bytes({"auth-key-file": "--auth-key-file"}),
            secrets={"GIM_ADMIN_KEY": b"secret"},
            files={b"/etc/gim/\xff.key": b"secret\x00\xff"},
            directory=b"/srv",
            log=LineForm("info", json=False, with_time=True),
            reactor="twisted.internet.epollreactor",
            store=StoreIdentity(b"secret", "node"),
        )

    def test_it_is_read_as_it_was_written(self) -> None:
        read = start.read(start.written(self.start()))
        self.assertEqual(read, self.start())
        self.assertEqual(start.as_texts(read.options), {"auth-key-file": "/etc/gim/\udcff.key"})

    def test_no_secret_is_in_a_repr(self) -> None:
        for each in self.start(), self.start().store, NewFiles(files={b"/x": b"secret"}):
            self.assertNotIn("secret", repr(each))


class FilesInMemoryTests(SynchronousTestCase):
    def files(self, contents: dict[bytes, bytes]) -> FilesInMemory:
        files = FilesInMemory(contents)
        self.addCleanup(files.close)
        return files

    def read(self, path: str) -> bytes:
        with open(path, "rb") as file:
            return file.read()

    def test_each_path_has_its_content_as_often_as_it_is_read(self) -> None:
        files = self.files({b"a": b"1", b"b": b"22"})
        for _ in range(2):
            self.assertEqual(self.read(files.path_of("auth-key-file", "a")), b"1")
            self.assertEqual(self.read(files.path_of("auth-key-file", "b")), b"22")

    def test_a_path_without_content_stays(self) -> None:
        self.assertEqual(self.files({}).path_of("auth-key-file", "a"), "a")

    def test_other_contents_stand_at_the_same_path(self) -> None:
        files = self.files({b"a": b"long", b"b": b"2"})
        path = files.path_of("auth-key-file", "a")
        files.replace({b"a": b"1", b"c": b"3"})
        self.assertEqual(self.read(path), b"1")
        self.assertEqual(files.path_of("auth-key-file", "a"), path)
        self.assertEqual(self.read(files.path_of("auth-key-file", "b")), b"2")
        self.assertEqual(self.read(files.path_of("auth-key-file", "c")), b"3")

    def test_no_other_user_and_no_child_can_read_them(self) -> None:
        path = self.files({b"a": SECRET}).path_of("auth-key-file", "a")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        self.assertFalse(os.get_inheritable(int(path.rpartition("/")[2])))

    def test_a_key_is_read_from_there_without_a_warning(self) -> None:
        path = self.files({b"a": SECRET}).path_of("auth-key-file", "a")
        with capturedLogs() as logged:
            keyring = secret_file(path)
        self.assertEqual((len(keyring.keys.all), logged), (1, []))

    def test_a_file_that_is_not_there_is_not_needed(self) -> None:
        path = FilePath(self.mktemp())
        files = self.files({os.fsencode(path.path): b"content"})
        self.assertEqual(self.read(files.path_of("auth-key-file", path.path)), b"content")
