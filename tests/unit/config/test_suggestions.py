"""What is suggested for names that are not known."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gim.config.option import variable
from gim.config.suggestions import of_option, of_variables
from gim.config.table import SPELLINGS


class VariableTests(SynchronousTestCase):
    def test_a_misspelt_one_is_named_with_what_was_meant(self) -> None:
        for name, meant in (
            ("GIM_MESAGE_TTL", "GIM_MESSAGE_TTL"),
            ("GIM_REDISURL", "GIM_REDIS_URL"),
            ("gim_log_level", "GIM_LOG_LEVEL"),
            ("GIM_ADMINKEY", "GIM_ADMIN_KEY"),
            ("GIM_AUTH_KEYFILE", "GIM_AUTH_KEY_FILE"),
        ):
            said = f"the variable {name} has no effect: did you mean {meant}?"
            self.assertEqual(of_variables([name]), [said])

    def test_those_of_gim_and_of_others_are_left_alone(self) -> None:
        self.assertEqual(of_variables(map(variable, SPELLINGS)), [])
        others = (
            *("GIM_CONFIG", "GIM_OPTIONS", "GIM_AUTH_KEY", "GIM_ADMIN_KEY", "GIM_WEBHOOK_SECRET"),
            *("GIM_SERVICE_HOST", "GIM_SERVICE_PORT", "GIM_SERVICE_PORT_HTTP", "GIM_PORT"),
            *("GIM_PORT_8080_TCP", "GIM_PORT_8080_TCP_ADDR", "GIM_PORT_8080_TCP_PROTO"),
            *("GIM_WS_PORT", "GIM_HTTP_SERVICE_PORT", "GIM_HTTP_PORT_8081_TCP_PORT"),
            *("GIM_TEAM", "GIMP2_DIRECTORY", "PATH", "REDIS_URL"),
        )
        self.assertEqual(of_variables(others), [])


class OptionTests(SynchronousTestCase):
    def said(self, name: str) -> str:
        return of_option(f"option --{name} not recognized").partition(": ")[2]

    def test_a_misspelt_one_is_named_with_what_was_meant(self) -> None:
        self.assertEqual(self.said("wss"), "did you mean --ws?")
        self.assertEqual(self.said("mesage-ttl"), "did you mean --message-ttl?")
        self.assertEqual(self.said("message_ttl"), "did you mean --message-ttl?")
        self.assertEqual(self.said("chek"), "did you mean --check?")

    def test_one_of_twistd_stands_in_the_wrong_place(self) -> None:
        self.assertEqual(self.said("logfile"), "it is an option of twistd: write it before gim")

    def test_any_other_is_referred_to_the_help(self) -> None:
        self.assertEqual(self.said("zzzz"), "twistd gim --help lists those there are")

    def test_what_else_is_wrong_stays_as_it_is(self) -> None:
        self.assertEqual(of_option("option --ws requires argument"), "option --ws requires argument")
