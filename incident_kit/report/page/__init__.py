"""What a notebook's cells show: pieces of HTML that stand in JupyterLab and in the report alike.

Every value goes through `pieces.escape`; text from logs was redacted when it left the records. Citations are links to the
cited lines and queries, which `cited_lines` shows at the end; the page's script opens them where they are cited.
"""

from incident_kit.report.page.advised import diagnoses, footprint, ranking, steps
from incident_kit.report.page.answered import answers, masked, notes, worked
from incident_kit.report.page.cited import cited_lines, queries
from incident_kit.report.page.drawn import chart, drawings, small_multiples
from incident_kit.report.page.head import head
from incident_kit.report.page.pieces import Html
from incident_kit.report.page.sections import accounting, before_and_during, findings, how_to_verify, phases, suspects, timeline

__all__ = [
    "Html",
    "accounting",
    "answers",
    "before_and_during",
    "chart",
    "cited_lines",
    "diagnoses",
    "drawings",
    "findings",
    "footprint",
    "head",
    "how_to_verify",
    "masked",
    "notes",
    "phases",
    "queries",
    "ranking",
    "small_multiples",
    "steps",
    "suspects",
    "timeline",
    "worked",
]
