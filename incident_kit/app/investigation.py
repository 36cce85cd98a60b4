"""An incident as a person works on it from a notebook: what they note, what more they collect, and the seal.

Made for the work folder that `incident-kit lab` fills. Where a notebook runs without anybody at it (a run, a
reproduction), the same cells do nothing: what they once wrote is in the journal and the evidence already.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from glob import glob
from pathlib import Path

from incident_kit.errors import IncidentKitError, ParameterError
from incident_kit.evidence.incident import Incident, load
from incident_kit.evidence.journal import Kind
from incident_kit.evidence.store import RECORDED
from incident_kit.model.redaction import redact
from incident_kit.model.times import parse_near
from incident_kit.running.executed import keep_executed
from incident_kit.view import page
from incident_kit.view.markup import Html

WORK = "work"


class Investigation:
    """The incident that a notebook is worked on for; `folder` is the notebook's parameter `evidence`.

    note       tell the journal what people said or did
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

    def note(self, text: str, kind: str = "note", at: str | datetime = "") -> Html:
        """Add a line to the journal, once however often the cell is run.

        It stands on the timeline when the notebook is run again.

        `kind` is note, action, decision, complaint, deploy, escalated or communicated. `at` is when it happened, in
        UTC: "09:58" (the nearest to the incident), ISO 8601 or a datetime; without it, now. Lines are
        never changed or removed.

        incident.note("Freebit's support confirms an outage, ticket 4711", kind="communicated", at="09:58")
        """
        if self.incident is None:
            return page.not_here("noted")
        if not text.strip():
            raise ParameterError(
                "a note needs a text, such as incident.note('Restarted the BFF', kind='action', at='09:58')."
            )
        if kind == Kind.CUSTODY:
            raise ParameterError(
                f"{kind!r} is what the tool itself writes. Choose another kind, such as note or action."
            )
        happened = _moment(at, self.incident) if isinstance(at, str) and at else at or None
        for entry in self.incident.journal.entries():
            if (entry.kind, entry.text) == (kind, redact(text)) and happened in (None, entry.happened):
                return page.noted(entry, already=True)
        self.incident.journal.append(kind, text, happened)
        return page.noted(self.incident.journal.entries()[-1])

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
    return parse_near(text, end)


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
