"""The page a person opens: self-contained, every citation leads somewhere, and no secret in it."""

from __future__ import annotations

import ast
import base64
import gzip
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote

import pytest

TESTS = Path(__file__).parents[1]
PORTAL = TESTS / "portal"
OUTPUTS = [
    "report.html",
    "impact.json",
    "severity.json",
    "findings.json",
    "timeline.jsonl",
    "notebook.ipynb",
    "accounting.json",
    "series/requests_by_minute.csv",
]
NO_SECRETS = {"JWT_LIFETIME_S", "FREEBIT_OEM_ID"}
JWT = re.compile(r"eyJ[A-Za-z0-9_-]{5,}\.(eyJ[A-Za-z0-9_-]{10,})\.([A-Za-z0-9_-]{10,})")


class Page(HTMLParser):
    """Tags with their attributes; whether each stands within <details>, counted in `depth`."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None], bool]] = []
        self.depth = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.depth += tag == "details"
        self.tags.append((tag, dict(attrs), self.depth > 0))

    def handle_endtag(self, tag: str) -> None:
        self.depth -= tag == "details"

    def values(self, name: str) -> list[str]:
        return [value for _, attributes, _ in self.tags if (value := attributes.get(name))]


@pytest.fixture(scope="module")
def text(demo_run: Path) -> str:
    return (demo_run / "data" / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


@pytest.fixture(scope="module")
def recording() -> str:
    contents = (TESTS / "recorded" / "freebit_slow" / "evidence").glob("*/content")
    return "".join(gzip.decompress(path.read_bytes()).decode("utf-8") for path in contents)


def invented_secrets() -> list[str]:
    """What the portal and its stand-ins were told to keep secret."""
    tree = ast.parse((PORTAL / "record.py").read_text(encoding="utf-8"))
    constants = {
        node.targets[0].id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    assert isinstance(constants["SECRETS"], ast.Dict)
    found = [ast.literal_eval(constants["JWT_SECRET"])]
    for name, value in zip(constants["SECRETS"].keys, constants["SECRETS"].values, strict=True):
        if isinstance(name, ast.Constant) and isinstance(value, ast.Constant) and name.value not in NO_SECRETS:
            found.append(value.value)
    sources = "".join(path.read_text(encoding="utf-8") for path in (PORTAL / "standins").glob("*.ts"))
    return found + re.findall(r"authKey: '([^']+)'", sources) + ["fbk-invented"]


def test_page_loads_nothing_from_outside(text: str, page: Page) -> None:
    addresses = [
        value for name in ("src", "href", "xlink:href", "action", "data", "srcset") for value in page.values(name)
    ]
    addresses += re.findall(r"url\(\s*[\"']?([^)\"']+)", text)
    assert addresses
    assert [address for address in addresses if not address.startswith(("#", "data:"))] == []
    assert "@import" not in text
    assert not {"link", "iframe", "object", "embed", "base"} & {tag for tag, _, _ in page.tags}


def test_page_runs_one_script_which_its_policy_names_by_hash(text: str, page: Page) -> None:
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    policy = next(
        attributes["content"]
        for tag, attributes, _ in page.tags
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    )
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert "default-src 'none'" in str(policy)
    assert f"script-src 'sha256-{digest}'" in str(policy)
    assert len(script) < 10_000
    assert [name for _, attributes, _ in page.tags for name in attributes if name.startswith("on")] == []


def test_page_is_small_enough_to_send(text: str) -> None:
    assert len(text.encode()) < 2_000_000


def test_numbers_and_their_headings_are_on_the_same_side(text: str) -> None:
    for table in re.findall(r"<table.*?</table>", text, re.DOTALL):
        last_head = re.findall(r"<tr.*?</tr>", table[: table.index("</thead>")], re.DOTALL)[-1]
        columns = ["class='n'" in cell for cell in re.findall(r"<th[^>]*>", last_head)]
        first_row = re.search(r"<tbody><tr.*?</tr>", table, re.DOTALL)
        assert first_row is not None
        cells = ["class='n'" in cell for cell in re.findall(r"<t[dh][^>]*>", first_row[0])]
        if "colgroup" not in table:
            assert columns == cells
        else:
            assert sum(columns) <= sum(cells)
            assert all(columns)


def test_each_chart_is_one_drawing_with_its_description(page: Page) -> None:
    drawings = [attributes for tag, attributes, _ in page.tags if tag == "svg"]
    assert len(drawings) == 3
    assert [drawing.get("role") for drawing in drawings] == ["img"] * 3
    assert min(len(drawing.get("aria-label") or "") for drawing in drawings) > 20


def test_code_is_folded_away(demo_run: Path, text: str) -> None:
    outside = re.sub(r"<details.*?</details>", "", text, flags=re.S)
    notebook = json.loads((demo_run / "data" / "notebook.ipynb").read_text(encoding="utf-8"))
    sources = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert len(sources) > 10
    for line in [line for source in sources for line in source.splitlines() if len(line) > 12]:
        assert line not in outside
    assert "page.chart(minutes, events, impact, window)" in text


def test_every_link_leads_to_a_place_in_the_page(page: Page) -> None:
    ids = page.values("id")
    links = [value for tag, attributes, _ in page.tags if tag == "a" and (value := attributes.get("href"))]
    assert len(links) > 20
    assert [link for link in links if link.removeprefix("#") not in ids] == []
    assert len([name for name in ids if name.startswith(("l-", "q-"))]) == len(
        {name for name in ids if name.startswith(("l-", "q-"))}
    )


def test_every_line_that_is_cited_is_shown(demo_run: Path, page: Page) -> None:
    ids = set(page.values("id"))
    findings = json.loads((demo_run / "data" / "findings.json").read_text(encoding="utf-8"))
    impact = json.loads((demo_run / "data" / "impact.json").read_text(encoding="utf-8"))
    citations = [citation for finding in findings for citation in finding["citations"]]
    citations += [*filter(None, impact["citations"].values()), *(suspect["citation"] for suspect in impact["suspects"])]
    assert len(citations) > 6
    for citation in citations:
        assert f"q-{citation['query']}" in ids
        for line in citation.get("exemplars", []):
            assert f"l-{line['item']}-{line['line']}" in ids


def test_cited_lines_say_where_they_stand_and_what_stands_around_them(
    demo_run: Path, text: str, recording: str
) -> None:
    """The byte is where the line begins in the log as it was."""
    excerpts = re.findall(r"<details class='line' id='l-(\w+)-(\d+)'>(.*?)</details>", text, re.DOTALL)
    assert len(excerpts) > 10
    lines, log = recording.split("\n"), recording.encode()
    for _, number, excerpt in excerpts:
        place = re.search(r"line ([\d,]+), byte ([\d,]+) of the original", excerpt)
        assert place is not None
        line, offset = (int(part.replace(",", "")) for part in place.groups())
        assert line == int(number)
        assert log[offset:].startswith(lines[line - 1].encode() + b"\n")
        around = "\n".join(re.findall(r"<pre class='around'>(.*?)</pre>", excerpt, re.DOTALL))
        assert [int(found) for found in re.findall(r"^ *(\d+)  ", around, re.MULTILINE)] == [
            *range(line - 5, line),
            *range(line + 1, line + 6),
        ]


def test_recording_really_holds_secrets(recording: str) -> None:
    """Else the test below would prove nothing."""
    assert (
        len([secret for secret in invented_secrets() if secret in recording or quote(secret, safe="") in recording])
        >= 3
    )
    assert JWT.search(recording)


@pytest.mark.parametrize("name", OUTPUTS)
def test_no_secret_of_the_recording_is_shown(demo_run: Path, recording: str, name: str) -> None:
    shown = (demo_run / "data" / name).read_text(encoding="utf-8")
    secrets = {
        form
        for secret in invented_secrets()
        for form in (secret, quote(secret, safe=""), quote(quote(secret, safe=""), safe=""))
    }
    secrets |= {part for match in JWT.finditer(recording) for part in match.groups()}
    secrets |= set(re.findall(r"[\w.+-]+(?:@|%40)[\w-]+(?:\.[\w-]+)+", recording))
    assert [secret for secret in secrets if secret in shown] == []
    assert not re.search(r"eyJ[A-Za-z0-9_-]{10,}", shown)
