"""A connection to one Redis: it sends only what COMMANDS allows, writes it in the ledger, and is bounded in time.

Commands and their effects: https://redis.io/docs/latest/commands/
KEYS and MONITOR, which burden the server, are not used.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import redis
from redis.connection import AbstractConnection, Connection, SSLConnection, UnixDomainSocketConnection

from incident_kit.live import network
from incident_kit.live.addresses import RedisAddress, redis_address, unusable
from incident_kit.live.failures import redis_failure
from incident_kit.live.network import CONNECT_S
from incident_kit.live.session import LedgerEntry, NoAnswer, Session

# Everything that may be sent, as the ledger begins its lines. AUTH, SELECT and CLIENT concern this connection alone.
# fmt: off
COMMANDS = (
    "AUTH", "SELECT", "CLIENT SETNAME", "CLIENT NO-TOUCH", "PING", "TIME", "INFO", "SLOWLOG GET", "SLOWLOG LEN",
    "CLIENT LIST", "LATENCY LATEST", "ROLE", "CLUSTER INFO", "DBSIZE", "SCAN", "TYPE", "PTTL", "OBJECT IDLETIME",
    "MEMORY USAGE", "GET", "LLEN", "ZCARD",
)
# fmt: on
NAME = "incident_kit"
REPLY_S = 3.0


def permitted(arguments: Sequence[Any]) -> str:
    """The command as the ledger shows it. Raises ValueError for one that COMMANDS does not have."""
    words = [
        argument.decode("utf-8", "backslashreplace") if isinstance(argument, bytes) else str(argument)
        for argument in arguments
    ]
    for command in COMMANDS:
        if " ".join(words[: len(command.split())]).upper() == command:
            return "AUTH (not shown)" if command == "AUTH" else " ".join(words)
    raise ValueError(f"{words[0]}: not a command that this package may send")


class RecordedConnection(AbstractConnection):
    """What the driver's connections share here: the list of commands, the ledger, and the limits of time."""

    def __init__(self, *, session: Session, stack: ExitStack, **options: Any) -> None:
        super().__init__(
            protocol=2, driver_info=None, socket_connect_timeout=CONNECT_S, socket_timeout=REPLY_S, **options
        )
        self._session, self._stack = session, stack
        self._sent: LedgerEntry | None = None
        self.accepted = False  # whether the other side took the connection
        self.has_answered = False

    def _connect(self) -> Any:
        connection = super()._connect()  # type: ignore[safe-super]  # that of the driver's own class
        self.accepted = True
        self._stack.enter_context(self._session.budget.holding(connection.fileno()))
        return connection

    def send_command(self, *arguments: Any, **options: Any) -> None:
        self._session.budget.left_s()
        self._sent = self._session.note(permitted(arguments))
        super().send_command(*arguments, **options)

    def read_response(self, *arguments: Any, **options: Any) -> Any:
        outcome = "no reply"
        try:
            response = super().read_response(*arguments, **options)
            outcome = "ok"
            self.has_answered = True
        except (ValueError, RecursionError) as error:  # what the driver says of bytes that are no reply
            outcome = "no reply of Redis"
            raise redis.InvalidResponse(outcome) from error
        except redis.RedisError as error:
            outcome = f"{error.status_code or type(error).__name__} {error}"
            self.has_answered = self.has_answered or isinstance(error, redis.ResponseError)
            raise
        finally:
            if self._sent:
                self._sent.done(outcome)
        return response


class RecordedOverTcp(RecordedConnection, Connection):
    """Over TCP."""


class RecordedOverTls(SSLConnection, RecordedOverTcp):
    """Over TLS. In this order, the connection is held before the handshake, which may never end."""


class RecordedOnSocket(RecordedConnection, UnixDomainSocketConnection):
    """Over a socket of this machine."""


