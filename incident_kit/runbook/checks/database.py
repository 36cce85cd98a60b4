"""Checks of PostgreSQL's sessions, as it tells of them itself and as logs show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from incident_kit.model.answer import Status, StoredAnswer
from incident_kit.model.finding import Finding, Symptom
from incident_kit.runbook.case import Case
from incident_kit.runbook.checks.systems import in_logs
from incident_kit.runbook.checks.verdicts import (
    combined,
    confirmed,
    inconclusive,
    not_checked,
    recovered_at,
    ruled_out_by_answer,
    sign_figures,
    sign_summary,
    why_logs_cannot_tell,
)


def connections_near_limit(
    case: Case,
    symptom: Symptom,
    *,
    share: float,
    signs: Sequence[str],
    least: int,
    within: timedelta,
    ordinary: float,
) -> Finding:
    """Whether `share` or more of PostgreSQL's connections are used, or connections were refused for want of one.

    Refused by PostgreSQL, or by the BFF's own pool.
    """
    return combined(
        case, symptom, [_signs(case, symptom, signs, least, within, ordinary), _limits(case, symptom, share)]
    )


def blocking_chain(case: Case, symptom: Symptom, *, signs: Sequence[str], least: int, within: timedelta) -> Finding:
    """Whether sessions wait for each other's locks; named is the root, which waits for nobody."""
    findings = [_signs(case, symptom, signs, least, within, would_show=False)]
    rows, stored, unclear = _rows(case, symptom, "postgres.blocking")
    if unclear:
        return combined(case, symptom, [*findings, unclear])
    waiting = [row for row in rows if row["blocked_by"]]
    roots = [(place, row) for place, row in enumerate(rows) if not row["blocked_by"] and row["blocks"]]
    if not waiting:
        return combined(
            case, symptom, [*findings, ruled_out_by_answer(symptom, stored, "No session waited for another's lock")]
        )
    named = (
        "; ".join(_root(row) for _, row in roots)
        or "no root is among them: they wait in a circle, or for a session that had just ended"
    )
    statement = f"{len(waiting)} sessions wait for locks at {stored.answer.asked_at:%H:%M:%S} UTC. The root: {named}."
    cited = [stored.at(f"/data/rows/{place}") for place, _ in roots] or [stored.at("/data/rows")]
    return combined(
        case, symptom, [*findings, confirmed(symptom, statement, cited, stored.answer.asked_at, waiting=len(waiting))]
    )


def long_running(
    case: Case,
    symptom: Symptom,
    *,
    running_s: float,
    idle_s: float,
    signs: Sequence[str],
    least: int,
    within: timedelta,
) -> Finding:
    """Whether statements run longer than `running_s`, or transactions stand open and idle longer than `idle_s`."""
    findings = [_signs(case, symptom, signs, least, within, would_show=False)]
    for question, column, limit, description, one_of_them in (
        (
            "postgres.long_running",
            "running_s",
            running_s,
            "statements run for longer than",
            "statement ran for longer than",
        ),
        (
            "postgres.idle_in_transaction",
            "idle_s",
            idle_s,
            "transactions stand open and idle for longer than",
            "transaction stood open and idle for longer than",
        ),
    ):
        rows, stored, unclear = _rows(case, symptom, question)
        long = [(place, row) for place, row in enumerate(rows) if (row[column] or 0) > limit]
        if long:
            worst = max(long, key=lambda pair: pair[1][column])[1]
            sql = worst.get("statement") or worst.get("last_statement") or ""
            statement = (
                f"{len(long)} {description} {limit:g} s, the longest for {worst[column]:,.0f} s (pid "
                f"{worst['pid']}, {worst['application'] or worst['role']}): {sql[:160]}."
            )
            findings.append(
                confirmed(
                    symptom,
                    statement,
                    [stored.at(f"/data/rows/{place}") for place, _ in long[:5]],
                    stored.answer.asked_at,
                    longest_s=worst[column],
                )
            )
        else:
            findings.append(
                unclear
                or ruled_out_by_answer(
                    symptom,
                    stored,
                    f"No {one_of_them} {limit:g} s",
                )
            )
    return combined(case, symptom, findings)


