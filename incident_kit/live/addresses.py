"""The addresses of systems: taken apart as the portal's own clients do, and shown without user, password and query.

Only the standard library is imported at the top: the addresses of an environment file need no driver to be shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, unquote, urlencode

from incident_kit.live.session import NoAnswer
from incident_kit.model.answer import Fault

SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
ENDS = re.compile(r"[/?#]")
# A host, or several, each with its port if it has one; `[` begins an IPv6 address.
PLACE = re.compile(r"(?:[^\[\]:@/?#]*|\[[^\[\]@/?#]*\])(?::\d*)?(?:,(?:[^\[\]:@/?#]*|\[[^\[\]@/?#]*\])(?::\d*)?)*")
HOW_TO_WRITE = "and / ? # @ in its password written as %2F %3F %23 %40?"


@dataclass(frozen=True, slots=True)
class UrlParts:
    """An address taken apart where clients do, nothing of it decoded."""

    scheme: str
    user: str
    password: str
    place: str
    path: str
    query: str


def split_url(url: str) -> UrlParts | None:
    """The parts of an address; None if it is none, or could be read in two ways.

    User, password and place end at the first `/`, `?` or `#` (RFC 3986). The place begins after the last `@` of that.
    Clients also take a password that holds such characters as they are. So it is taken here where what stands before
    them can be no place: then there is but one reading.
    """
    scheme, separator, rest = unquoted(url).partition("://")
    if not separator or not SCHEME.fullmatch(scheme):
        return None
    end = ENDS.search(rest)
    authority = rest[: end.start()] if end else rest
    if "@" in authority or PLACE.fullmatch(authority):
        credentials, _, place = authority.rpartition("@")
        after = rest[len(authority) :]
    else:
        before_query = rest.partition("?")[0]
        credentials, _, after = (before_query if "@" in before_query else rest).rpartition("@")
        if before_query != rest and "@" in before_query:
            after += rest[len(before_query) :]
        elif rest.count("@") != 1 and "@" not in before_query:
            return None
        end = ENDS.search(after)
        place, after = (after[: end.start()], after[end.start() :]) if end else (after, "")
    path, _, query = after.partition("#")[0].partition("?")
    if not PLACE.fullmatch(place) or "@" in path:
        return None
    user, _, password = credentials.partition(":")
    return UrlParts(scheme.lower(), user, password, place, path, query)


def unquoted(url: str) -> str:
    """An address without the quotes and spaces that an environment file leaves around it."""
    return url.strip().strip("\"'")


def scheme_of(url: str) -> str:
    """What stands before `://`, in small letters."""
    return unquoted(url).partition("://")[0].lower()


def host_and_port(place: str) -> tuple[str, str]:
    """A place of one host taken apart, as written; the brackets of an IPv6 address are not part of it.

    >>> host_and_port("[::1]:6380"), host_and_port("cache"), host_and_port(":6380")
    (('::1', '6380'), ('cache', ''), ('', '6380'))
    """
    host, bracket, rest = place[1:].partition("]") if place.startswith("[") else place.partition(":")
    return host, rest.removeprefix(":") if bracket else ""


def shown_place(host: str, port: int | str) -> str:
    """A host and its port as an address has them."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def unusable(reason: str) -> NoAnswer:
    """What keeps us from asking, and says nothing of the system."""
    return NoAnswer(reason, final=True, fault=Fault.OURS)


# PostgreSQL

# What of an address says where and how to connect, in the words of libpq. The rest sets up a session of the portal
# (options, application_name, timeouts) and is left out: we set our own, and a pooler refuses startup parameters that
# it does not know. https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
# fmt: off
LIBPQ_OPTIONS = frozenset({
    "host", "hostaddr", "port", "dbname", "user", "password", "passfile", "require_auth", "channel_binding",
    "gssencmode", "krbsrvname", "target_session_attrs", "load_balance_hosts", "ssl", "sslmode", "sslnegotiation",
    "sslrootcert", "sslcert", "sslkey", "sslpassword", "sslcrl", "sslsni", "ssl_min_protocol_version",
})
# fmt: on
# Settings of Prisma that say how many connections a process of the portal may open. Others that libpq does not know
# (schema, socket_timeout, statement_cache_size, sslaccept, sslidentity, single_use_connections) are left out.
# https://www.prisma.io/docs/orm/overview/databases/postgresql
POOL_OPTIONS = ("connection_limit", "pool_timeout", "pgbouncer")
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
# What node-postgres takes for sslmode or ssl, in libpq's words. By no-verify it means what libpq means by require:
# TLS, and no look at the certificate.
# https://github.com/brianc/node-postgres/blob/master/packages/pg-connection-string/README.md
NODE_SSL_MODES = {"no-verify": "require", "true": "require", "1": "require", "false": "disable", "0": "disable"}
NOT_POSTGRES = "the value is not an address such as postgresql://user@host:5432/database"


