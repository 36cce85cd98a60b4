"""The gate before the seal: a secret that people would see keeps a run from being sealed, and is named without being shown."""

from __future__ import annotations

import json
import shutil

import pytest
from unsealed import writable

from incident_kit.errors import LeakFound
from incident_kit.evidence.incident import create
from incident_kit.evidence.store import Evidence
from incident_kit.model.redaction import REDACTION
from incident_kit.report import gate
from incident_kit.report.run import begin, seal

SECRETS = {"mail": "hanako@example.jp", "password=": "blue-heron-7", "mobile": "08012340987"}


def test_a_notebook_that_prints_secrets_is_not_sealed(tmp_path, demo_run):
    incident = create(tmp_path, "by-hand", "By hand")
    partial = begin(incident, "high_error_rate")
    shutil.copytree(demo_run / "data", partial / "data", dirs_exist_ok=True)
    writable(partial)
    notebook = json.loads((demo_run / "data" / "notebook.ipynb").read_text(encoding="utf-8"))
    printed = {"output_type": "stream", "name": "stdout", "text": ["mail hanako@example.jp\n", "password=blue-heron-7\n"]}
    shown = {"output_type": "execute_result", "execution_count": 99, "metadata": {}, "data": {"text/html": ["<b title='call 08012340987'>x</b>"]}}
    notebook["cells"].append({"cell_type": "code", "id": "own", "metadata": {}, "execution_count": 99, "source": ["mine()"], "outputs": [printed, shown]})
    (partial / "data" / "notebook.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    with pytest.raises(LeakFound) as refused:
        seal(incident, partial, {"scenario": "high_error_rate"})
    said = str(refused.value)
    assert not [secret for secret in SECRETS.values() if secret in said]
    number = len(notebook["cells"])
    for expected in (
        f"notebook.ipynb, cell {number}, its output: 17 characters that look like: email",
        "look like: secret",
        "title of <b>",
        "look like: phone",
    ):
        assert expected in said
    assert [path.name[-8:] for path in incident.runs.iterdir()] == [".partial"]


@pytest.mark.parametrize(
    ("name", "text", "place"),
    [
        ("findings.json", '[{"statement": "told hanako@example.jp"}]', "at /0/statement"),
        ("findings.json", '[{"measures": {"hanako@example.jp": 1}}]', "at /0/measures/[redacted:email]"),
        ("timeline.jsonl", '{"message": "fine"}\n{"message": "password=blue-heron-7"}\n', "line 2, at /message"),
        ("series/calls.csv", "start,name\n2026,call 08012340987\n", "line 2, column 2"),
        ("charts/01.svg", "<svg>\n<text x='1'>hanako&#64;example.jp</text></svg>", "line 2"),
        ("report.html", "<p>fine</p>\n<pre>{&quot;password&quot;: &quot;blue-heron-7&quot;}</pre>", "line 2"),
        ("report.html", "<script>const shown = 'hanako@example.jp'</script>", "line 1"),
        ("report.html", "<!-- hanako@example.jp -->", "a comment"),
        ("notebook.ipynb", '{"cells": [{"source": ["# for hanako@example.jp"]}]}', "cell 1"),
    ],
)
def test_a_leak_is_named_by_its_place(tmp_path, name, text, place):
    path = tmp_path / "data" / name
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(LeakFound) as refused:
        gate.check(tmp_path / "data", REDACTION)
    assert len(refused.value.leaks) == 1
    assert name in refused.value.leaks[0]
    assert place in refused.value.leaks[0]
    assert not [secret for secret in SECRETS.values() if secret in str(refused.value)]


def test_the_incidents_own_key_is_a_leak_too(tmp_path):
    redaction = Evidence(tmp_path / "evidence").keep_redaction()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "report.html").write_text(f"<p>{redaction.key.hex()}</p>", encoding="utf-8")
    with pytest.raises(LeakFound, match="the incident's own key") as refused:
        gate.check(tmp_path / "data", redaction)
    assert redaction.key.hex() not in str(refused.value)


def test_pieces_that_stand_apart_are_not_read_as_one(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "report.html").write_text("<tr><th>password:</th><td>blue-heron-7</td></tr><code>0801234</code><code>0987</code>", encoding="utf-8")
    gate.check(tmp_path / "data", REDACTION)