def corruption(case: Case, symptom: Symptom, *, signs: Sequence[str]) -> Finding:
    """Whether anything says that stored data is damaged: one such line is enough."""
    rows, stored, unclear = _rows(case, symptom, "postgres.database")
    findings = [_conclusive(case, symptom, signs)]
    if unclear:
        return combined(case, symptom, [*findings, unclear])
    failures = rows[0]["checksum_failures"] if rows else None
    if failures:
        last = rows[0]["checksum_last_failure"]
        findings.append(
            confirmed(
                symptom,
                f"{failures} pages failed their checksum, the last at {last}.",
                [stored.at("/data/rows/0/checksum_failures")],
                failures=failures,
            )
        )
    elif failures is None:
        findings.append(
            inconclusive(
                symptom,
                "PostgreSQL keeps no checksums.",
                "without them damage shows only where it is met",
                [stored.at("/data/rows/0")],
            )
        )
    else:
        findings.append(ruled_out_by_answer(symptom, stored, "No page had failed its checksum"))
    return combined(case, symptom, findings)


def _signs(
    case: Case,
    symptom: Symptom,
    signs: Sequence[str],
    least: int,
    within: timedelta,
    ordinary: float = 0.0,
    would_show: bool = True,
) -> Finding:
    """What logs say; `would_show`: whether it could not be there without a trace in them."""
    if not would_show and not case.signs(signs):
        if reason := why_logs_cannot_tell(case):
            return not_checked(symptom, reason)
        return not_checked(symptom, "the logs have no sign of it, but need not: only PostgreSQL knows (--live)")
    return in_logs(case, symptom, signs, least, within, ordinary)


def _conclusive(case: Case, symptom: Symptom, signs: Sequence[str]) -> Finding:
    """What logs say of something of which one record is enough."""
    if not (counts := case.signs(signs)):
        return in_logs(case, symptom, signs, 1, timedelta(0), 0.0)
    last = max(count.last for count in counts)
    statement = f"{sign_summary(case, counts)}, from {counts[0].first:%H:%M:%S} to {last:%H:%M:%S} UTC."
    n = sum(count.n for count in counts)
    return confirmed(
        symptom, statement, sign_figures(case, counts), counts[0].first, recovered_at(case, last), records=n
    )


def _limits(case: Case, symptom: Symptom, share: float) -> Finding:
    rows, stored, unclear = _rows(case, symptom, "postgres.limits")
    if not rows:
        return unclear or not_checked(symptom, "postgres.limits was not asked")
    row, pool = rows[0], stored.answer.data.get("pool", {})
    used = row["used"] / row["usable"] if row["usable"] > 0 else 1.0
    per_process = (
        f"; the address allows each process of the BFF {pool['connection_limit']}" if "connection_limit" in pool else ""
    )
    statement = (
        f"{row['used']} of {row['usable']} connections are used ({used:.0%}) at {stored.answer.asked_at:%H:%M:%S} "
        f"UTC{per_process}."
    )
    if used >= share:
        return confirmed(symptom, statement, [stored.at("/data/rows/0")], stored.answer.asked_at, used_share=used)
    return unclear or ruled_out_by_answer(
        symptom, stored, f"{row['used']} of {row['usable']} connections were used ({used:.0%})"
    )


def _rows(case: Case, symptom: Symptom, question: str) -> tuple[Sequence[Mapping[str, Any]], StoredAnswer, Finding]:
    """The rows of the last answer, and why nothing can be ruled out by them (nothing, if it can)."""
    stored = case.last(question)
    nothing: Any = None
    if stored is None:
        return (), nothing, not_checked(symptom, f"{question} was not asked")
    answer = stored.answer
    if answer.status is Status.NOT_CHECKED:
        return (), stored, not_checked(symptom, f"{question} was not asked: {answer.reason}")
    if answer.status is Status.FAILED:
        return (), stored, inconclusive(symptom, "PostgreSQL did not tell.", answer.reason, [stored.at("/reason")])
    missing = (
        inconclusive(symptom, "Not all of it could be seen.", answer.reason, [stored.at("/reason")])
        if answer.reason
        else nothing
    )
    return answer.data.get("rows", ()), stored, missing


def _root(row: Mapping[str, Any]) -> str:
    who = (
        "a prepared transaction"
        if row["pid"] == 0
        else f"pid {row['pid']} ({row['application'] or row['role']}), {row['state']}"
    )
    since = f" for {row['in_state_s']:,.0f} s" if row["in_state_s"] is not None else ""
    last_statement = f", last said: {row['statement'][:160]}" if row["statement"] else ""
    return f"{who}{since}, which {row['blocks']} wait for directly{last_statement}"
