"""Anything that is read: packets, tokens, keys, cursors, origins, and what operators write."""

from __future__ import annotations

import contextlib
import hmac
import json
import os
from base64 import urlsafe_b64encode
from typing import Any

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gim import ids
from gim.auth.api_tokens import ApiTokens
from gim.auth.keys import BadKey, Keys, public_keys, secret_key
from gim.auth.login_tokens import Claims, LoginTokens
from gim.chat.cursors import read_cursor
from gim.chat.session_walk import SessionWalk, read_walk
from gim.config import sources
from gim.config.table import READERS, SPELLINGS
from gim.errors import BadRequest, Unauthorized
from gim.log.logger import MAX_TRACE, accept_trace
from gim.net import origins
from gim.startup import StartupError
from gim.storage.redis.client import url
from gim.wire.json import JsonCodec
from gim.wire.packets import MAX_OP, MAX_SEQ, BadPacket
from gim.wire.proto import ProtoCodec
from tests.integration.hostile.test_sockets import proto_packets
from tests.support import key_material
from tests.support.clocks import SettableWallClock
from tests.support.hostile import inputs
from tests.support.hostile.properties import fuzzed
from tests.support.world import START, result_of

DEEP = st.builds(
    lambda open, times: open * times, st.sampled_from(("[", '{"a":', '{"op":[')), st.just(2000)
)


async def _not_banned(user_id: str) -> None:
    return None


class PacketTests(SynchronousTestCase):
    """A packet is read, or refused in a sentence; nothing else is raised."""

    def check(self, codec: Any, payload: bytes, is_binary: bool) -> None:
        try:
            packet = codec.decode(payload, is_binary)
        except BadPacket as refusal:
            self.assertTrue(0 <= refusal.op <= MAX_OP + 1 and 0 <= refusal.seq <= MAX_SEQ)
            self.assertLess(len(str(refusal)), 500)
            codec.encode_error(refusal.op, refusal.seq, refusal)
        else:
            self.assertTrue(0 < packet.op <= MAX_OP and 0 <= packet.seq <= MAX_SEQ)

    @fuzzed(100, payload=inputs.packets() | st.binary(max_size=60) | DEEP.map(str.encode))
    def test_in_json(self, payload: bytes) -> None:
        for is_binary in (False, True):
            self.check(JsonCodec(), payload, is_binary)

    @fuzzed(100, payload=proto_packets | st.binary(max_size=60))
    def test_in_protobuf(self, payload: bytes) -> None:
        for is_binary in (False, True):
            self.check(ProtoCodec(), payload, is_binary)


def _part(value: Any) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


_algorithms = st.sampled_from(
    ("HS256", "none", "None", "RS256", "ES256", "EdDSA", "HS512", "", None, ["HS256"], 1)
)
_headers = st.fixed_dictionaries(
    {"alg": _algorithms},
    optional={
        "kid": inputs.values,
        "typ": inputs.values,
        "crit": inputs.values | st.just(["b64"]),
        "b64": st.booleans(),
        "jwk": inputs.values,
        "jku": inputs.texts,
        "x5c": inputs.values,
    },
)
_claims = st.dictionaries(
    st.sampled_from(("sub", "exp", "nbf", "iat", "aud", "iss", "name")), inputs.values, max_size=5
)
_signed = st.builds(
    lambda claims: key_material.secret_token(**claims),
    st.fixed_dictionaries(
        {}, optional={"exp": st.just(2**40), "name": inputs.texts, "sub": inputs.texts}
    ),
)
forged = st.one_of(
    st.tuples(_headers | inputs.values, _claims | inputs.values, inputs.values).map(
        lambda parts: ".".join(map(_part, parts))
    ),
    _signed.flatmap(lambda token: inputs.hurt(token.encode()).map(lambda data: data.decode("latin-1"))),
    DEEP.map(lambda text: urlsafe_b64encode(text.encode()).decode() + ".e30.x"),
    inputs.texts,
    st.just("a." * 5000),
)  # fmt: skip


class TokenTests(SynchronousTestCase):
    """A token is one that was signed with a key in use, or a 401."""

    def setUp(self) -> None:
        sets = public_keys(key_material.public_set("RS256", "ES256", "EdDSA"))
        wall = SettableWallClock(lambda: START)
        self.readers = [LoginTokens(Held(keys), wall) for keys in (SECRETS, sets)]
        self.issued = ApiTokens(_secret, wall, _not_banned)  # type: ignore[arg-type]

    @fuzzed(150, token=forged)
    def test_login_tokens(self, token: str) -> None:
        for reader in self.readers:
            try:
                claims = reader.read(token)
            except Unauthorized as refusal:
                self.assertLess(len(str(refusal)), 300)
            else:
                self.assertTrue(isinstance(claims, Claims) and claims.exp > START)
                self.assertEqual(_signature(token), token.rpartition(".")[2].rstrip("="))

    @fuzzed(100, token=forged)
    def test_tokens_of_the_http_api(self, token: str) -> None:
        self.assertRaises(Unauthorized, result_of, self.issued.read(token))

    @fuzzed(
        100,
        keys=st.lists(
            st.fixed_dictionaries(
                {"kty": st.sampled_from(("RSA", "EC", "OKP", "oct", "", None, 1))},
                optional={
                    name: inputs.values
                    | st.sampled_from(("P-256", "Ed25519", "sig", "RS256", "AQAB", "AA"))
                    for name in ("kid", "use", "alg", "crv", "key_ops", "n", "e", "x", "y", "d", "k")
                },
            )
            | inputs.values,
            max_size=3,
        ),
        broken=st.booleans(),
    )
    def test_sets_of_keys(self, keys: list[Any], broken: bool) -> None:
        written = json.dumps({"keys": keys}).encode()
        try:
            read = public_keys(written[:-2] if broken else written)
        except BadKey:
            return
        self.assertTrue(read.all)


