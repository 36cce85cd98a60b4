"""What a person sees who works on an incident in a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo

from incident_kit.evidence.incident import Incident
from incident_kit.evidence.item import Item
from incident_kit.evidence.journal import Entry, struck_lines
from incident_kit.incident.brief import Brief
from incident_kit.model.times import Window
from incident_kit.view.brief import screen
from incident_kit.view.display import as_html
from incident_kit.view.markup import Html, render
from incident_kit.view.page.stored_answers import answers


def incident(worked: Incident, noted: Sequence[Entry]) -> Html:
    """An incident with what people noted, its sealed runs and its evidence. What was struck out is shown so."""
    runs = sorted(path.name for path in worked.runs.glob("*") if (path / "bagit.txt").is_file())
    return render(
        "incident",
        incident=worked,
        runs=runs,
        noted=noted,
        struck=struck_lines(noted),
        evidence=as_html(worked.evidence),
    )


def brief(of: Brief, zone: tzinfo) -> Html:
    """The hand-off brief as the terminal shows it, and what each stage misses."""
    missing = [(progress.stage.title, need) for progress in of.stages if progress.reached for need in progress.missing]
    return render("brief", lines=screen(of, zone), missing=missing)


def message(text: str, remarks: Sequence[str]) -> Html:
    """A message as it would be sent, and what to know before it is."""
    return render("message", text=text, remarks=remarks)


def noted(entry: Entry, already: bool = False, warnings: Sequence[str] = ()) -> Html:
    """That something stands in the journal, from now on or already, and what is odd about it."""
    return render("noted", entry=entry, already=already, warnings=warnings)


def collected(items: Sequence[Item], window: Window, remarks: Sequence[str]) -> Html:
    """What was collected, and what live systems answered."""
    asked = answers([item for item in items if item.kind == "answer"])
    return render("collected", items=items, window=window, remarks=remarks, answers=asked)


def sealed(report: str, digest: str, doubts: Sequence[str]) -> Html:
    """Where the sealed run lies, and what its report says of the notebook."""
    return render("sealed", report=report, digest=digest, doubts=doubts)


def not_here(done: str) -> Html:
    """Why nothing was done: the notebook lies in no work folder."""
    return render("not_here", done=done)