@dataclass(frozen=True, slots=True)
class PostgresAddress:
    """A PostgreSQL address taken apart: hosts with their ports, and what else libpq needs.

    A host that begins with / is the folder of a socket.
    """

    places: tuple[tuple[str, int], ...]
    database: str
    options: dict[str, str]
    pool: dict[str, str]

    def shown(self, place: tuple[str, int] | None = None) -> str:
        """The address, or one place of it, without user, password and query."""
        places = [place] if place else self.places
        hosts = ",".join(shown_place(quote(host, safe=":"), port) for host, port in places)
        return f"postgresql://{hosts}/{quote(self.database)}"


def postgres_address(url: str) -> tuple[PostgresAddress, list[str]]:
    """An address as libpq reads it, and the values in it that must never be shown. Raises NoAnswer.

    What only Prisma and node-postgres know is left out, or put into libpq's words.
    """
    scheme = scheme_of(url)
    if scheme.startswith("prisma"):
        raise unusable(
            "the value is the address of a Prisma service, not of a PostgreSQL that could be asked; "
            "name the variable of the direct address"
        )
    if scheme not in ("postgresql", "postgres"):
        raise unusable(f"{NOT_POSTGRES}, so there is no PostgreSQL that could be asked")
    parts = split_url(url)
    if parts is None:
        raise unusable(f"{NOT_POSTGRES}; are its ports numbers, {HOW_TO_WRITE}")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    secrets = [parts.password, unquote(parts.password), query.get("password", ""), query.get("sslpassword", "")]
    options = read_by_libpq(parts, libpq_options(query))
    host, numeric_host = options.pop("host", ""), options.pop("hostaddr", "")
    places = hosts_with_ports(numeric_host or host, options.pop("port", ""))  # of both, libpq asks the numeric one
    pool = {name: query[name] for name in POOL_OPTIONS if name in query}
    return PostgresAddress(places, options.pop("dbname", ""), options, pool), secrets


def libpq_options(query: Mapping[str, str]) -> dict[str, str]:
    """The options of a query that libpq knows, in its words. Raises NoAnswer."""
    options = {name: value for name, value in query.items() if name in LIBPQ_OPTIONS and value}
    if "sslcert" in options and "sslkey" not in options:
        del options["sslcert"]  # Prisma's name for what libpq calls sslrootcert; alone it proves nothing about us
    ssl = options.pop("ssl", "")
    mode = options.get("sslmode", ssl)
    if mode:
        options["sslmode"] = NODE_SSL_MODES.get(mode, mode)
        if options["sslmode"] not in SSL_MODES:
            raise unusable(
                "the sslmode of the address is none that PostgreSQL's driver knows: "
                f"{', '.join(SSL_MODES)}, or no-verify as node-postgres has it"
            )
    return options


def read_by_libpq(parts: UrlParts, options: Mapping[str, str]) -> dict[str, str]:
    """What libpq makes of an address with these options. Raises NoAnswer.

    The address is encoded anew: node-postgres and Prisma take what libpq would refuse, such as a lone % in a password.
    """
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    credentials = quote(unquote(parts.user), safe="")
    if parts.password:
        credentials += f":{quote(unquote(parts.password), safe='')}"
    signed = f"{credentials}@" if credentials else ""
    path = quote(unquote(parts.path.lstrip("/")), safe="")
    try:
        values = conninfo_to_dict(f"postgresql://{signed}{parts.place}/{path}?{urlencode(options, quote_via=quote)}")
    except psycopg.Error:
        raise unusable(NOT_POSTGRES) from None
    return {name: str(value) for name, value in values.items() if value}


