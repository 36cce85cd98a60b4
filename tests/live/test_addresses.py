"""Addresses as portals have them: who is asked, what is shown, and what is refused without being repeated."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import servers
from faults import PASSWORD, pooled, pooled_at, portal, url_at
from one_system import ask_one

from incident_kit.live import environment, postgres, redis
from incident_kit.live.addresses import postgres_address, redis_address
from incident_kit.live.session import NoAnswer
from incident_kit.model.answer import Fault, Status

SECRET = "s3cret-of-nobody"


@pytest.fixture(scope="module")
def server() -> Iterator[servers.PostgresServer]:
    with portal() as running:
        yield running


@pytest.mark.parametrize(
    ("url", "shown", "user", "password"),
    [
        ("postgresql://bff:pw@db.internal/shop", "postgresql://db.internal:5432/shop", "bff", "pw"),
        ("POSTGRES://bff:pw@db.internal:6432/shop", "postgresql://db.internal:6432/shop", "bff", "pw"),
        ("'postgresql://bff:pw@db.internal/shop'", "postgresql://db.internal:5432/shop", "bff", "pw"),
        (
            "postgresql://bff:pw@db.internal/shop?options=a@b.example&application_name=c@d",
            "postgresql://db.internal:5432/shop",
            "bff",
            "pw",
        ),
        ("postgresql://db.internal/shop?user=bff&password=p%40w", "postgresql://db.internal:5432/shop", "bff", "p@w"),
        ("postgresql://bff:p@w@db.internal/shop", "postgresql://db.internal:5432/shop", "bff", "p@w"),
        ("postgresql://bff:p/w@db.internal/shop", "postgresql://db.internal:5432/shop", "bff", "p/w"),
        ("postgresql://bff:p?w@db.internal/shop", "postgresql://db.internal:5432/shop", "bff", "p?w"),
        ("postgresql://bff:100%@db.internal/shop", "postgresql://db.internal:5432/shop", "bff", "100%"),
        ("postgresql://bff:pw@db.internal", "postgresql://db.internal:5432/", "bff", "pw"),
        ("postgresql:///shop", "postgresql://localhost:5432/shop", "", ""),
        ("postgresql://bff:pw@[2001:db8::7]:6432/shop", "postgresql://[2001:db8::7]:6432/shop", "bff", "pw"),
        ("postgresql://bff:pw@one,two:6432/shop", "postgresql://one:5432,two:6432/shop", "bff", "pw"),
        (
            "postgresql://bff:pw@%2Fvar%2Frun%2Fpostgresql/shop",
            "postgresql://%2Fvar%2Frun%2Fpostgresql:5432/shop",
            "bff",
            "pw",
        ),
        ("postgresql://bff:pw@/shop?host=/run/pg&port=6432", "postgresql://%2Frun%2Fpg:6432/shop", "bff", "pw"),
        ("postgresql://bff:pw@localhost/shop?host=%2Frun%2Fpg", "postgresql://%2Frun%2Fpg:5432/shop", "bff", "pw"),
        ("postgresql://bff:pw@db.internal/shop?hostaddr=192.0.2.4", "postgresql://192.0.2.4:5432/shop", "bff", "pw"),
    ],
)
def test_who_is_asked_is_what_the_portals_own_drivers_would_ask(url: str, shown: str, user: str, password: str) -> None:
    address, secrets = postgres_address(url)
    assert (address.shown(), address.options.get("user", ""), address.options.get("password", "")) == (
        shown,
        user,
        password,
    )
    assert password == "" or password in secrets


@pytest.mark.parametrize(
    ("query", "options"),
    [
        ("sslmode=no-verify", {"sslmode": "require"}),
        ("ssl=true", {"sslmode": "require"}),
        ("ssl=no-verify", {"sslmode": "require"}),
        ("ssl=0", {"sslmode": "disable"}),
        ("sslmode=verify-full&sslrootcert=/etc/ca.pem", {"sslmode": "verify-full", "sslrootcert": "/etc/ca.pem"}),
        ("sslmode=require&sslaccept=strict&sslcert=../ca.pem&sslidentity=me.p12", {"sslmode": "require"}),
        ("sslcert=/c.pem&sslkey=/k.pem", {"sslcert": "/c.pem", "sslkey": "/k.pem"}),
        ("schema=public&socket_timeout=5&statement_cache_size=0&single_use_connections=true", {}),
        ("options=-c%20search_path%3Dx&statement_timeout=5&keepAlive=true&uselibpqcompat=true", {}),
        (
            "target_session_attrs=read-write&channel_binding=require",
            {"target_session_attrs": "read-write", "channel_binding": "require"},
        ),
    ],
)
def test_what_only_prisma_and_node_know_is_left_out_or_put_into_libpqs_words(
    query: str, options: dict[str, str]
) -> None:
    address, _ = postgres_address(f"postgresql://db.internal/shop?{query}&connection_limit=7&pgbouncer=true")
    assert address.options == options
    assert address.pool == {"connection_limit": "7", "pgbouncer": "true"}


@pytest.mark.parametrize(
    "url",
    [
        f"prisma+postgres://db.example/?api_key={SECRET}",
        f"prisma://db.example/?api_key={SECRET}",
        f"mysql://bff:{SECRET}@db.internal/shop",
        f"jdbc:postgresql://db.internal/shop?password={SECRET}",
        f"postgresql:bff:{SECRET}@db.internal",
        f"postgresql://bff:{SECRET}@db.internal:port/shop",
        f"postgresql://bff:{SECRET}@db.internal:70000/shop",
        f"postgresql://bff:5/{SECRET}@db.internal/shop",  # a port and a database, or a password with a slash in it
        f"postgresql://bff:a@b/{SECRET}@db.internal/shop",
        f"postgresql://bff:{SECRET}@db.internal/shop?sslmode=strictly",
        f"file:{SECRET}.db",
        "",
    ],
)
def test_what_is_no_address_of_a_postgres_is_our_fault_and_is_not_repeated(url: str) -> None:
    with pytest.raises(NoAnswer) as refused:
        postgres_address(url)
    assert refused.value.fault is Fault.OURS
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "shown", "user", "password"),
    [
        ("redis://cache", "redis://cache:6379/0", "", ""),
        ("REDISS://:pw@cache:6380/3", "rediss://cache:6380/3", "", "pw"),
        ("redis://bff:pw@cache/?db=3", "redis://cache:6379/3", "bff", "pw"),
        ("redis://bff:p%40w@cache", "redis://cache:6379/0", "bff", "p@w"),
        ("redis://bff:p/@w@cache/2", "redis://cache:6379/2", "bff", "p/@w"),
        ("redis://:p#w@cache", "redis://cache:6379/0", "", "p#w"),
        ("redis://cache:6379?client_name=bff@node1", "redis://cache:6379/0", "", ""),
        ("redis://[2001:db8::7]:6380/1", "redis://[2001:db8::7]:6380/1", "", ""),
        ("redis://:6380", "redis://localhost:6380/0", "", ""),
        ("unix:///run/redis.sock?db=4", "unix:///run/redis.sock?db=4", "", ""),
        ("unix://bff:pw@/run/redis.sock", "unix:///run/redis.sock?db=0", "bff", "pw"),
        ("redis-socket:///run/redis.sock?database=2", "unix:///run/redis.sock?db=2", "", ""),
    ],
)
def test_a_redis_is_asked_where_its_clients_would_find_it(url: str, shown: str, user: str, password: str) -> None:
    address, _ = redis_address(url)
    assert (address.shown, address.user, address.password) == (shown, user, password)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (f"redis-sentinel://:{SECRET}@one:26379,two:26379/0?sentinelMasterId=portal", "Sentinels"),
        (f"redis+sentinel://:{SECRET}@one:26379/portal/0", "Sentinels"),
        (f"redis-cluster://:{SECRET}@one:7000", "cluster"),
        (f"redis://:{SECRET}@one:7000,two:7000", "several hosts"),
        (f"redis://:{SECRET}@cache/first", "number"),
        (f"redis://:{SECRET}@cache:port", "not an address"),
        (f"redis://:{SECRET}@cache:0", "port"),
        (f"memcached://:{SECRET}@cache", "not an address"),
        (f"redis://:a?{SECRET}@b@cache", "not an address"),
    ],
)
def test_what_is_no_address_of_a_redis_is_our_fault_and_is_not_repeated(url: str, words: str) -> None:
    with pytest.raises(NoAnswer) as refused:
        redis_address(url)
    assert refused.value.fault is Fault.OURS
    assert words in str(refused.value)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (
            f"postgresql://bff:{SECRET}@db.internal:6432/shop?application_name=bff@node1",
            "postgresql://db.internal:6432",
        ),
        (f"redis://:{SECRET}@cache/0", "redis://cache"),
        (f"https://billing.example/includes/api.php?key={SECRET}", "https://billing.example"),
        (f"unix://:{SECRET}@/run/redis.sock", "unix:///run/redis.sock"),
        (f"postgresql://bff:5/{SECRET}@db.internal/shop", "not an address"),
        (SECRET, "not an address"),
    ],
)
def test_where_a_setting_leads_is_shown_as_it_is_asked(url: str, shown: str) -> None:
    assert environment.leads_to(url) == shown


def test_an_at_sign_in_the_query_leads_to_the_same_server(server: servers.PostgresServer) -> None:
    outcome = ask_one(
        "postgres",
        lambda session: postgres.ask(f"{url_at(server, 'watcher')}&application_name=bff@node1&user=watcher", session),
    )
    assert outcome.answers["postgres.ping"].status is Status.OK, outcome.words
    assert outcome.answers["postgres.ping"].data["address"] == f"postgresql://127.0.0.1:{server.port}/portal"


def test_of_several_hosts_the_one_that_answers_is_named(server: servers.PostgresServer) -> None:
    places = f"no-such-host.invalid:5432,127.0.0.1:{servers.free_port()},127.0.0.1:{server.port}"
    outcome = ask_one(
        "postgres", lambda session: postgres.ask(f"postgresql://watcher:{PASSWORD}@{places}/portal", session)
    )
    assert outcome.answers["postgres.ping"].data["address"] == f"postgresql://127.0.0.1:{server.port}/portal", (
        outcome.words
    )


def test_pgoptions_and_the_portals_own_options_do_not_keep_a_pooler_from_answering(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PGOPTIONS", "-c statement_timeout=5000")
    try:
        with pooled(("pool_mode = transaction",)) as pooler:
            url = f"{pooled_at(pooler)}&options=-c%20search_path%3Dportal&statement_timeout=5000"
            outcome = ask_one("postgres", lambda session: postgres.ask(url, session))
    except servers.ServerUnavailable as reason:
        pytest.skip(str(reason))
    assert outcome.complete, outcome.words


def test_a_socket_of_this_machine(tmp_path: Path) -> None:
    folder = (
        Path("/tmp") / f"incident-kit-{servers.free_port()}"
    )  # a socket's path may not be longer than a hundred bytes
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    try:
        with (
            portal(config=(f"unix_socket_directories = '{folder}'",)) as server,
            servers.redis(config=[f"unixsocket {folder}/redis.sock"]) as cache,
        ):
            of_postgres = ask_one(
                "postgres",
                lambda session: postgres.ask(
                    f"postgresql://watcher:{PASSWORD}@/portal?host={folder}&port={server.port}", session
                ),
            )
            of_redis = ask_one("redis", lambda session: redis.ask(f"unix://{folder}/redis.sock", session))
            assert cache.process.poll() is None
            with psycopg.connect(server.dsn):
                pass
    finally:
        for left in folder.iterdir():
            left.unlink()
        folder.rmdir()
    assert of_postgres.answers["postgres.ping"].status is Status.OK, of_postgres.words
    assert of_redis.answers["redis.ping"].status is Status.OK, of_redis.words
