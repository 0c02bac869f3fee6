"""The documents in step with the code and with each other: examples, tables, numbers, links."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterator

import msgspec
from twisted.trial.unittest import SynchronousTestCase

from gim import errors, model
from gim.api.openapi.document import routes_of
from gim.api.routes.admin import AdminRoutes
from gim.api.routes.batch import BatchRoutes
from gim.api.routes.chat import ChatRoutes
from gim.api.routes.connections import ConnectionRoutes
from gim.api.routes.directory import DirectoryRoutes
from gim.api.routes.documents import Documents
from gim.api.routes.gateway import GatewayRoutes
from gim.api.routes.javascript import JavaScriptRoutes
from gim.api.routes.live import LiveRoutes
from gim.api.routes.metrics import MetricsRoutes
from gim.api.server import channel
from gim.daemon import banner
from gim.gateway import bounded_protocol, protocol, timed_protocol
from gim.gateway.close_codes import CloseCode
from gim.limits import limits
from gim.log import logger, output
from gim.net import endpoints, open_files
from gim.wire.json import JsonCodec
from gim.wire.requests import OPERATIONS, Op
from gim.workers import log_lines
from tests.support.paths import ROOT, gim_modules

DOCUMENTS = ROOT.child("docs")

PUSHES = {Op.PUSH: model.Push, Op.EVENT: model.Event}


def document(name: str) -> str:
    """Return the text of a page of docs/."""
    return DOCUMENTS.child(name).getContent().decode()


class ProtocolDocumentTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.text = document("protocol.md")
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


class CodesDocumentTests(SynchronousTestCase):
    """docs/errors.md, for clients, and docs/troubleshooting.md, for operators."""

    def codes(self, name: str, pattern: str) -> list[str]:
        """Return what the first column of a page's tables has of a pattern."""
        return re.findall(rf"(?m)^\| ({pattern}) \|", document(name))

    def test_every_error_code_is_in_both_tables_and_no_other(self) -> None:
        for name in "errors.md", "troubleshooting.md":
            codes = [int(code) for code in self.codes(name, r"[45]\d\d")]
            self.assertEqual(
                codes, sorted({error.code for error in errors.GimError.__subclasses__()}), name
            )

    def test_every_close_code_is_in_both_tables_and_no_other(self) -> None:
        codes = self.codes("errors.md", r"[13]\d{3}")
        self.assertEqual(codes, self.codes("troubleshooting.md", r"[13]\d{3}"))
        mine = {str(code.value) for code in CloseCode}
        self.assertGreater(len(mine), 2)
        self.assertEqual(mine, {code for code in codes if code.startswith("3")})

    def test_the_numbers_of_fragments_are_those_of_the_code(self) -> None:
        self.assertIn(
            f"more than {bounded_protocol.MAX_FRAGMENTS:,} fragments and one for each"
            f" {bounded_protocol.BYTES_PER_EXTRA_FRAGMENT} bytes",
            document("errors.md"),
        )


class OperatorDocumentTests(SynchronousTestCase):
    def test_what_is_said_of_the_log_is_so(self) -> None:
        text = document("deployment.md")
        self.assertIn(f"when it has {output.ROTATED_SIZE // 10**6} MB", text)
        self.assertIn(f"{output.MAX_ROTATED} old ones are kept", text)
        self.assertIn(f"when {log_lines.MAX_UNSENT // 2**20} MiB of lines of one worker wait", text)

    def test_what_is_said_of_open_files_is_so(self) -> None:
        text = document("limits.md")
        self.assertIn(f"add {open_files.RESERVED_FILES} for them", text)
        self.assertIn(f"fewer than {banner.EXPECTED_CONNECTIONS:,} connections", text)
        self.assertIn(f"raise it to {endpoints.BACKLOG} where", text)

    def test_every_line_of_the_log_that_is_explained_can_be_logged(self) -> None:
        section = document("troubleshooting.md").partition("\n## Log lines\n")[2]
        quoted = re.findall(r'"([^"]+)"', "".join(re.findall(r"(?m)^\| (.*?) \|", section)))
        code = "".join(gim_modules().values())
        self.assertGreater(len(quoted), 5)
        for line in quoted:
            for part in line.split(" … "):
                self.assertIn(part.partition(", 3008")[0], code)

    def test_every_limit_that_is_counted_is_listed(self) -> None:
        section = document("limits.md").partition("\n## Limits\n")[2].partition("\n## ")[0]
        listed = re.findall(r"`--([\w-]+)`", "".join(re.findall(r"(?m)^\| (.*?) \|", section)))
        self.assertEqual(set(listed), {*limits.ALL, limits.PACKET_BURST} - {limits.OPEN_FILES})


class HttpDocumentTests(SynchronousTestCase):
    def test_every_route_is_listed_and_no_other(self) -> None:
        served = {
            f"{route.method} {re.sub('{.*?}', 'ID', route.path)}"
            for route in routes_of(
                [ChatRoutes, GatewayRoutes, MetricsRoutes, JavaScriptRoutes, Documents]
            )
        }
        listed = re.findall(r"(?m)^\| ((?:GET|POST|PUT|DELETE) /\S+) \|", document("http.md"))
        self.assertEqual({re.sub(r"\b([A-Z_]*ID|MODULE)\b", "ID", row) for row in listed}, served)

    def test_every_route_of_the_administrator_is_listed_and_no_other(self) -> None:
        served = {
            f"{route.method} {re.sub('{.*?}', 'ID', route.path)}"
            for route in routes_of(
                [AdminRoutes, BatchRoutes, DirectoryRoutes, ConnectionRoutes, LiveRoutes]
            )
        }
        listed = re.findall(
            r"(?m)^\| ((?:GET|POST|PUT|PATCH|DELETE) /v1/admin/\S+) \|", document("administration.md")
        )
        self.assertEqual({re.sub(r"/(?:[A-Z_]*ID|USER|KEY)\b", "/ID", row) for row in listed}, served)


