"""Checks of PostgreSQL's sessions, as it tells of them itself and as logs show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from incident_kit.model.answer import Status, StoredAnswer
from incident_kit.model.finding import Finding, Symptom
from incident_kit.runbook.case import Case
from incident_kit.runbook.checks.parts import (
    cannot_speak,
    confirmed,
    in_words,
    inconclusive,
    not_checked,
    not_in_logs,
    not_when_asked,
    of_signs,
    recovered_at,
    together,
)  # fmt: skip


def connections_near_limit(case: Case, symptom: Symptom, *, share: float, signs: Sequence[str], least: int) -> Finding:
    """Whether `share` or more of PostgreSQL's connections are used, or connections were refused for want of one, there or in the BFF's own pool."""
    return together(case, symptom, [_signs(case, symptom, signs, least), _limits(case, symptom, share)])


def blocking_chain(case: Case, symptom: Symptom, *, signs: Sequence[str], least: int) -> Finding:
    """Whether sessions wait for each other's locks; named is the root, which waits for nobody."""
    parts = [_signs(case, symptom, signs, least, would_show=False)]
    rows, told, part = _rows(case, symptom, "postgres.blocking")
    if part:
        return together(case, symptom, [*parts, part])
    waiting = [row for row in rows if row["blocked_by"]]
    roots = [(place, row) for place, row in enumerate(rows) if not row["blocked_by"] and row["blocks"]]
    if not waiting:
        return together(case, symptom, [*parts, not_when_asked(symptom, told, "No session waited for another's lock")])
    named = (
        "; ".join(_root(row) for _, row in roots)
        or "no root is among them: they wait in a circle, or for a session that had just ended"
    )
    statement = f"{len(waiting)} sessions wait for locks at {told.answer.asked_at:%H:%M:%S} UTC. The root: {named}."
    cited = [told.at(f"/data/rows/{place}") for place, _ in roots] or [told.at("/data/rows")]
    return together(
        case, symptom, [*parts, confirmed(symptom, statement, cited, told.answer.asked_at, waiting=len(waiting))]
    )


def long_running(
    case: Case, symptom: Symptom, *, running_s: float, idle_s: float, signs: Sequence[str], least: int
) -> Finding:
    """Whether statements run for longer than `running_s`, or transactions stand open and idle for longer than `idle_s`."""
    parts = [_signs(case, symptom, signs, least, would_show=False)]
    for question, column, limit, what in (
        ("postgres.long_running", "running_s", running_s, "statements run for longer than"),
        ("postgres.idle_in_transaction", "idle_s", idle_s, "transactions stand open and idle for longer than"),
    ):
        rows, told, part = _rows(case, symptom, question)
        long = [(place, row) for place, row in enumerate(rows) if (row[column] or 0) > limit]
        if long:
            worst = max(long, key=lambda pair: pair[1][column])[1]
            said = worst.get("statement") or worst.get("last_statement") or ""
            statement = f"{len(long)} {what} {limit:g} s, the longest for {worst[column]:,.0f} s (pid {worst['pid']}, {worst['application'] or worst['role']}): {said[:160]}."
            parts.append(
                confirmed(
                    symptom,
                    statement,
                    [told.at(f"/data/rows/{place}") for place, _ in long[:5]],
                    told.answer.asked_at,
                    longest_s=worst[column],
                )
            )
        else:
            parts.append(
                part
                or not_when_asked(
                    symptom,
                    told,
                    f"No {what.replace('statements run', 'statement ran').replace('transactions stand', 'transaction stood')} {limit:g} s",
                )
            )
    return together(case, symptom, parts)


