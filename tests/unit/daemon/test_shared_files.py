"""The contents of files that the parent hands to its workers."""

from __future__ import annotations

import os

from twisted.python.filepath import FilePath
from twisted.trial.unittest import SynchronousTestCase

from gim.config.options import Options
from gim.config.settings import settings_of
from gim.daemon.shared_files import SharedFiles


class SharedFilesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = FilePath(self.mktemp())
        self.directory.makedirs()
        for name in "auth", "admin":
            self.write(name, f"first {name}")
        before = os.getcwd()
        os.chdir(self.directory.path)
        self.addCleanup(os.chdir, before)
        options = Options()
        options.parseOptions(["--auth-key-file", "auth", "--admin-key-file", "admin"])
        self.files = SharedFiles(settings_of(options, {}))

    def write(self, name: str, text: str) -> None:
        self.directory.child(name).setContent(text.encode())

    def test_they_are_read_at_the_start(self) -> None:
        self.assertEqual(self.files.contents, {b"auth": b"first auth", b"admin": b"first admin"})
        self.assertEqual(self.files.directory, os.fsencode(os.getcwd()))

    def test_those_of_some_options_are_read_again_from_another_directory_too(self) -> None:
        os.chdir("/")
        for name in "auth", "admin":
            self.write(name, f"second {name}")
        read = self.files.read(["admin-key-file", "logfile"])
        self.assertEqual(read, {b"admin": b"second admin"})
        self.assertEqual(self.files.contents, {b"auth": b"first auth", b"admin": b"second admin"})

    def test_what_can_not_be_read_stays_as_it_was(self) -> None:
        self.directory.child("auth").remove()
        self.assertEqual(self.files.read(["auth-key-file"]), {})
        self.assertEqual(self.files.contents[b"auth"], b"first auth")
