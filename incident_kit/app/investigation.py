"""An incident as a person works on it from a notebook: what they note, what more they collect, and the seal.

Made for the work folder that `incident-kit lab` fills. Where a notebook runs without anybody at it (a run, a
reproduction), the same cells do nothing: what they once wrote is in the journal and the evidence already.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from glob import glob
from pathlib import Path

from incident_kit.config import settings
from incident_kit.errors import IncidentKitError, ParameterError
from incident_kit.evidence.incident import Incident, load
from incident_kit.evidence.journal import Journal, Kind
from incident_kit.evidence.store import RECORDED
from incident_kit.incident import entries
from incident_kit.incident.entries import Written, said
from incident_kit.incident.state import state_of
from incident_kit.model.redaction import redact
from incident_kit.model.times import named_zone, parse_near
from incident_kit.running.executed import keep_executed
from incident_kit.view import page
from incident_kit.view.markup import Html

WORK = "work"
JUST_SENT = timedelta(minutes=10)
# What can be set, and how: each with a reason, and from when on.
SETTERS: dict[str, Callable[[Journal, str, str, datetime | None], Written]] = {
    "severity": entries.set_severity,
    "status": entries.set_status,
    "impact": lambda journal, text, _, happened: entries.set_impact(journal, text, happened),
}


class Investigation:
    """The incident that a notebook is worked on for; `folder` is the notebook's parameter `evidence`.

    note       tell the journal what people said or did
    milestone  started, detected, acknowledged, mitigated, resolved
    set        severity, status of the work, impact
    strike     take a line of the journal back
    step       a step of the runbook that was done or skipped
    status     where the incident stands
    update     a message to the team or to customers
    collect    preserve more of the logs, ask the live systems
    seal       make a sealed run of this notebook as it stands
    """

    def __init__(self, folder: str | Path = "..") -> None:
        base = Path(folder).resolve()
        # A run has a copy of incident.toml too, and nothing is added to a run.
        at_work = folder != RECORDED and (base / "incident.toml").is_file() and (base / WORK).is_dir()
        self.incident: Incident | None = load(base) if at_work else None
        if self.incident:
            keep_executed(base / WORK)

    def note(
        self,
        text: str,
        kind: str = "note",
        at: str | datetime = "",
        *,
        level: str = "",
        to: str = "",
        temporary: bool = False,
        undoes: int | None = None,
    ) -> Html:
        """Add a line to the journal, once however often the cell is run.

        It stands on the timeline when the notebook is run again.

        `kind` is note, action, decision, complaint, deploy, escalated, communicated, observation or review. `at` is
        when it happened: "09:58" (the nearest to the incident) or ISO 8601, in the people's zone, or a datetime;
        without it, now. `level` (L1 to L4) and `to` say who was called: a level, a role or a vendor. What is
        `temporary` has to be put back, by a note that `undoes` its line. Lines are never changed or removed.

        incident.note("Freebit's support confirms an outage, ticket 4711", kind="communicated", at="09:58")
        """
        data = {
            **({"level": level.upper()} if level else {}),
            **({"to": to} if to else {}),
            **({"temporary": True} if temporary else {}),
            **({} if undoes is None else {"undoes": undoes}),
        }
        return self._add(at, kind, text, lambda journal, moment: entries.note(journal, text, kind, moment, data=data))

    def milestone(self, name: str, at: str | datetime = "", why: str = "") -> Html:
        """Note a milestone: started, detected, acknowledged, mitigated or resolved. A later entry corrects it.

        incident.milestone("mitigated", at="10:12")
        """
        return self._add(
            at,
            Kind.MILESTONE,
            said(name, why),
            lambda journal, moment: entries.milestone(journal, name, moment, text=why),
        )

    def set(self, what: str, value: str, why: str = "", at: str | datetime = "") -> Html:
        """Set the severity (P1 to P4), the status of the work, or the impact that customers notice.

        incident.set("severity", "P2", why="payments fail for everybody")
        """
        if what not in SETTERS:
            raise ParameterError(f"not something to set: {what!r}. Set one of {', '.join(SETTERS)}.")
        text = value if what == Kind.IMPACT else said(value, why)
        return self._add(at, what, text, lambda journal, moment: SETTERS[what](journal, value, why, moment))

    def strike(self, line: int, why: str) -> Html:
        """Strike out a line of the journal: it stays there, and counts no more.

        incident.strike(7, "that was the other incident")
        """
        return self._add(
            "", Kind.STRUCK, entries.struck_text(line, why), lambda journal, moment: entries.strike(journal, line, why)
        )

    def step(self, number: int, outcome: str, result: str, scenario: str, at: str | datetime = "") -> Html:
        """Mark a step of the runbook as done or skipped, with its result.

        incident.step(2, "done", "the credentials are right", scenario="whmcs_unavailable")
        """
        text = entries.step_text(scenario, number, outcome, result)
        return self._add(
            at,
            Kind.STEP,
            text,
            lambda journal, moment: entries.mark_step(journal, scenario, number, outcome, result, moment),
        )

    def _add(
        self,
        at: str | datetime,
        kind: str,
        text: str,
        write: Callable[[Journal, datetime | None], Written],
    ) -> Html:
        """Write an entry, unless it stands there."""
        if self.incident is None:
            return page.not_here("noted")
        happened = _moment(at, self.incident) if isinstance(at, str) and at else at or None
        for entry in self.incident.journal.entries():
            if (entry.kind, entry.text) == (kind, redact(text)) and happened in (None, entry.happened):
                return page.noted(entry, already=True)
        written = write(self.incident.journal, happened)
        return page.noted(written.entry, warnings=written.warnings)

    def status(self) -> Html:
        """Where the incident stands, on one screen: how bad, what it is, what was tried, what is next, by when, who.

        incident.status()
        """
        if self.incident is None:
            return page.not_here("worked on")
        from incident_kit.app.status import brief_of
        from incident_kit.config.request import Typed, resolve

        request = resolve(Typed())
        return page.brief(brief_of(request, self.incident), request.zone)

    def update(
        self,
        audience: str = "internal",
        language: str = "en",
        to: str = "text",
        *,
        next_update: str = "",
        sent: bool = False,
        approved_by: str = "",
    ) -> Html:
        """A message to the team (`internal`) or to customers (`customer`), made of what is known now.

        With `sent` the journal notes that it went out, unless one to the same readers was noted minutes ago: a cell is
        run more often than a message is sent.
        `next_update` is when the next comes: 30m, 14:05 or ISO 8601 [by the severity].

        incident.update("customer", language="ja")
        """
        if self.incident is None:
            return page.not_here("written")
        from incident_kit.app.update import Typed as TypedUpdate
        from incident_kit.app.update import compose, note_sent
        from incident_kit.config.request import Typed, resolve

        request = resolve(Typed())
        typed = TypedUpdate(audience, language, to, next_update, sent, approved_by=approved_by)
        composed = compose(request, self.incident, typed)
        earlier = state_of(self.incident.journal.readable()[0]).sent(composed.update.audience)
        is_noted = earlier and datetime.now(UTC) - earlier[-1].entry.written < JUST_SENT
        lines = note_sent(request, self.incident, composed, typed) if sent and not is_noted else []
        return page.message(composed.text, (*composed.remarks, *lines))

    def collect(
        self, *logs: str | Path, since: str = "", until: str = "", live: bool = False, env_file: str | Path = ""
    ) -> Html:
        """Preserve the window of more logs, and with `live` ask the systems.

        Logs may be patterns such as /var/log/bff/*.log; without any, those that are configured are taken.

        Nothing of a system is changed. Keep such a cell tagged `collect`: then only a person runs it. Times are as on
        the command line: "-30m", "14:05" or ISO 8601, in the configured zone. Afterwards run the notebook from its top.

        incident.collect("/var/log/bff/combined.log", since="-15m", live=True)
        """
        if self.incident is None:
            return page.not_here("collected")
        from incident_kit.app.collect import collect, plan_logs
        from incident_kit.config.request import Typed, resolve
        from incident_kit.logs.inputs import log_files_of

        typed = Typed(since=since, until=until, live=live, env_file=Path(env_file) if env_file else None)
        request = resolve(typed)
        patterns = [str(log) for log in logs] or ([] if live else list(request.configuration.logs))
        # What is not there is named when it is looked at.
        paths = [Path(name) for pattern in patterns for name in sorted(glob(pattern)) or [pattern]]
        with log_files_of(paths, request.hints, print) as files:
            plan = plan_logs(files.logs, request) if files.logs else None
            collected = collect(self.incident, request, plan, print)
        return page.collected(collected.items, collected.window, (*files.notes, *files.lost))

    def seal(self) -> Html:
        """Make a sealed run of this notebook as it is saved, with all that it read. Save it first (Ctrl+S).

        Cells that were not run, run out of order or edited since they were run are named in the report.
        """
        if self.incident is None:
            return page.not_here("sealed")
        from incident_kit.app.seal import seal_work

        run = seal_work(self.incident.folder / WORK, _own_name(self.incident.folder / WORK))
        return page.sealed(str(run.report), run.digest, run.doubts)

    def _repr_html_(self) -> str:
        if self.incident is None:
            return page.not_here("worked on")._repr_html_()
        lines = [entry for entry in self.incident.journal.entries() if not entry.is_bookkeeping]
        return page.incident(self.incident, lines)._repr_html_()


def _moment(text: str, incident: Incident) -> datetime:
    try:
        end = incident.evidence.window().until
    except IncidentKitError:  # no evidence yet
        end = datetime.now(UTC)
    return parse_near(text, end, named_zone(settings.load().zone))


def _own_name(folder: Path) -> str:
    """The file name of the notebook whose kernel this is, as Jupyter or VS Code tells it; empty where none does."""
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    names = [os.environ.get("JPY_SESSION_NAME", ""), str(shell.user_ns.get("__vsc_ipynb_file__", "")) if shell else ""]
    return next(
        (
            path.name
            for path in map(Path, filter(None, names))
            if path.resolve().parent == folder.resolve() and path.is_file()
        ),
        "",
    )
