"""docs/configuration.md and contrib/gim.toml are what the table of options makes of them."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from gim.config import reference
from gim.config.option import variable
from gim.config.table import GROUPS, OPTIONS, SPELLINGS
from tests.support.paths import ROOT


class ReferenceTests(SynchronousTestCase):
    def assertChecked(self, path: str, made: str) -> None:
        text = ROOT.preauthChild(path).getContent().decode()
        self.assertEqual(text, made, f"{path} is not what the table of options says: run make docs")

    def test_the_page_is_checked_in(self) -> None:
        self.assertChecked("docs/configuration.md", reference.markdown())

    def test_the_example_file_is_checked_in(self) -> None:
        self.assertChecked("contrib/gim.toml", reference.toml())

    def test_the_page_names_every_option_with_its_variable_and_default(self) -> None:
        rows = re.findall(r"(?m)^\| (`--.*?) \| (?:`(.*?)`)? ?\| ?(?:`(.*?)`)? ?\|", reference.markdown())
        shown = {
            word: (name, default)
            for words, name, default in rows
            for word in re.findall(r"`--(.*?)`", words)
        }
        expected = {
            spelling: (variable(name), OPTIONS[name].default or "")
            for spelling, name in SPELLINGS.items()
        }
        alone = dict.fromkeys(("check", "version", "help"), ("", ""))
        self.assertEqual(shown, expected | alone | {"config": ("GIM_CONFIG", "")})

    def test_every_document_that_it_names_is_there(self) -> None:
        for name in set(re.findall(r"\]\(([\w/.-]+\.(?:md|toml))\)", reference.markdown())):
            self.assertTrue(
                ROOT.child("docs").preauthChild(name.removeprefix("../")).exists()
                or ROOT.preauthChild(name.removeprefix("../")).exists(),
                name,
            )

    def test_no_option_stands_in_two_groups_or_has_two_meanings(self) -> None:
        names = [option.name for group in GROUPS for option in group.options]
        spellings = [spelling for option in OPTIONS.values() for spelling in option.spellings]
        self.assertEqual(len(set(names)), len(names))
        self.assertEqual(len(set(spellings)), len(spellings))
