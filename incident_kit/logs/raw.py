"""Lines as they stand in the evidence, by where they stand: what a person looks at, and what a finding can cite."""

from __future__ import annotations

from collections.abc import Mapping

from incident_kit.model.finding import Line


class RawLines(dict[Line, str]):
    """Redacted lines by their citation, in order.

    `titles` tell in short what a record says; `records` is how many they were chosen from.
    """

    def __init__(self, lines: Mapping[Line, str], titles: Mapping[Line, str], records: int) -> None:
        super().__init__(sorted(lines.items(), key=lambda pair: (pair[0].item, pair[0].line)))
        self.titles, self.records = titles, records
