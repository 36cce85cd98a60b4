"""Lines as they stand in the evidence, by where they stand: what a person looks at, and what a finding can cite."""

from __future__ import annotations

from collections.abc import Mapping

from incident_kit.model.finding import Line
from incident_kit.model.markup import Html, escape

SHOWN_AT_ONCE = 400  # characters of a line; a longer one unfolds


class RawLines(dict[Line, str]):
    """Redacted lines by their citation, in order.

    `titles` tell in short what a record says; `records` is how many they were chosen from.
    """

    def __init__(self, lines: Mapping[Line, str], titles: Mapping[Line, str], records: int) -> None:
        super().__init__(sorted(lines.items(), key=lambda pair: (pair[0].item, pair[0].line)))
        self.titles, self.records = titles, records

    def _repr_html_(self) -> str:
        if not self:
            return Html("<p>No record is like that.</p>")
        shown = len(self.titles)
        told = (
            f"The first {shown} of {self.records:,} records; <code>most=</code> shows more."
            if shown < self.records
            else f"{self.records:,} records."
        )
        lines = "".join(
            f"<details{' open' if len(text) <= SHOWN_AT_ONCE else ''}><summary><code>{escape(line.item)}</code>, line {line.line:,}"
            f"{': ' + escape(self.titles[line]) if line in self.titles else ''}</summary><pre>{escape(text)}</pre></details>"
            for line, text in self.items()
        )
        return f"<p>{told} As they stand in the evidence, redacted:</p>{lines}"
