"""Logs of other people, with counts that other programs made of them: read here, they give the same counts.

The corpora are too large to stand beside the tests: INCIDENT_KIT_CORPORA names their folder, else `../shared/corpora`
beside the checkout is looked at.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pandas
import pytest

from incident_kit import logs
from incident_kit.logs import Account
from incident_kit.model.source import Source

FOLDER = Path(os.environ.get("INCIDENT_KIT_CORPORA") or Path(__file__).parents[2].parent / "shared" / "corpora")
pytestmark = pytest.mark.skipif(
    not (FOLDER / "oracles.json").is_file(),
    reason="the corpora are not here: INCIDENT_KIT_CORPORA does not name their folder",
)
# Lines of PostgreSQL that are records; pgBadger counts those of DETAIL, HINT, CONTEXT and STATEMENT beside them.
RECORD_LEVELS = {"LOG": "info", "EVENTLOG": "info", "ERROR": "error", "FATAL": "fatal"}


def reading(path: Path, where: str = "true") -> tuple[Account, pandas.DataFrame]:
    with logs.read([Source("1", path, path.name)]) as records:
        return records.accounting()[0], records.frame(where)


def oracle(name: str) -> dict[str, Any]:
    return json.loads((FOLDER / "oracles.json").read_text(encoding="utf-8"))[name]


def most(values: pandas.Series, count: int) -> list[int]:
    return [int(number) for number in values.value_counts().head(count)]


def test_ten_thousand_requests_of_apache_give_the_same_counts():
    expected = oracle("apache_10k")
    account, frame = reading(FOLDER / "elastic_examples" / "apache_access_10k.log", "is_request")
    assert (account.lines, account.unparsed, account.continuations) == (expected["lines"], expected["unparsed"], 0)
    assert {str(status): count for status, count in Counter(frame["status"]).items()} == expected["status"]
    failed = frame[frame["status"] >= 500]
    assert len(failed) == expected["errors_5xx"]
    assert Counter(failed["url"].str.partition("?")[0]) == dict(expected["routes_5xx"])
    clients = Counter(frame["client"])
    assert [[name, count] for name, count in clients.most_common(len(expected["top_ip"]))] == expected["top_ip"]


def test_the_logins_of_a_syslog_give_the_same_counts():
    expected = oracle("elastic_auth")
    account, frame = reading(FOLDER / "elastic_examples" / "auth.log")
    assert (account.lines, account.records, account.undated) == (expected["lines"], expected["lines"], 0)
    sshd = frame[frame["logger"] == "sshd"]["message"]
    told = sshd.str.extract(
        r"^(?:message repeated (\d+) times: \[ )?(Failed|Accepted) (\w+) for .* from (\S+) port"
    ).dropna(subset=[1])
    told["times"] = told[0].fillna("1").astype(int)
    failed, accepted = told[(told[1] == "Failed") & (told[2] == "password")], told[told[1] == "Accepted"]
    sources = failed.groupby(3)["times"].sum().sort_values(ascending=False)
    assert (int(failed["times"].sum()), len(sources)) == (expected["failed_attempts"], expected["failed_sources"])
    assert {name: int(sources[name]) for name, _ in expected["top_failed"]} == dict(expected["top_failed"])
    invalid = sshd.str.extract(r"^Invalid user .*from (\S+)")[0].dropna()
    assert len(invalid) == expected["invalid_user_lines"]
    assert most(invalid, len(expected["top_invalid"])) == [count for _, count in expected["top_invalid"]]
    assert (len(accepted), Counter(accepted[3]), Counter(accepted[2])) == (
        expected["accepted"],
        dict(expected["accepted_sources"]),
        expected["accepted_methods"],
    )


@pytest.mark.parametrize(
    "name", ["cnpg.log.gz", "light.postgres.log.bz2", "logplex.gz", "multiline_param.log", "stmt_type.log"]
)
def test_a_log_of_postgresql_gives_the_counts_of_pgbadger(name):
    expected = json.loads((FOLDER / "pgbadger" / "oracle" / f"{name}.json").read_text(encoding="utf-8"))
    account, frame = reading(FOLDER / "pgbadger" / "fixtures" / name)
    assert (account.lines, account.undated) == (expected["nlines"], 0)
    if name.startswith("cnpg"):  # the operator's own lines stand between those of PostgreSQL
        frame = frame[frame["pid"].notna()]
    levels: Counter[str] = Counter()
    for level, count in expected["logs_type"]["postgres"].items():
        if level in RECORD_LEVELS:
            levels[RECORD_LEVELS[level]] += count
    assert Counter(frame["level"]) == levels
    overall = expected["overall_stat"]["postgres"]
    durations = frame["duration_ms"][
        frame["message"].str.startswith("duration:")
    ].dropna()  # a wait for a lock is none of a query
    assert durations.sum() == pytest.approx(sum(overall["queries_duration"].values()))
    if name != "multiline_param.log":  # parse and bind have durations of their own, and are no queries
        assert len(durations) == overall["queries_number"]
        assert durations.mean() == pytest.approx(overall["queries_duration"]["execute"] / overall["queries_number"])
