"""docs/protocol.md in step with the code: its examples through the codec, its tables and the structs."""

from __future__ import annotations

import json
import os
import re

import msgspec
from twisted.trial.unittest import SynchronousTestCase

from gim import errors, model
from gim.api.server import channel
from gim.config.options import _DEFAULTS, _SPELLINGS
from gim.daemon import banner
from gim.gateway import bounded_protocol, protocol, timed_protocol
from gim.gateway.close_codes import CloseCode
from gim.limits import limits
from gim.log import logger, output
from gim.net import listening
from gim.wire.json import JsonCodec
from gim.wire.requests import OPERATIONS, Op
from tests.support.paths import ROOT

DOCUMENT = ROOT.child("docs").child("protocol.md")

PUSHES = {Op.PUSH: model.Push, Op.EVENT: model.Event}


class ProtocolDocumentTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.text = DOCUMENT.getContent().decode()
        self.codec = JsonCodec()

    def lines(self, mark: str) -> list[bytes]:
        return [line[2:].encode() for line in self.text.splitlines() if line.startswith(mark)]

    def test_every_request_shown_is_one(self) -> None:
        shown = {self.codec.decode(line, False).op for line in self.lines("> ")}
        self.assertEqual(shown, set(OPERATIONS))

    def test_every_reply_and_push_shown_is_what_the_codec_writes(self) -> None:
        shown = {self.written_again(line) for line in self.lines("< ")}
        self.assertEqual(shown, {op + 1 for op in OPERATIONS} | {Op.PUSH, Op.EVENT})

    def written_again(self, line: bytes) -> int:
        """Read a line into the structs, compare what the codec makes of them, return its op."""
        packet = json.loads(line)
        op, seq, body = packet["op"], packet["seq"], json.loads(packet["body"])
        if op in PUSHES:
            again = self.codec.encode_push(msgspec.convert(body, PUSHES[op]))
        elif body["code"]:
            error = errors.Forbidden(body["msg"])
            again = self.codec.encode_error(op, seq, error)
        else:
            reply = OPERATIONS[op - 1].reply
            again = self.codec.encode_reply(op, seq, msgspec.convert(body["data"], reply))
        self.assertEqual(again, line)
        return int(op)

    def test_the_table_of_operations_names_every_field_and_no_other(self) -> None:
        cells = [line.split("|") for line in self.text.splitlines() if re.match(r"\| \d{3} \|", line)]
        rows = {row[1].strip(): row[3] for row in cells if len(row) == 6}
        for op, operation in OPERATIONS.items():
            fields = re.findall(r"`(\w+)`(\??)", rows[str(op)])
            struct = msgspec.structs.fields(operation.request)
            expected = [(field.name, "" if field.required else "?") for field in struct]
            self.assertEqual(sorted(fields), sorted(expected), op)

    def test_every_error_code_is_in_the_table(self) -> None:
        codes = {error.code for error in errors.GimError.__subclasses__()}
        for code in codes:
            self.assertRegex(self.text, rf"(?m)^\| {code} \|")

    def test_every_close_code_is_in_the_table(self) -> None:
        self.assertGreater(len(CloseCode), 2)
        for code in CloseCode:
            self.assertRegex(self.text, rf"(?m)^\| {code} \|")


class OperationsDocumentTests(SynchronousTestCase):
    def test_every_close_code_is_explained_as_in_the_protocol_and_no_other(self) -> None:
        codes = [
            re.findall(r"(?m)^\| ([13]\d{3}) \|", ROOT.child("docs").child(name).getContent().decode())
            for name in ("operations.md", "protocol.md")
        ]
        self.assertEqual(*codes)
        mine = {str(code.value) for code in CloseCode}
        self.assertLessEqual(mine, set(codes[0]))

    def test_what_it_says_of_the_log_and_of_limits_is_so(self) -> None:
        text = ROOT.child("docs").child("operations.md").getContent().decode()
        self.assertIn(f"when it has {output.SIZE // 10**6} MB", text)
        self.assertIn(f"{output.KEPT} old ones are kept", text)
        self.assertIn(f"reckon with {banner.RESERVED} more", text)
        self.assertIn(f"fewer than {banner.ENOUGH:,}\nconnections", text)
        self.assertIn(f"raise it to {listening.BACKLOG} where", text)

    def test_it_lists_every_limit_that_is_counted(self) -> None:
        text = ROOT.child("docs").child("operations.md").getContent().decode()
        section = text.partition("\n## Limits\n")[2].partition("\n## ")[0]
        listed = re.findall(r"`--([\w-]+)`", "".join(re.findall(r"(?m)^\| (.*?) \|", section)))
        self.assertEqual(set(listed), {*limits.ALL, limits.PACKET_BURST})


class SecurityDocumentTests(SynchronousTestCase):
    def test_every_test_and_file_that_it_names_is_there(self) -> None:
        text = ROOT.child("docs").child("security.md").getContent().decode()
        named = re.findall(r"`((?:tests|contrib|gim)/[\w./-]+)`|\]\(([\w./]+)\)", text)
        self.assertGreater(len(named), 30)
        for path, link in named:
            found = ROOT.preauthChild(path or os.path.normpath(f"docs/{link}"))
            self.assertTrue(found.exists(), path or link)

    def test_its_numbers_are_those_of_the_code(self) -> None:
        text = ROOT.child("docs").child("security.md").getContent().decode()
        for said in (
            f"a request has {channel.REQUEST_TIMEOUT} s from its first byte to its last",
            f"a connection {channel.IDLE_TIMEOUT} s between requests",
            f"dropped {channel.LINGER} s after the last answer",
            f"{timed_protocol.LINGER:.0f} s after one that is but not read",
            f"more than {protocol.MAX_HANDSHAKE // 1024} KiB are dropped",
            f"1009 after {bounded_protocol.MAX_FRAGMENTS:,} and one for each"
            f" {bounded_protocol.BYTES_PER_EXTRA_FRAGMENT} bytes",
            f"printable ASCII of {logger.MAX_TRACE} characters",
        ):
            self.assertIn(said, text)


class ReadmeTests(SynchronousTestCase):
    def test_the_table_of_options_is_complete_and_has_the_defaults(self) -> None:
        for name in "README.md", "README.zh-CN.md":
            text = ROOT.child(name).getContent().decode()
            rows = re.findall(r"(?m)^\| (`--.*?) \| (?:`(.*?)`)? ?\|", text)
            shown = {word: default for words, default in rows for word in re.findall(r"`--(.*?)`", words)}
            expected = {spelling: _DEFAULTS[name] or "" for spelling, name in _SPELLINGS.items()}
            self.assertEqual(shown, expected | {"config": "", "check": "", "version": ""}, name)
