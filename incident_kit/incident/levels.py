"""The severity over time, as clocks run by it: what the facts say since that was known, then what people set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from incident_kit.evidence.journal import Entry
from incident_kit.incident.facts import Facts
from incident_kit.incident.state import LEVELS, State
from incident_kit.incident.triggers import stored_since


@dataclass(frozen=True, slots=True)
class LevelFrom:
    """A severity that holds from `since` on, as a person set it (`entry`) or as the facts say (None)."""

    level: str
    since: datetime
    entry: Entry | None = None


def level_history(state: State, by_facts: Sequence[LevelFrom] = ()) -> tuple[LevelFrom, ...]:
    """What the facts say until a person sets it, then what people set."""
    people = [LevelFrom(change.level, change.since, change.entry) for change in state.severities]
    until_set = [level for level in by_facts if not people or level.since < people[0].since]
    changes: list[LevelFrom] = []
    for level in (*until_set, *people):
        if not changes or changes[-1].level != level.level:
            changes.append(level)
        elif changes[-1].entry is None:
            changes[-1] = replace(changes[-1], entry=level.entry)  # a person says the same as the facts
    return tuple(changes)


def levels_by_facts(facts: Facts, state: State, stored: Mapping[str, datetime]) -> tuple[LevelFrom, ...]:
    """The severity by the rules that are met, graver as graver ones became known; none before it was detected.

    `stored` says when each item of the evidence was stored: a rule is known since then, whenever what it says began.
    """
    if state.detected is None:
        return ()
    known = []
    for met in facts.assessment.met:
        since = stored_since(met.citations, stored) or met.since or (facts.window.until if facts.window else None)
        known.append(LevelFrom(met.level, max(since or state.detected, state.detected)))
    held: list[LevelFrom] = []
    for level in sorted(known, key=lambda level: (level.since, level.level)):
        if not held or level.level < held[-1].level:
            held.append(level)
    return tuple(held)


def worst_level(history: Iterable[LevelFrom]) -> str:
    """The gravest severity it ever had; empty where it had none."""
    return min((change.level for change in history if change.level in LEVELS), default="")