class RedisConnection:
    """A connection to one Redis, and what its answers have shown so far.

    That is: the fields of INFO, and the keys of replay positions and queues that were met.
    """

    def __init__(self, url: str, session: Session, stack: ExitStack) -> None:
        self._url, self._session, self._stack = url, session, stack
        self._connection: RecordedConnection | None = None
        self.address = RedisAddress("", 0, 0, "", "", False)
        self.info: dict[str, Any] = {}
        self.replay_keys: set[bytes] = set()
        self.queue_keys: dict[str, set[str]] = {}
        self.scanned, self.unscanned = False, ""  # `unscanned`: why not every key was looked at
        self.is_sentinel = False
        # Masters of the cluster that this is one node of; 0 where it is no cluster, None where nobody says how many.
        self.masters: int | None = 0

    def connect(self) -> None:
        """Connect, sign in and choose the database. Raises NoAnswer."""
        self.address, self._session.secrets = redis_address(self._url)
        address = self.address
        options: dict[str, Any] = {
            "session": self._session,
            "stack": self._stack,
            "db": address.database,
            "username": address.user or None,
            "password": address.password or None,
        }
        if address.socket:
            refuse_what_is_no_socket(address.socket)
            # The driver leaves out a host, which a socket has not.
            connection: RecordedConnection = RecordedOnSocket(path=address.socket, **options)  # type: ignore[abstract]
        else:
            # A resolver that hangs is met here, where it is bounded.
            network.resolve(address.host, address.port, self._session.budget)
            kind = RecordedOverTls if address.tls else RecordedOverTcp
            connection = kind(host=address.host, port=address.port, **options)
        self._stack.callback(connection.disconnect)
        self._connection = connection
        with self._session.sending(f"(connect to {address.shown})"):
            self._in_plain_words(connection.connect)
        self.may("CLIENT", "SETNAME", NAME)  # a courtesy to whoever reads CLIENT LIST

    def may(self, *arguments: str) -> bool:
        """Send a command that the server may not know or not allow; whether it did.

        Raises NoAnswer when the connection is lost.
        """
        return self.send_if_allowed(*arguments)[1] == ""

    def send_if_allowed(self, *arguments: str) -> tuple[Any, str]:
        """The reply to a command that the server may not know or not allow, or None and why there is none.

        Raises NoAnswer when the connection is lost.
        """
        try:
            return self.send(*arguments), ""
        except NoAnswer as failure:
            if failure.final:
                raise
            return None, str(failure)

    def send(self, *arguments: str | bytes | int) -> Any:
        """The reply to one command; bytes where Redis gives bytes. Raises NoAnswer."""
        connection = self._connection
        if connection is None:
            raise NoAnswer("there is no connection", final=True)

        def exchange() -> Any:
            connection.send_command(*arguments)
            return connection.read_response(disable_decoding=True)

        command = " ".join(str(word) for word in arguments[:2] if isinstance(word, str) and word.isalpha())
        return self._in_plain_words(exchange, command)

    def _in_plain_words(self, do: Callable[[], Any], command: str = "") -> Any:
        """What `do` gives, with what goes wrong put into plain words."""
        where = self.address.place
        try:
            return do()
        except redis.TimeoutError as error:
            if not (self._connection and self._connection.accepted):
                raise network.never_connected(where, CONNECT_S) from error
            in_greeting = self.address.tls and not self._connection.is_connected
            reason = "is frozen, swamped, or busy with one long command"
            if in_greeting:
                reason = "does not speak TLS on that port, or is frozen"
            raise NoAnswer(f"{where} does not answer within {REPLY_S:g} s: it {reason}", final=True) from error
        except redis.RedisError as error:
            if error.status_code or isinstance(error, redis.ResponseError):
                raise redis_failure(error, command) from error
            if isinstance(error, redis.InvalidResponse):
                raise unusable(f"{where} does not speak Redis's protocol: is it the right port?") from error
            # For this the driver raises an error of its own, without the socket's.
            cause = ConnectionResetError() if "closed by server" in str(error) else error
            if self._wants_tls(cause):
                raise unusable(f"{where} speaks TLS, and the address asks for none: write rediss:// in it") from error
            raise network.failed(cause, self.address.socket or self.address.host, self.address.port) from error

    def _wants_tls(self, error: BaseException) -> bool:
        """Whether the connection was ended without a word because TLS is spoken there."""
        connection, address = self._connection, self.address
        if address.tls or address.socket or connection is None or connection.has_answered or not connection.accepted:
            return False
        if not any(isinstance(cause, ConnectionError) for cause in network.causes(error)):
            return False
        entry = self._session.note(f"(connect to {address.shown} with TLS, and send nothing)")
        is_tls = network.speaks_tls(address.host, address.port, self._session.budget.left_s(CONNECT_S))
        entry.done("ok" if is_tls else "no TLS")
        return is_tls


def refuse_what_is_no_socket(path: str) -> None:
    """Raise NoAnswer where something else than a socket lies there. What is missing is found when connecting."""
    try:
        mode = os.stat(path).st_mode
    except ValueError:
        raise unusable("the path in the address is none") from None
    except OSError:
        return
    if not stat.S_ISSOCK(mode):
        raise unusable("the path in the address leads to something that is no socket")
