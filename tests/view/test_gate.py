"""The gate before the seal: a secret that people would see is masked and named, never shown, and the run is sealed."""

from __future__ import annotations

import json
import shutil
from xml.etree import ElementTree

import nbformat
import pytest
from unsealed import writable

from incident_kit.app.run import begin, seal
from incident_kit.evidence.incident import create
from incident_kit.evidence.store import Evidence
from incident_kit.evidence.verify import verify
from incident_kit.model.redaction import REDACTION
from incident_kit.view import gate

SECRETS = {"mail": "hanako@example.jp", "password=": "blue-heron-7", "mobile": "08012340987"}


def test_a_notebook_that_prints_secrets_is_masked_and_sealed(tmp_path, demo_run):
    incident = create(tmp_path, "by-hand", "By hand")
    partial = begin(incident, "high_error_rate")
    shutil.copytree(demo_run / "data", partial / "data", dirs_exist_ok=True)
    writable(partial)
    notebook = json.loads((demo_run / "data" / "notebook.ipynb").read_text(encoding="utf-8"))
    printed = {
        "output_type": "stream",
        "name": "stdout",
        "text": ["mail hanako@example.jp\n", "password=blue-heron-7\n"],
    }
    shown = {
        "output_type": "execute_result",
        "execution_count": 99,
        "metadata": {},
        "data": {"text/html": ["<b title='call 08012340987'>x</b>"]},
    }
    notebook["cells"].append(
        {
            "cell_type": "code",
            "id": "own",
            "metadata": {},
            "execution_count": 99,
            "source": ["mine()"],
            "outputs": [printed, shown],
        }
    )
    (partial / "data" / "notebook.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    facts = {"scenario": "high_error_rate", "notebook": "high_error_rate.ipynb", "parameters": {}, "error": ""}
    run = seal(incident, partial, facts)
    verify(run.folder)
    assert run.lost
    number = len(notebook["cells"])
    assert f"notebook.ipynb: 1 place that looked like: email (cell {number}, its output)" in run.masked
    assert any("looked like: phone (line " in line and "title of <b>" in line for line in run.masked)
    page = run.report.read_text(encoding="utf-8")
    assert "What was masked?" in page
    assert '<b title="call [redacted:phone]">x</b>' in page
    for path in gate.shown_files(run.folder / "data"):
        assert not [secret for secret in SECRETS.values() if secret in path.read_text(encoding="utf-8")], path
    nbformat.validate(nbformat.read(run.folder / "data" / "notebook.ipynb", as_version=4))


@pytest.mark.parametrize(
    ("name", "text", "place", "shown"),
    [
        (
            "findings.json",
            '[{"statement": "told hanako@example.jp"}]',
            "at /0/statement",
            '[\n {\n  "statement": "told [redacted:email]"\n }\n]\n',
        ),
        (
            "findings.json",
            '[{"measures": {"hanako@example.jp": 1}}]',
            "at /0/measures/[redacted:email]",
            '[\n {\n  "measures": {\n   "[redacted:email]": 1\n  }\n }\n]\n',
        ),
        (
            "timeline.jsonl",
            '{"message": "fine"}\n{"message": "password=blue-heron-7"}\n',
            "line 2, at /message",
            '{"message": "fine"}\n{"message": "password=[redacted:secret]"}\n',
        ),
        (
            "series/calls.csv",
            "start,name\n2026,call 08012340987\n",
            "line 2, column 2",
            "start,name\n2026,call [redacted:phone]\n",
        ),
        (
            "charts/01.svg",
            "<svg>\n<text x='1'>hanako&#64;example.jp</text></svg>",
            "line 2",
            "<svg>\n<text x='1'>[redacted:email]</text></svg>",
        ),
        (
            "charts/01.svg",
            "<svg viewBox='0 0 1 1' aria-label='to &lt;hanako@example.jp&gt;'/>",
            "aria-label of <svg>",
            "<svg viewBox='0 0 1 1' aria-label=\"to &lt;[redacted:email]&gt;\"/>",
        ),
        (
            "report.html",
            "<p>fine</p>\n<pre>{&quot;password&quot;: &quot;blue-heron-7&quot;}</pre>",
            "line 2",
            "<p>fine</p>\n<pre>{&quot;password&quot;: &quot;[redacted:secret]&quot;}</pre>",
        ),
        (
            "report.html",
            "<script>const shown = 'hanako@example.jp'</script>",
            "line 1",
            "<script>const shown = '[redacted:email]'</script>",
        ),
        ("report.html", "<!-- hanako@example.jp -->", "a comment", "<!-- [redacted:email] -->"),
        (
            "report.html",
            "<a title=hanako@example.jp>x</a><p>&amp;</p>",
            "title of <a>",
            '<a title="[redacted:email]">x</a><p>&amp;</p>',
        ),
    ],
)
def test_a_leak_is_masked_and_named_by_its_place(tmp_path, name, text, place, shown):
    path = tmp_path / "data" / name
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    [masked] = gate.mask(tmp_path / "data", REDACTION)
    assert masked.file == name
    assert place in masked.place
    assert path.read_text(encoding="utf-8") == shown
    assert not [secret for secret in SECRETS.values() if secret in "".join(gate.in_words([masked]))]
    assert gate.mask(tmp_path / "data", REDACTION) == []
    if path.suffix == ".svg":
        ElementTree.fromstring(shown)


def test_the_incidents_own_key_is_a_leak_too(tmp_path):
    redaction = Evidence(tmp_path / "evidence").keep_redaction()
    page = tmp_path / "data" / "report.html"
    page.parent.mkdir()
    page.write_text(f"<p>{redaction.key.hex()}</p>", encoding="utf-8")
    assert [masked.kind for masked in gate.mask(tmp_path / "data", redaction)] == ["the incident's own key"]
    assert page.read_text(encoding="utf-8") == "<p>[redacted:key]</p>"


def test_pieces_that_stand_apart_are_not_read_as_one(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "report.html").write_text(
        "<tr><th>password:</th><td>blue-heron-7</td></tr><code>0801234</code><code>0987</code>", encoding="utf-8"
    )
    assert gate.mask(tmp_path / "data", REDACTION) == []


def test_a_figure_behind_the_name_of_a_route_is_masked_nowhere(tmp_path):
    (tmp_path / "data").mkdir()
    told = "POST /oauth/token: 2.0 s on average; client password: 30 requests; GET /session/secret: 5 %"
    (tmp_path / "data" / "findings.json").write_text(json.dumps([{"statement": told}]), encoding="utf-8")
    assert gate.mask(tmp_path / "data", REDACTION) == []


def test_in_what_a_person_made_a_value_behind_a_colon_goes_too(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "findings.json").write_text(
        json.dumps([{"statement": "the password: blue-heron-7"}]), encoding="utf-8"
    )
    assert len(gate.mask(tmp_path / "data", REDACTION, by_hand=True)) == 1
    assert "blue-heron-7" not in (tmp_path / "data" / "findings.json").read_text(encoding="utf-8")