class SecurityDocumentTests(SynchronousTestCase):
    def test_every_test_and_file_that_it_names_is_there(self) -> None:
        named = re.findall(r"`((?:tests|contrib|gim)/[\w./-]+)`", document("security.md"))
        self.assertGreater(len(named), 30)

    def test_its_numbers_are_those_of_the_code(self) -> None:
        text = document("security.md")
        for said in (
            f"a request has {channel.REQUEST_TIMEOUT} s from its first byte to its last",
            f"a connection {channel.IDLE_TIMEOUT} s between requests",
            f"drops it {channel.LINGER} s after the last answer",
            f"{timed_protocol.LINGER:.0f} s after one that it answers without reading the rest",
            f"more than {protocol.MAX_HANDSHAKE // 1024} KiB are dropped",
            f"1009 after {bounded_protocol.MAX_FRAGMENTS:,} fragments and one more for each"
            f" {bounded_protocol.BYTES_PER_EXTRA_FRAGMENT} bytes",
            f"printable ASCII of {logger.MAX_TRACE} characters",
        ):
            self.assertIn(said, text)

    def test_the_codes_of_limits_are_those_of_the_page_on_limits(self) -> None:
        of_packets, of_chatrooms = errors.TooManyRequests.code, errors.Conflict.code
        for said in (
            f"packets a second for each connection ({of_packets}, then {CloseCode.TOO_MANY_REQUESTS})",
            f"{of_chatrooms} beyond the limits for each user and chatroom",
        ):
            self.assertIn(said, document("security.md"))
        for option in "max-user-chatrooms", "max-chatroom-members":
            self.assertRegex(
                document("limits.md"), rf"`--{option}` \|[^|]*\| joining is a {of_chatrooms} \|"
            )


# what GitHub leaves out of a heading when it makes an anchor of it
_NOT_IN_ANCHORS = re.compile(r"[^\w\- ]")


def pages() -> Iterator[tuple[str, str]]:
    """Yield path and text of all pages in Markdown."""
    for directory in "", "docs", "examples", "bench", "clients", "newsfragments":
        for file in sorted(ROOT.preauthChild(directory).globChildren("*.md")):
            yield os.path.relpath(file.path, ROOT.path), file.getContent().decode()


def without_code(text: str) -> str:
    """Return a page without its blocks of code."""
    return re.sub(r"(?ms)^```.*?^```$", "", text)


def anchors(text: str) -> set[str]:
    """Return the anchors of a page: one for each heading, numbered where a heading comes again."""
    seen: Counter[str] = Counter()
    found = set()
    for heading in re.findall(r"(?m)^#+ (.*?)\s*$", without_code(text)):
        anchor = _NOT_IN_ANCHORS.sub("", re.sub(r"\]\(.*?\)", "", heading).lower()).replace(" ", "-")
        found.add(f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor)
        seen[anchor] += 1
    return found


class LinkTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.pages = dict(pages())

    def test_every_link_leads_to_a_file_and_a_heading(self) -> None:
        followed = 0
        for path, text in self.pages.items():
            for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", without_code(text)):
                self.follow(path, link)
                followed += 1
        self.assertGreater(followed, 100)

    def follow(self, path: str, link: str) -> None:
        target, _, anchor = link.partition("#")
        aim = os.path.normpath(os.path.join(os.path.dirname(path), target)) if target else path
        self.assertTrue(ROOT.preauthChild(aim).exists(), f"{path}: {link}")
        if anchor:
            self.assertIn(anchor, anchors(self.pages[aim]), f"{path}: {link}")

    def test_every_path_named_in_the_documents_exists(self) -> None:
        for path, text in self.pages.items():
            for named in re.findall(r"`((?:tests|contrib|gim|docs|examples)/[\w./-]+)`", text):
                self.assertTrue(ROOT.preauthChild(named).exists(), f"{path}: {named}")

    def test_every_document_is_in_the_index(self) -> None:
        index = self.pages["docs/README.md"]
        for path in self.pages:
            if path.startswith("docs/") and path != "docs/README.md":
                self.assertIn(f"]({os.path.basename(path)})", index)


class ReadmeTests(SynchronousTestCase):
    def test_it_is_short_and_its_code_fits_a_screen(self) -> None:
        for name in "README.md", "README.zh-CN.md":
            text = ROOT.child(name).getContent().decode()
            self.assertLessEqual(len(text.splitlines()), 130, name)
            for block in re.findall(r"(?ms)^```\n(.*?)^```$", text):
                for line in block.splitlines():
                    self.assertLessEqual(len(line), 100, line)

    def test_every_command_of_make_is_a_target(self) -> None:
        makefile = ROOT.child("Makefile").getContent().decode()
        for path, text in pages():
            for target in re.findall(r"`make ([\w-]+)", text):
                self.assertRegex(makefile, rf"(?m)^{target}:", path)


class ArchitectureDocumentTests(SynchronousTestCase):
    def test_every_private_api_names_tests_that_exist(self) -> None:
        section = document("architecture.md").partition("\n## Private APIs of dependencies\n")[2]
        rows = re.findall(r"(?m)^\| `gim/[\w/.]+` \| .* \| (.*) \|$", section)
        self.assertGreater(len(rows), 10)
        tests = ROOT.child("tests").child("unit")
        source = "".join(
            path.getContent().decode()
            for path in (
                tests.child("test_private_apis.py"),
                tests.child("gateway").child("test_private_apis.py"),
            )
        )
        for name in re.findall(r"`(\w+)`", " ".join(rows)):
            self.assertIn(f"def {name}(", source)
