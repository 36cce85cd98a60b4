"""`incident-kit report`: a sealed report on one scenario, from logs, live systems, or evidence collected before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from incident_kit.app.collect import collect
from incident_kit.app.console import exit_code, say, show
from incident_kit.app.deadlines import say_next_deadline
from incident_kit.app.run import Run, make_run
from incident_kit.app.sources import check_choice, incident_for, planned_logs, stored_evidence, stored_window
from incident_kit.config.request import Request
from incident_kit.errors import InputError
from incident_kit.evidence.incident import Incident
from incident_kit.evidence.item import Item
from incident_kit.model.times import Window
from incident_kit.runbook.contents import Runbook
from incident_kit.runbook.data import load
from incident_kit.running.notebook import check_parameters, notebook_of


def report(request: Request, scenario_id: str, incident_id: str, assignments: Sequence[str]) -> int:
    """Collect the evidence, execute the scenario's notebook on it, seal the result; returns the exit code.

    `assignments` are further parameters of the notebook, each as NAME=VALUE.
    """
    book = load(request.runbook)
    title = book.title(scenario_id)
    parameters = _parameters(book, scenario_id, assignments)
    check_choice(request)
    if request.sources.whole is None:
        request = request.with_sources(whole=book.preserves_whole(scenario_id))
    if evidence := stored_evidence(request):
        incident = incident_for(request, incident_id, title, say)
        window = stored_window(request, evidence)
        code = seal_and_show(request, incident, book, scenario_id, evidence.items(), window, parameters)
        say_next_deadline(request, incident)
        return code
    with planned_logs(request, say) as planned:
        incident = incident_for(request, incident_id, title, say)
        collected = collect(incident, request, planned.logs, say)
    new = {item.id for item in collected.items}
    items = [item for item in incident.evidence.items() if item.id in new or item.secret]
    lost = (*planned.lost, *collected.lost)
    code = seal_and_show(request, incident, book, scenario_id, items, collected.window, parameters, lost)
    say_next_deadline(request, incident)
    return exit_code(bool(code), collected.interrupted)


def seal_and_show(
    request: Request,
    incident: Incident,
    book: Runbook,
    scenario_id: str,
    items: Sequence[Item],
    window: Window,
    parameters: Mapping[str, Any] | None = None,
    lost: Sequence[str] = (),
) -> int:
    """Make a sealed run of these items and say what it found; returns the exit code."""
    say(f"Window: {window}")
    run = make_run(
        incident,
        book,
        scenario_id,
        items,
        window,
        parameters,
        lost,
        contacts=[contact.sentence() for contact in request.configuration.contacts.reachable()],
        cache=request.sources.cache,
    )
    return exit_code(show_run(run) or bool(lost))


def show_run(run: Run) -> bool:
    """Say what a sealed run found and where its report lies; returns whether some evidence is missing."""
    for line in run.headlines():
        say(line)
    for remark in run.remarks:
        say(remark)
    for doubt in run.doubts:
        say(f"To doubt: {doubt}")
    for line in run.masked:
        say(f"Masked before the seal: {line}")
    say(f"Digest: {run.digest}")
    show(str(run.report))
    if run.error:
        say(f"The notebook stopped: {run.error}. What it had done by then is sealed.")
    return bool(run.error) or run.lost


def _parameters(book: Runbook, scenario_id: str, assignments: Sequence[str]) -> dict[str, Any]:
    parameters = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise InputError(f"-p takes NAME=VALUE, not {name!r}.")
        parameters[name] = value
    if parameters:
        check_parameters(notebook_of(book, scenario_id), parameters)
    return parameters