def corruption(case: Case, symptom: Symptom, *, signs: Sequence[str]) -> Finding:
    """Whether anything says that stored data is damaged: one such line is enough."""
    rows, told, part = _rows(case, symptom, "postgres.database")
    parts = [_signs(case, symptom, signs, 1)]
    if part:
        return together(case, symptom, [*parts, part])
    failures = rows[0]["checksum_failures"] if rows else None
    if failures:
        last = rows[0]["checksum_last_failure"]
        parts.append(
            confirmed(
                symptom,
                f"{failures} pages failed their checksum, the last at {last}.",
                [told.at("/data/rows/0/checksum_failures")],
                failures=failures,
            )
        )
    elif failures is None:
        parts.append(
            inconclusive(
                symptom,
                "PostgreSQL keeps no checksums.",
                "without them damage shows only where it is met",
                [told.at("/data/rows/0")],
            )
        )
    else:
        parts.append(not_when_asked(symptom, told, "No page had failed its checksum"))
    return together(case, symptom, parts)


def _signs(case: Case, symptom: Symptom, signs: Sequence[str], least: int, would_show: bool = True) -> Finding:
    """What logs say; `would_show`: whether it could not be there without a trace in them."""
    if reason := cannot_speak(case):
        return not_checked(symptom, reason)
    found = case.signs(signs)
    n = sum(one.n for one in found)
    if n < least:
        if found:
            return inconclusive(
                symptom, f"{in_words(case, found)}.", f"fewer than {least}, which may be chance", of_signs(case, found)
            )
        if not would_show:
            return not_checked(symptom, "the logs have no sign of it, but need not: only PostgreSQL knows (--live)")
        return not_in_logs(case, symptom, "No sign of it in the logs.", case.spoken["spoken"], "signs")
    last = max(one.last for one in found)
    statement = f"{in_words(case, found)}, from {found[0].first:%H:%M:%S} to {last:%H:%M:%S} UTC."
    return confirmed(symptom, statement, of_signs(case, found), found[0].first, recovered_at(case, last), records=n)


def _limits(case: Case, symptom: Symptom, share: float) -> Finding:
    rows, told, part = _rows(case, symptom, "postgres.limits")
    if not rows:
        return part or not_checked(symptom, "postgres.limits was not asked")
    row, pool = rows[0], told.answer.data.get("pool", {})
    used = row["used"] / row["usable"] if row["usable"] > 0 else 1.0
    per_process = (
        f"; the address allows each process of the BFF {pool['connection_limit']}" if "connection_limit" in pool else ""
    )
    statement = f"{row['used']} of {row['usable']} connections are used ({used:.0%}) at {told.answer.asked_at:%H:%M:%S} UTC{per_process}."
    if used >= share:
        return confirmed(symptom, statement, [told.at("/data/rows/0")], told.answer.asked_at, used_share=used)
    return part or not_when_asked(symptom, told, f"{row['used']} of {row['usable']} connections were used ({used:.0%})")


def _rows(case: Case, symptom: Symptom, question: str) -> tuple[Sequence[Mapping[str, Any]], StoredAnswer, Finding]:
    """The rows of the last answer, and why nothing can be ruled out by them (nothing, if it can)."""
    told = case.last(question)
    nothing: Any = None
    if told is None:
        return (), nothing, not_checked(symptom, f"{question} was not asked")
    answer = told.answer
    if answer.status is Status.NOT_CHECKED:
        return (), told, not_checked(symptom, f"{question} was not asked: {answer.reason}")
    if answer.status is Status.FAILED:
        return (), told, inconclusive(symptom, "PostgreSQL did not tell.", answer.reason, [told.at("/reason")])
    missing = (
        inconclusive(symptom, "Not all of it could be seen.", answer.reason, [told.at("/reason")])
        if answer.reason
        else nothing
    )
    return answer.data.get("rows", ()), told, missing


def _root(row: Mapping[str, Any]) -> str:
    who = (
        "a prepared transaction"
        if row["pid"] == 0
        else f"pid {row['pid']} ({row['application'] or row['role']}), {row['state']}"
    )
    since = f" for {row['in_state_s']:,.0f} s" if row["in_state_s"] is not None else ""
    said = f", last said: {row['statement'][:160]}" if row["statement"] else ""
    return f"{who}{since}, which {row['blocks']} wait for directly{said}"
