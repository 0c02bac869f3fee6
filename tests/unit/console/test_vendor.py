"""The software of others in the console: unchanged, listed, with its licences."""

from __future__ import annotations

import tomllib
from hashlib import sha256

from twisted.trial.unittest import SynchronousTestCase

from tests.support import vendoring
from tests.support.paths import ROOT


class VendorTests(SynchronousTestCase):
    def test_every_file_is_the_one_that_is_listed(self) -> None:
        for _, file, path in vendoring.files():
            self.assertEqual(sha256(path.read_bytes()).hexdigest(), file["sha256"], path)

    def test_nothing_else_lies_there(self) -> None:
        listed = {path for _, _, path in vendoring.files()}
        self.assertEqual(listed, {path for path in vendoring.VENDOR.rglob("*") if path.is_file()})

    def test_every_package_has_its_licence(self) -> None:
        text = {"MIT": "Permission is hereby granted, free of charge", "Apache-2.0": "Apache License"}
        for package in vendoring.packages():
            licence = (vendoring.VENDOR / package["name"] / "LICENSE").read_text()
            self.assertIn(text[package["licence"]], licence)
            self.assertRegex(package["integrity"], r"\Asha512-[\w+/]{86}==\Z")

    def test_the_wheel_names_their_licences(self) -> None:
        project = tomllib.loads(ROOT.child("pyproject.toml").getContent().decode())["project"]
        named = set(project["license"].split(" AND "))
        self.assertEqual(named, {"MIT"} | {each["licence"] for each in vendoring.packages()})
        self.assertIn("gim/console/vendor/*/LICENSE", project["license-files"])
