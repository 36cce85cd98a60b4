"""Every line of the team's runbook has its place: the line (scenario, part, number) and what stands for it here."""

from __future__ import annotations

import pytest
from synthetic import BOOK

from incident_kit.config.settings import Configuration
from incident_kit.live import postgres_statements, redis
from incident_kit.live.systems import systems

PLACES = {
    # 1. Platform Events
    ("platform_events", "symptom", 1, "orders stuck in review"): "symptom orders_waiting",
    ("platform_events", "symptom", 2, "no provisioning in the log"): "symptom no_provisioning",
    ("platform_events", "symptom", 3, "replay keys do not change"): "symptom replay_unmoved",
    ("platform_events", "diagnosis", 1, "search the log for Platform Event"): "diagnosis 1",
    ("platform_events", "diagnosis", 2, "read the replay key"): "answer redis.replay",
    ("platform_events", "diagnosis", 3, "ask the health check"): "answer health",
    ("platform_events", "step", 1, "events enabled"): "step 1",
    ("platform_events", "step", 2, "JWT of the Connected App"): "step 2",
    ("platform_events", "step", 3, "permission of the integration user"): "step 3",
    ("platform_events", "step", 4, "replay all, for a while"): "step 4",
    ("platform_events", "step", 5, "start the BFF again"): "step 5",
    ("platform_events", "escalation", 1, "30 minutes, Salesforce admin"): "escalation 30 minutes",
    # 2. WHMCS
    ("whmcs_unavailable", "symptom", 1, "billing pages unavailable"): "symptom billing_unavailable",
    ("whmcs_unavailable", "symptom", 2, "provisioning fails with WHMCS errors"): "symptom provisioning_fails",
    ("whmcs_unavailable", "symptom", 3, "payment methods fail"): "symptom payment_methods_fail",
    ("whmcs_unavailable", "diagnosis", 1, "post GetClients"): "answer whmcs",
    ("whmcs_unavailable", "diagnosis", 2, "search the error log for WHMCS"): "diagnosis 2",
    ("whmcs_unavailable", "step", 1, "is the server reachable"): "step 1",
    ("whmcs_unavailable", "step", 2, "credentials"): "step 2",
    ("whmcs_unavailable", "step", 3, "load of the server, which cannot be seen from here"): "step 3",
    ("whmcs_unavailable", "step", 4, "hosting provider"): "step 4",
    ("whmcs_unavailable", "escalation", 1, "hosting provider"): "escalation hosting provider",
    # 3. Redis
    ("redis_failures", "symptom", 1, "authentication fails"): "symptom authentication_failing",
    ("redis_failures", "symptom", 2, "cache misses"): "symptom cache_misses",
    ("redis_failures", "symptom", 3, "no rate limits"): "symptom rate_limit_gone",
    ("redis_failures", "symptom", 4, "SSE drops"): "symptom streams_dropping",
    ("redis_failures", "diagnosis", 1, "ping"): "answer redis.ping",
    ("redis_failures", "diagnosis", 2, "memory"): "answer redis.info",
    ("redis_failures", "diagnosis", 3, "cache in the health check"): "answer health",
    ("redis_failures", "step", 1, "REDIS_URL"): "step 1",
    ("redis_failures", "step", 2, "memory and eviction"): "step 2",
    ("redis_failures", "step", 3, "start Redis again"): "step 3",
    ("redis_failures", "step", 4, "FLUSHDB, with its caution"): "step 4",
    ("redis_failures", "impact", 1, "blacklist may fail open"): "symptom blacklist_open",
    ("redis_failures", "impact", 2, "cached data fetched again"): "impact fetched again",
    ("redis_failures", "impact", 3, "rate limits stop"): "impact rate limited",
    # 4. Database
    ("database_issues", "symptom", 1, "all requests fail with 500"): "symptom all_requests_fail",
    ("database_issues", "symptom", 2, "health check says fail"): "symptom health_database",
    ("database_issues", "symptom", 3, "Prisma errors"): "symptom prisma_errors",
    ("database_issues", "diagnosis", 1, "select 1"): "answer postgres.ping",
    ("database_issues", "diagnosis", 2, "count the sessions"): "answer postgres.connections",
    ("database_issues", "diagnosis", 3, "database in the health check"): "answer health",
    ("database_issues", "step", 1, "does PostgreSQL run"): "step 1",
    ("database_issues", "step", 2, "limits of the pool"): "step 2",
    ("database_issues", "step", 3, "long queries, which a person may end"): "step 3",
    ("database_issues", "step", 4, "start the database again"): "step 4",
    ("database_issues", "escalation", 1, "corruption: another document"): "document database_operations",
    # 5. Slow or failing
    ("high_error_rate", "symptom", 1, "slower than two seconds"): "symptom slow_responses",
    ("high_error_rate", "symptom", 2, "more than one percent errors"): "symptom error_rate",
    ("high_error_rate", "symptom", 3, "complaints"): "symptom customer_complaints",
    ("high_error_rate", "diagnosis", 1, "top of the process"): "answer process",
    ("high_error_rate", "diagnosis", 2, "last errors"): "diagnosis 2",
    ("high_error_rate", "diagnosis", 3, "durations of outside calls"): "diagnosis 3",
    ("high_error_rate", "step", 1, "which outside API is slow"): "step 1",
    ("high_error_rate", "step", 2, "traffic"): "step 2",
    ("high_error_rate", "step", 3, "scale out"): "step 3",
    ("high_error_rate", "step", 4, "breakers and timeouts"): "step 4",
    # 6. Security
    ("security_incident", "symptom", 1, "unusual sign-ins: bursts"): "symptom sign_in_burst",
    ("security_incident", "symptom", 1, "unusual sign-ins: many accounts from one address"): "symptom guessing",
    ("security_incident", "symptom", 1, "unusual sign-ins: one account from many"): "symptom one_account",
    ("security_incident", "symptom", 1, "unusual sign-ins: new addresses"): "symptom new_clients",
    ("security_incident", "symptom", 2, "unauthorized access: a password found"): "symptom success_after_refusals",
    ("security_incident", "symptom", 2, "unauthorized access: attacks that were answered"): "symptom attacks_answered",
    ("security_incident", "symptom", 3, "exfiltration"): "symptom volumes",
    ("security_incident", "action", 1, "do not change evidence"): "caution Do not change logs",
    ("security_incident", "action", 2, "tell the security team"): "step 2",
    ("security_incident", "action", 3, "isolate"): "step 3",
    ("security_incident", "action", 4, "document with times"): "step 4",
    ("security_incident", "escalation", 1, "P1, at once"): "escalation at once",
}