def hosts_with_ports(host_list: str, port_list: str) -> tuple[tuple[str, int], ...]:
    """Each host with its port, as libpq pairs them. Raises NoAnswer."""
    hosts, ports = host_list.split(","), (port_list or "5432").split(",")
    try:
        numbers = [int(port or 5432) for port in (ports * len(hosts) if len(ports) == 1 else ports)]
    except ValueError:
        raise unusable(f"{NOT_POSTGRES}: its port is not a number") from None
    if len(numbers) != len(hosts) or not all(0 < port < 65_536 for port in numbers):
        raise unusable(f"{NOT_POSTGRES}: it does not give each host one port")
    # No host is this machine, as node-postgres and Prisma have it.
    return tuple(zip((host or "localhost" for host in hosts), numbers, strict=True))


# Redis

# The schemes of a socket, as the clients of Redis write them (https://redis.io/docs/latest/develop/clients/,
# https://github.com/redis/ioredis, https://redis.github.io/lettuce/).
SOCKET_SCHEMES = ("unix", "redis+unix", "rediss+unix", "redis-socket", "redis+socket")
NOT_REDIS = "the value is not an address such as redis://host:6379/0"


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """A Redis address taken apart; `socket` is the path of a socket of this machine, or empty."""

    host: str
    port: int
    database: int
    user: str
    password: str
    tls: bool
    socket: str = ""

    @property
    def place(self) -> str:
        return self.socket or shown_place(self.host, self.port)

    @property
    def shown(self) -> str:
        """The address without user, password and query."""
        if self.socket:
            return f"unix://{quote(self.socket)}?db={self.database}"
        return f"redis{'s' if self.tls else ''}://{self.place}/{self.database}"


def redis_address(url: str) -> tuple[RedisAddress, list[str]]:
    """An address as clients of Redis take it, and the values in it that must never be shown. Raises NoAnswer."""
    scheme, parts = scheme_of(url), one_redis(url)
    query = dict(parse_qsl(parts.query))
    user = unquote(parts.user) or query.get("username", "")
    password = unquote(parts.password) or query.get("password", "")
    secrets = [parts.password, password]
    on_socket = scheme in SOCKET_SCHEMES
    host, port_text = host_and_port(parts.place)
    database_text = query.get("db") or query.get("database") or ""
    if not on_socket:
        database_text = parts.path.strip("/") or database_text
    try:
        port, database = int(port_text or 6379), int(database_text or 0)
    except ValueError:
        raise unusable(f"{NOT_REDIS}: its port or its database is not a number") from None
    if not 0 < port < 65_536 or database < 0:
        raise unusable(f"{NOT_REDIS}: there is no such port, or no such database")
    if on_socket:
        path = unquote(parts.place + parts.path)
        if not path.startswith("/"):
            raise unusable(
                "the value is not an address such as unix:///run/redis.sock: "
                "the path of the socket does not begin with /"
            )
        return RedisAddress("", 0, database, user, password, False, path), secrets
    return RedisAddress(unquote(host) or "localhost", port, database, user, password, scheme == "rediss"), secrets


def one_redis(url: str) -> UrlParts:
    """The parts of the address of one Redis. Raises NoAnswer, also for that of Sentinels and of a cluster."""
    scheme = scheme_of(url)
    if "sentinel" in scheme:
        raise unusable(
            "the value is the address of Sentinels, which know where a Redis is and hold nothing; "
            "name the variable of the master's own redis:// address"
        )
    if "cluster" in scheme:
        raise unusable(
            "the value is the address of a cluster as a whole; name the redis:// address of one of its nodes"
        )
    if scheme not in ("redis", "rediss", *SOCKET_SCHEMES):
        raise unusable(f"{NOT_REDIS}, so there is no Redis that could be asked")
    parts = split_url(url)
    if parts is None:
        raise unusable(f"{NOT_REDIS}; is its port a number, {HOW_TO_WRITE}")
    if "," in parts.place:
        raise unusable(
            "the value names several hosts, as that of Sentinels or of a cluster does; "
            "name the redis:// address of one Redis"
        )
    return parts