def _secret() -> bytes:
    return b"a key of thirty-two bytes, 01234"


SECRETS = Keys([secret_key(key_material.SECRET.encode())])


def _signature(token: str) -> str:
    """Return the signature that a token must have."""
    signed = hmac.digest(key_material.SECRET.encode(), token.rpartition(".")[0].encode(), "sha256")
    return urlsafe_b64encode(signed).decode().rstrip("=")


class Held:
    def __init__(self, keys: Keys) -> None:
        self.keys = keys


class TextTests(SynchronousTestCase):
    """Small texts of clients: each is good, or a 400."""

    @fuzzed(100, text=inputs.texts | inputs.cursors)
    def test_cursors(self, text: str) -> None:
        with contextlib.suppress(BadRequest):
            place = read_cursor("members", text, 1)
            self.assertTrue(place is None or all(isinstance(part, str) for part in place))
        with contextlib.suppress(BadRequest):
            self.assertIsInstance(read_walk(text), SessionWalk)

    @fuzzed(100, text=inputs.texts)
    def test_ids_of_sessions(self, text: str) -> None:
        try:
            session = ids.session(text)
        except BadRequest:
            return
        self.assertTrue(all(ids.is_id(part) for part in session.parts))
        self.assertEqual(ids.session(session.id), session)

    @fuzzed(100, origin=inputs.texts, host=inputs.texts)
    def test_origins(self, origin: str, host: str) -> None:
        for page in (origin, f"https://{origin}", f"http://{origin}:80"):
            if origins.SAME_HOST.allow(page, host):
                self.assertIn(page.partition("//")[2].partition(":")[0].lower(), host.lower())

    @fuzzed(100, text=inputs.texts, parent=inputs.texts)
    def test_trace_ids(self, text: str, parent: str) -> None:
        trace = accept_trace(text, parent)
        self.assertTrue(0 < len(trace) <= MAX_TRACE and trace.isascii() and trace.isprintable())


class OperatorTests(SynchronousTestCase):
    """What an operator writes: it is good, or refused in one line."""

    def one_line(self, error: Exception) -> None:
        self.assertNotIn("\n", str(error))

    @fuzzed(150, name=st.sampled_from(sorted(READERS)), text=inputs.texts)
    def test_values_of_options(self, name: str, text: str) -> None:
        try:
            sources.give(f"--{name}", text, READERS[name])
        except StartupError as error:
            self.one_line(error)

    @fuzzed(
        100,
        data=st.binary(max_size=60)
        | st.lists(
            st.tuples(
                st.sampled_from((*sorted(SPELLINGS), "[a]", "x.y", "'", "")),
                st.sampled_from((" = ", "=", " ")),
                inputs.values.map(json.dumps)
                | inputs.texts.map(repr)
                | st.sampled_from(("'''", "1979-05-27", "[")),
            ).map("".join),
            max_size=5,
        ).map(lambda lines: "\n".join(lines).encode("utf-8", "surrogatepass")),
    )
    def test_configuration_files(self, data: bytes) -> None:
        path = os.path.join(self.directory(), "gim.toml")
        with open(path, "wb") as file:
            file.write(data)
        try:
            sources.from_file(path, SPELLINGS, READERS)
        except StartupError as error:
            self.assertIn(path, str(error))
            self.one_line(error)

    def directory(self) -> str:
        if not hasattr(self, "_directory"):
            self._directory = self.mktemp()
            os.makedirs(self._directory)
        return self._directory

    @fuzzed(
        100,
        scheme=st.sampled_from(("redis", "rediss", "unix", "redis+sentinel", "rediss+cluster", "x")),
        before=inputs.texts,
        after=inputs.texts,
        rest=st.sampled_from(
            ("@h:1/0", "@/s?db=1", "@h:1,h:2/m/0", "@h:x/", "h", "@@h", "@h?ssl_cert_reqs=none&", "")
        ),
    )
    def test_urls_of_redis_and_no_error_says_a_password(
        self, scheme: str, before: str, after: str, rest: str
    ) -> None:
        text = f"{scheme}://{before}:hunter2{after}{rest}"
        try:
            target = url.read(text)
        except ValueError as error:
            said = str(error)
        else:
            said = target.describe() + repr(target)
            if "hunter2" not in target.password:
                return
        self.assertNotIn("hunter2", said, text)
