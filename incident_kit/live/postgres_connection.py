"""A connection to one PostgreSQL: bounded in time, every statement in the ledger, every failure in plain words."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

import psycopg
from psycopg.rows import dict_row

from incident_kit.live import network
from incident_kit.live.addresses import PostgresAddress, postgres_address, unusable
from incident_kit.live.failures import postgres_failure
from incident_kit.live.network import CONNECT_S
from incident_kit.live.postgres_statements import ROLLBACK, beginning
from incident_kit.live.session import NoAnswer, Session
from incident_kit.model.answer import Fault

NAME = "incident_kit"
MOST_ADDRESSES = 2


class PostgresConnection:
    """A connection to one PostgreSQL, and what its answers have shown so far of our rights."""

    def __init__(self, url: str, session: Session, stack: ExitStack) -> None:
        self._url, self._session, self._stack = url, session, stack
        self._connection: psycopg.Connection[dict[str, Any]] | None = None
        self.address = PostgresAddress((), "", {}, {})
        self.place: tuple[str, int] | None = None  # the one of several that took the connection
        self.sees_all_sessions, self.counts_statements = True, False
        self.asked_at, self.round_trip_ms = datetime.now(UTC), 0.0  # of the last statement

    def connect(self) -> None:
        """Connect and sign in. Raises NoAnswer."""
        self.address, self._session.secrets = postgres_address(self._url)
        hosts, numeric_hosts, ports = self._resolved()
        options: dict[str, Any] = {
            "gssencmode": "disable",
            **self.address.options,
            "host": ",".join(hosts),
            "hostaddr": ",".join(numeric_hosts),
            "port": ",".join(ports),
        }
        if self.address.database:
            options["dbname"] = self.address.database
        where = self.address.shown()
        with self._session.sending(f"(connect to {where})"):
            try:
                connection: psycopg.Connection[dict[str, Any]] = psycopg.connect(
                    **options,
                    options="",  # what PGOPTIONS has for somebody's psql is not for a pooler
                    connect_timeout=CONNECT_S,
                    application_name=NAME,
                    autocommit=True,
                    prepare_threshold=None,
                    row_factory=dict_row,
                )
            except psycopg.errors.ConnectionTimeout as error:
                reachable = [
                    network.reachable(host, int(port), self._session.budget.left_s(1.0))
                    for host, port in zip(numeric_hosts, ports, strict=True)
                    if host
                ]
                if reachable and not any(reachable):
                    raise network.never_connected(where, CONNECT_S) from error
                raise postgres_failure(error, where, True) from error
            except psycopg.Error as error:
                failure = postgres_failure(error, where, True)
                if failure.fault is Fault.SYSTEM and not error.sqlstate and self._wants_tls(numeric_hosts, ports):
                    raise unusable(
                        f"{where} speaks TLS from the first byte, which PostgreSQL does not where the address "
                        "leaves it to the server: is it the right port?"
                    ) from error
                raise failure from error
        self._stack.callback(connection.close)
        self._stack.enter_context(self._session.budget.holding(connection.fileno()))
        self._connection = connection
        self.place = (connection.info.host, connection.info.port)
        if (connection.info.parameter_status("server_version") or "").endswith("/bouncer"):
            raise unusable(
                "the address leads to PgBouncer's own console (the database pgbouncer), "
                "not to a database of PostgreSQL; name the portal's database"
            )

    def _wants_tls(self, numeric_hosts: list[str], ports: list[str]) -> bool:
        """Whether TLS is spoken from the first byte where the connection was ended."""
        places = [(host, int(port)) for host, port in zip(numeric_hosts, ports, strict=True) if host]
        with self._session.sending("(connect with TLS, and send nothing)"):
            return any(network.speaks_tls(host, port, self._session.budget.left_s(CONNECT_S)) for host, port in places)

    def _resolved(self) -> tuple[list[str], list[str], list[str]]:
        """The hosts of the address, the numeric addresses of each, and its port. Raises NoAnswer.

        libpq itself looks names up without letting any other thread run.
        """
        hosts: list[str] = []
        numeric_hosts: list[str] = []
        ports: list[str] = []
        failure: NoAnswer | None = None
        for host, port in self.address.places:
            try:
                on_socket = host.startswith(("/", "@"))
                numeric = [""] if on_socket else network.resolve(host, port, self._session.budget)[:MOST_ADDRESSES]
            except NoAnswer as unknown:
                failure = unknown
                continue
            hosts += [host] * len(numeric)
            numeric_hosts += numeric
            ports += [str(port)] * len(numeric)
        if failure and not hosts:
            raise failure
        return hosts, numeric_hosts, ports

    def rows(self, statement: str) -> list[dict[str, Any]]:
        """The rows of one statement, in its own read-only transaction. Raises NoAnswer."""
        self._send(beginning())
        try:
            self.asked_at, begun = datetime.now(UTC), perf_counter()
            rows = self._send(statement)
            self.round_trip_ms = (perf_counter() - begun) * 1000
        finally:
            if self._connection and not self._connection.broken:
                self._send(ROLLBACK)
        return rows

    def _send(self, statement: str) -> list[dict[str, Any]]:
        connection = self._connection
        if connection is None:
            raise NoAnswer("there is no connection", final=True)
        self._session.budget.left_s()
        with self._session.sending(statement):
            try:
                cursor = connection.execute(statement)
                while cursor.nextset():  # the last result is the one that counts
                    pass
                return cursor.fetchall() if cursor.description else []
            except psycopg.Error as error:
                raise postgres_failure(error, self.address.shown(self.place), connection.broken) from error
