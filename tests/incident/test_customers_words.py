"""No message to customers names what they do not know: on every recording, and whatever a person noted."""

from __future__ import annotations

import re

import pytest
import updates_of_recordings as recorded
from updates_of_recordings import BOOK, LANGUAGES, entry, utc

from incident_kit.evidence.journal import Kind
from incident_kit.incident.state import Audience, Status, state_of
from incident_kit.incident.updates import why_left_out
from incident_kit.runbook.messages import internal_words_in
from incident_kit.view.messages import TARGETS

WORDS = BOOK.messages.words
NOW = utc("2026-11-23T16:40:00")
# Held apart from the runbook's own list: what no customer of a portal may ever read in a message about it.
FORBIDDEN = re.compile(
    r"""
    whmcs | freebit | salesforce | redis | postgres | prisma | nest(?:js)? | \bnode\b | \bbff\b | \bapi\b | \bsql\b
    | database | \bcache | server | \bqueue | \bhost | \btoken | \bsession | \bconnection | \bpool\b | timeout | deploy
    | endpoint | \broute | exception | backend | latency | replay | \bsse\b | \bjwt\b | \bdns\b | \bhttps?\b
    | platform.event | \bp[1-4]\b | severity | symptom | evidence | runbook | \bjson\b | \b[45]\d\d\b | \b5xx\b
    | \d+\.\d+\.\d+\.\d+ | :// | /api | /health | _ | \brequests?\ failed | root\ cause | outage\ of | vendor | supplier
    | サーバ | データベース | キャッシュ | ホスト | トークン | エンドポイント | ランブック | ベンダー | 重大度
    | リクエスト
    """,
    re.IGNORECASE | re.VERBOSE,
)
# What people write at three in the morning.
INTERNAL = [
    "WHMCS is down again",
    "ＷＨＭＣＳ does not answer",
    "WH\u200bMCS does not answer",
    "w h m c s: Freebit's API times out",
    "restarted the BFF, invoices work",
    "Redis OOM, nobody can sign in",
    "PostgreSQL has no connection left in the pool",
    "Prisma P1001 on db-primary-1",
    "http://10.0.0.5:4000/health is red",
    "see https://grafana.example.com/d/abc",
    "10.2.3.4 refuses",
    "2001:db8::1 refuses",
    "GET /api/billing/invoices fails",
    "billing.internal.example does not answer",
    "IntegrationError when paying",
    "customers get a 503",
    "customers see 500 errors",
    "WHMCS_API_SECRET is wrong",
    "the node process on portal-prod-3 restarts",
    "OrderProvisionRequested__e events stopped",
    "we rolled out a hotfix and flushed the cache",
    "the vendor has an outage",
    "caused by last night's deploy",
    "データベースの接続が切れた",
    "WHMCSが応答しない",
    "サーバーを再起動した",
    "Salesforceの障害です",
    "外部システムの障害です",
]
FIT = {
    "en": ["Customers cannot see their invoices", "Payments fail for about half of our customers.", "You can't log in"],
    "ja": ["請求書が表示されません", "約半数のお客様がお支払いできません。"],
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("recording", recorded.recordings())
def test_no_message_on_a_recording_names_what_customers_do_not_know(recording: str, language: str) -> None:
    for over in (False, True):
        for status in Status:
            state = state_of([entry(1, Kind.STATUS, "", NOW, status=status.value)])
            made = recorded.update(recording, Audience.CUSTOMER, language, over=over, state=state)
            for target in TARGETS:
                text = recorded.text_of(made, language, target)
                assert FORBIDDEN.findall(text) == []
                assert internal_words_in(text, WORDS) == []


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("noted", INTERNAL)
def test_what_a_person_noted_of_the_inside_is_left_out(noted: str, language: str) -> None:
    state = state_of(
        [
            entry(1, Kind.OPENED, noted, NOW),
            entry(2, Kind.SEVERITY, noted, NOW, level="P2"),
            entry(3, Kind.IMPACT, noted, NOW),
            entry(4, Kind.ACTION, noted, NOW),
            entry(5, Kind.MILESTONE, noted, NOW, milestone="mitigated"),
            entry(6, Kind.STATUS, noted, NOW, status="identified"),
        ]
    )
    assert "it names what customers do not know" in why_left_out(noted, language, WORDS)
    made = recorded.update("whmcs_refused", Audience.CUSTOMER, language, over=True, state=state)
    text = recorded.text_of(made, language)
    assert FORBIDDEN.findall(text) == []
    assert noted not in text


@pytest.mark.parametrize(("language", "noted"), [(language, text) for language in FIT for text in FIT[language]])
def test_what_customers_understand_is_put_in(language: str, noted: str) -> None:
    state = state_of([entry(1, Kind.IMPACT, noted, NOW)])
    made = recorded.update("whmcs_refused", Audience.CUSTOMER, language, over=False, state=state)
    assert noted.rstrip(".。") in recorded.text_of(made, language)


@pytest.mark.parametrize(
    ("noted", "language", "why"),
    [
        ("請求書が表示されません", "en", "language (en)"),
        ("Invoices cannot be seen", "ja", "language (ja)"),
        ("call [redacted:phone]", "en", "somebody's data"),
        ("invoices \x1b[2J cannot be seen", "en", "cannot be shown"),
        ("invoices \u202e cannot be seen", "en", "cannot be shown"),
    ],
)
def test_what_cannot_be_sent_as_it_is_is_left_out(noted: str, language: str, why: str) -> None:
    assert why in why_left_out(noted, language, WORDS)


@pytest.mark.parametrize(
    "text", ["redistributed", "podium", "3.5 times slower", "e.g. nobody can pay", "at 10:15", "you cannot log in"]
)
def test_a_word_within_another_is_another(text: str) -> None:
    assert internal_words_in(text, WORDS) == []
