"""A blocking connection to one server, with its failures in words."""

from __future__ import annotations

import socket
import ssl
from typing import Any

from redis import exceptions
from redis.connection import AbstractConnection, Connection, SSLConnection, UnixDomainSocketConnection

from gim.storage.redis.client.url import Address, Target

ANSWER_TIMEOUT = 2.0  # seconds for a connection or a reply
MAX_QUOTED = 160  # characters of a server's error that are repeated
_START = "start it or correct --redis-url"


class Unusable(Exception):
    """Redis can't be used. One line says what is wrong and what to do; it never has a password."""


class NotYet(Unusable):
    """Redis can't be used now, but maybe in a moment, without a change of anything."""


class ProbeConnection:
    """A connection to a server of a target. It raises `Unusable`, and mostly `NotYet` if no answer comes.

    It does not use the connection pool of redis-py: that gives up on a TLS server that sends its session
    tickets, as it takes unexpected data for a connection out of step.
    """

    def __init__(self, target: Target, address: Address, answer_timeout: float, part: str = "") -> None:
        """*answer_timeout* is in seconds. *part* is what the server is in the *target*: ``sentinel``,
        ``master`` or ``node``."""
        self._target = target
        self._answer_timeout = answer_timeout
        self._address = address
        self._part = part
        is_sentinel = part == "sentinel"
        self._user = target.sentinel_user if is_sentinel else target.user
        self._password = target.sentinel_password if is_sentinel else target.password
        self._connection = self._make_connection()

    def __str__(self) -> str:
        if self._part:
            return f"{self._part} {self._address} of {self._target.describe()}"
        return f"Redis at {self._target.describe()}"

    def __enter__(self) -> ProbeConnection:
        """Connect and log in."""
        try:
            self._connection.connect()
        except exceptions.RedisError as error:
            raise self._explained(error) from None
        return self

    def __exit__(self, *_exc: object) -> None:
        self._connection.disconnect()

    def ask(self, *words: str | int) -> Any:
        """Send a command; return the reply, with text for bytes."""
        try:
            self._connection.send_command(*words)
            return self._connection.read_response()
        except exceptions.RedisError as error:
            raise self._explained(error, *words) from None

    def fields(self, *words: str) -> dict[str, str]:
        """Send a command whose reply is lines of ``name:value``."""
        lines = str(self.ask(*words)).splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def _make_connection(self) -> AbstractConnection:
        options: dict[str, Any] = {
            "username": self._user or None,
            "password": self._password or None,
            "socket_timeout": self._answer_timeout,
            "socket_connect_timeout": self._answer_timeout,
            "protocol": 2,
            "driver_info": None,
            "decode_responses": True,
            "encoding_errors": "replace",
        }
        address, tls = self._address, self._target.tls
        if address.path:
            return UnixDomainSocketConnection(address.path, **options)  # type: ignore[abstract] # a flaw of redis-py
        options |= {"host": address.host, "port": address.port}
        if tls is None:
            return Connection(**options)
        return SSLConnection(
            ssl_ca_certs=tls.ca_file or None,
            ssl_certfile=tls.cert_file or None,
            ssl_keyfile=tls.key_file or None,
            ssl_cert_reqs="required" if tls.verify else "none",
            **options,
        )

    def _explained(self, error: exceptions.RedisError, *words: str | int) -> Unusable:
        """Put a failure into words; *words* are the command, none during the login."""
        quoted = f": {_line(error)}" if words else ""  # the error of a login may repeat the password
        match error:
            case exceptions.BusyLoadingError():
                return NotYet(f"{self} is still loading its data: start gim when it has finished")
            case exceptions.AuthenticationError():
                return Unusable(f"{self} {self._login_refused(error)}")
            case exceptions.NoPermissionError():
                user = self._user or "default"
                return Unusable(
                    f"{self} does not let user {user!r} do this{quoted}: allow it with ACL SETUSER"
                )
            case exceptions.InvalidResponse():
                return Unusable(
                    self._mismatch() or f"{self} does not speak the Redis protocol: correct the URL"
                )
            case exceptions.ConnectionError() | exceptions.TimeoutError():
                return self._unreached(error)
        return Unusable(f"{self} refuses {words[0] if words else 'the login'}{quoted}")

    def _login_refused(self, error: exceptions.RedisError) -> str:
        write, drop = "user:password@ before the host", "user and password"
        if self._part == "sentinel":
            write = drop = "sentinel_user= and sentinel_password= behind ?"
        if error.status_code == "NOAUTH":
            return f"requires a password: write {write}"
        if "without any password" in str(error):
            return f"has no password: leave out {drop}, or set one there"
        return f"does not know user {self._user or 'default'!r} with this password: correct {drop}"

    def _unreached(self, error: exceptions.RedisError) -> Unusable:
        cause = error.__context__
        lost = f"can't reach {self}: {self._reason(error, cause)}"
        match cause:
            case socket.gaierror():
                return Unusable(f"{lost}: correct the name of the host")
            case PermissionError():
                return Unusable(f"{lost}: let gim's user read and write it")
            case ssl.SSLCertVerificationError():
                why = cause.verify_message
                return Unusable(f"can't verify {self}: {why}: name its CA with ssl_ca_certs")
            case ConnectionRefusedError() | FileNotFoundError():
                return NotYet(f"{lost}: {_START}")
            case TimeoutError() if self._target.tls is None:
                return NotYet(f"{lost}: {_START}")
        return Unusable(mismatch) if (mismatch := self._mismatch()) else self._ended(lost, cause)

    def _ended(self, lost: str, cause: BaseException | None) -> Unusable:
        """Explain a connection that ended, or got no answer."""
        todo, tls = _START, self._target.tls
        if tls is not None and not tls.cert_file and not isinstance(cause, TimeoutError):
            todo += ", and name a certificate with ssl_certfile if the server requires one"
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError):
            return Unusable(f"{lost}: {todo}")
        return NotYet(f"{lost}: {todo}")

    def _mismatch(self) -> str:
        """Say if one side speaks TLS and the other does not; "" otherwise."""
        if self._address.path:
            return ""
        if self._target.tls is None and _answers_in_tls(self._address, self._answer_timeout):
            return f"{self} speaks TLS: write rediss for redis"
        if self._target.tls is not None and _answers_in_plain(self._address, self._answer_timeout):
            return f"{self} does not speak TLS: write redis for rediss"
        return ""

    def _reason(self, error: exceptions.RedisError, cause: BaseException | None) -> str:
        match cause:
            case TimeoutError():
                return f"no answer within {self._answer_timeout:g} s"
            case ssl.SSLEOFError() | ConnectionResetError() | BrokenPipeError():
                return "it closed the connection"
            case ssl.SSLError() if cause.reason:
                return f"TLS fails, {cause.reason}"
            case OSError() if cause.strerror:
                return cause.strerror
        return _line(error).rstrip(".")


def _line(error: exceptions.RedisError) -> str:
    """Return the error of a server as one line without control characters, shortened."""
    line = "".join(char if char.isprintable() else " " for char in str(error))
    return f"{line[:MAX_QUOTED]}..." if len(line) > MAX_QUOTED else line


def _answers_in_tls(address: Address, timeout: float) -> bool:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with socket.create_connection((address.host, address.port), timeout) as plain:
            context.wrap_socket(plain).close()
    except ssl.SSLError as error:
        return "ALERT" in (error.reason or "")
    except OSError:
        return False
    return True


def _answers_in_plain(address: Address, timeout: float) -> bool:
    try:
        with socket.create_connection((address.host, address.port), timeout) as plain:
            plain.sendall(b"PING\r\n")
            return plain.recv(1) in (b"+", b"-")
    except OSError:
        return False
