"""What a notebook's cells show: pieces of HTML that stand in JupyterLab and in the report alike.

Every value is redacted and escaped by `view.markup`; text from logs was redacted when it left the records.
Citations are links to the cited lines and queries, which `cited_lines` shows at the end. The page's script opens them
where they are cited. Importing this in a kernel tells it how our objects are shown (`view.display`).
"""

from incident_kit.view.display import notice, register
from incident_kit.view.markup import Html
from incident_kit.view.page.citations import cited_lines, queries
from incident_kit.view.page.figures import chart, drawings, small_multiples
from incident_kit.view.page.head import head
from incident_kit.view.page.runbook_advice import diagnoses, footprint, ranking, steps
from incident_kit.view.page.sections import (
    accounting,
    before_and_during,
    changes,
    coverage,
    findings,
    how_to_verify,
    phases,
    severity,
    suspects,
    timeline,
)
from incident_kit.view.page.stored_answers import answers, contacts, masked, notes, worked
from incident_kit.view.page.worked_on import brief, collected, incident, message, not_here, noted, sealed

__all__ = [
    "Html",
    "accounting",
    "answers",
    "before_and_during",
    "brief",
    "changes",
    "chart",
    "cited_lines",
    "collected",
    "contacts",
    "coverage",
    "diagnoses",
    "drawings",
    "findings",
    "footprint",
    "head",
    "how_to_verify",
    "incident",
    "masked",
    "message",
    "not_here",
    "noted",
    "notes",
    "notice",
    "phases",
    "queries",
    "ranking",
    "sealed",
    "severity",
    "small_multiples",
    "steps",
    "suspects",
    "timeline",
    "worked",
]

register()
