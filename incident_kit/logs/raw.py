"""Lines as they stand in the evidence, by where they stand: what a person looks at, and what a finding can cite."""

from __future__ import annotations

from collections.abc import Mapping

from incident_kit.model.finding import Line
from incident_kit.model.markup import Html, escape, table


class RawLines(dict[Line, str]):
    """Redacted lines by their citation, in order; `records` is how many records they were chosen from, `shown` of how many they are."""

    def __init__(self, lines: Mapping[Line, str], records: int, shown: int) -> None:
        super().__init__(sorted(lines.items(), key=lambda pair: (pair[0].item, pair[0].line)))
        self.records, self.shown = records, shown

    def _repr_html_(self) -> str:
        if not self:
            return Html("<p>No record is like that.</p>")
        rows = [
            f"<tr><th scope='row'><code>{escape(line.item)}</code>, line&nbsp;{line.line:,}</th><td style='text-align: left'><code>{escape(text)}</code></td></tr>"
            for line, text in self.items()
        ]
        caption = (
            f"The first {self.shown} of {self.records:,} records; <code>most=</code> shows more." if self.shown < self.records else f"{self.records:,} records."
        )
        return table(["Where", "As it stands in the evidence, redacted"], rows, caption)