def questions() -> set[str]:
    """Everything that live systems can be asked."""
    of_systems = {system.name for system in systems(Configuration(), {})}
    detailed = {
        "redis.ping",
        "postgres.ping",
        *(f"redis.{name}" for name, *_ in redis.QUESTIONS),
        *(f"postgres.{name}" for name in postgres_statements.IN_ORDER),
    }
    return of_systems | detailed | {"salesforce.login", "salesforce.limits"}


@pytest.mark.parametrize(
    ("line", "place"), PLACES.items(), ids=[f"{line[0]}-{line[1]}{line[2]}-{line[3]}" for line in PLACES]
)
def test_the_line_has_its_place(line: tuple[str, str, int, str], place: str) -> None:
    scenario = BOOK.scenario(line[0])
    kind, _, about = place.partition(" ")
    if kind == "symptom":
        assert about in {symptom.id for symptom in scenario.symptoms}
    elif kind == "answer":
        assert about in {question for diagnosis in scenario.diagnoses for question in diagnosis.answers}
    elif kind == "diagnosis":
        assert scenario.diagnoses[int(about) - 1].signs
    elif kind == "step":
        assert scenario.steps[int(about) - 1].text
    elif kind == "document":
        assert about in {document for step in scenario.steps for document in step.documents}
    else:
        assert about in getattr(scenario, kind)


def test_every_question_of_a_diagnosis_a_check_and_a_step_can_be_asked() -> None:
    named = {
        question for scenario in BOOK.scenarios for diagnosis in scenario.diagnoses for question in diagnosis.answers
    }
    named |= {
        question
        for scenario in BOOK.scenarios
        for symptom in scenario.symptoms
        for question in symptom.parameters.get("answers", ())
    }
    named |= {
        fact.partition(" ")[2]
        for scenario in BOOK.scenarios
        for step in scenario.steps
        for fact in step.facts
        if fact.startswith("answer ")
    }
    assert named <= questions()


def test_every_finding_that_a_step_tells_of_is_of_a_symptom_of_its_scenario() -> None:
    for scenario in BOOK.scenarios:
        symptom_ids = {
            fact.partition(" ")[2] for step in scenario.steps for fact in step.facts if fact.startswith("finding ")
        }
        assert symptom_ids <= {symptom.id for symptom in scenario.symptoms}


def test_every_step_that_may_do_harm_has_its_caution() -> None:
    risky = ("start", "FLUSHDB", "SF_EVENTS_REPLAY=ALL", "terminate", "breakers", "instances", "cutting")
    for scenario in BOOK.scenarios:
        for step in scenario.steps:
            assert step.caution or not any(word in step.text for word in risky), step.text
