"""What the reports on the recorded incidents say, as text a person can read.

`python -m tests.pages_of_recordings` writes it anew.
`tests/recorded/NAME/said.txt` holds the page's words up to the cited lines; `test_pages_of_recordings.py` compares.
"""

from __future__ import annotations

import html
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

RECORDED = Path(__file__).parent / "recorded"
UNSEEN = re.compile(r'<(script|style|svg)\b.*?</\1>|<details class="code">.*?</details>', re.DOTALL)
LINE_ENDS = re.compile(r"</(?:p|tr|h\d|li|div|section|caption|dt|dd|details|summary|pre)>")
CELL_ENDS = re.compile(r"</t[dh]>")
LAST_SECTION = "What do these statements rest on?"


def recordings() -> list[Path]:
    return sorted(path.parent for path in RECORDED.glob("*/truth.json"))


def said(recording: Path, command: str = str(Path(sys.executable).parent / "incident-kit")) -> str:
    """The words of a report on the recording's own scenario (of nothing: on errors), and its findings."""
    scenario = json.loads((recording / "truth.json").read_text(encoding="utf-8"))["scenario"] or "high_error_rate"
    with tempfile.TemporaryDirectory() as folder:
        asked = [command, "report", scenario, "said", "--evidence", str(recording), "--reports", folder]
        made = subprocess.run(asked, capture_output=True, text=True, check=False)
        if made.returncode not in (0, 3):  # 3: some of the recorded answers came with a warning
            raise RuntimeError(made.stderr)
        data = Path(made.stdout.strip()).parent
        try:
            findings = (data / "findings.json").read_text(encoding="utf-8")
            return words_of((data / "report.html").read_text(encoding="utf-8")) + "\n\n" + findings
        finally:
            subprocess.run(["chmod", "-R", "u+w", folder], check=True)


def words_of(page: str) -> str:
    """What a person reads on a page, a line a paragraph or row."""
    text = CELL_ENDS.sub(" | ", LINE_ENDS.sub("\n", UNSEEN.sub(" ", page)))
    lines = [" ".join(line.split()) for line in html.unescape(re.sub(r"<[^>]+>", "", text)).split("\n")]
    begin = next(number for number, line in enumerate(lines) if line.startswith("What happened"))
    end = next(number for number, line in enumerate(lines) if number > begin and line == LAST_SECTION)
    return "\n".join(line for line in lines[begin:end] if line)


if __name__ == "__main__":
    for each in recordings():
        (each / "said.txt").write_text(said(each), encoding="utf-8")
        print(each.name)
