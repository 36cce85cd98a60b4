"""Notebooks worked on by hand.

Their copies are renewed without touching a person's cells, and their seals tell how they were worked on.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from incident_kit.app.investigation import Investigation
from incident_kit.app.seal import seal_work
from incident_kit.errors import EvidenceError, ParameterError
from incident_kit.evidence.incident import Incident, create, load
from incident_kit.evidence.verify import verify
from incident_kit.incident.state import Milestone, state_of
from incident_kit.model import places
from incident_kit.runbook.data import OURS
from incident_kit.running.work import prepare_work
from tests.cli.small_logs import write_log
from tests.command import Kit

NAME = "high_error_rate.ipynb"


@pytest.fixture(scope="module")
def run_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the recorded incident after Run All in a real kernel, and saving."""
    incident = create(tmp_path_factory.mktemp("reports"), "recorded", "The recorded incident")
    work = prepare_work(incident, recorded=True)
    subprocess.run(
        [str(Path(sys.executable).parent / "jupyter-execute"), "--inplace", NAME],
        cwd=work,
        capture_output=True,
        check=True,
    )
    return incident.folder


@pytest.fixture
def incident(run_once: Path, tmp_path: Path) -> Incident:
    """A copy of it for one test."""
    shutil.copytree(run_once, tmp_path / "recorded")
    return load(tmp_path / "recorded")


def cells_of(path: Path) -> list[dict[str, Any]]:
    cells: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["cells"]
    for cell in cells:
        cell["source"] = "".join(cell["source"])
    return cells


def edited(incident: Incident, change: Callable[[list[dict[str, Any]]], object]) -> Path:
    """Change the cells of the copy as JupyterLab would save them, and return the work folder."""
    path = incident.folder / "work" / NAME
    notebook = json.loads(path.read_text(encoding="utf-8"))
    notebook["cells"] = cells_of(path)
    change(notebook["cells"])
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return path.parent


def cell(cells: list[dict[str, Any]], beginning: str) -> dict[str, Any]:
    return next(each for each in cells if each["source"].startswith(beginning))


def own(source: str, count: int | None = None, tags: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "id": f"own-{abs(hash(source)) % 10**8}",
        "metadata": {"tags": list(tags)},
        "execution_count": count,
        "outputs": [],
        "source": source,
    }


def test_run_all_works_at_once_and_says_that_this_is_the_recorded_incident(run_once: Path) -> None:
    cells = [each for each in cells_of(run_once / "work" / NAME) if each["cell_type"] == "code"]
    assert [output for each in cells for output in each["outputs"] if output["output_type"] == "error"] == []
    shown = [
        "".join(output["data"].get("text/html", "")) for each in cells for output in each["outputs"] if "data" in output
    ]
    assert any("The recorded incident" in each for each in shown)
    assert any("● confirmed" in each for each in shown)
    assert "The recorded incident" in cells_of(run_once / "work" / "start.ipynb")[0]["source"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [path.name for path in sorted(places.notebooks().glob("*.ipynb")) if not path.name.startswith("_")]
)
def test_run_all_works_at_once_in_every_notebook(incident: Incident, name: str) -> None:
    work = incident.folder / "work"
    finished = subprocess.run(
        [str(Path(sys.executable).parent / "jupyter-execute"), "--inplace", name],
        cwd=work,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert (work / Path(name).stem / "findings.json").is_file()
    assert "The recorded incident" in (work / name).read_text(encoding="utf-8")
    assert seal_work(work, name).doubts == []


def test_a_team_has_its_own_notebooks_in_the_work_folder(tmp_path: Path) -> None:
    shutil.copytree(OURS, tmp_path / "runbook", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    (tmp_path / "runbook" / "notebooks").mkdir()
    text = (places.notebooks() / NAME).read_text(encoding="utf-8")
    (tmp_path / "runbook" / "notebooks" / NAME).write_text(
        text.replace("# High error rate", "# Our own high error rate"), encoding="utf-8"
    )
    work = prepare_work(create(tmp_path, "own", "Own"), recorded=True, runbook=str(tmp_path / "runbook"))
    cells = cells_of(work / NAME)
    assert cells[0]["source"].startswith("# Our own high error rate")
    assert f'runbook_folder: str = "{tmp_path / "runbook"}"' in cell(cells, "evidence: str")["source"]
    assert "Our own high error rate" in cells_of(work / "start.ipynb")[0]["source"]


def test_no_two_drawings_of_a_notebook_share_a_name(run_once: Path) -> None:
    """A browser takes a hatch or a clip from the first drawing with that name, and nothing if that one is hidden."""
    cells = [each for each in cells_of(run_once / "work" / NAME) if each["cell_type"] == "code"]
    shown = [
        "".join(output["data"].get("text/html", "")) for each in cells for output in each["outputs"] if "data" in output
    ]
    names = [name for each in shown for name in re.findall(r'<(?:pattern|clipPath)[^>]* id="([^"]+)"', each)]
    assert names
    assert len(names) == len(set(names))


def test_the_copies_end_with_a_section_of_ones_own(run_once: Path) -> None:
    cells = cells_of(run_once / "work" / NAME)
    headings = [
        each["source"].splitlines()[0]
        for each in cells
        if each["cell_type"] == "markdown" and each["source"].startswith("## ")
    ]
    assert headings[-1] == "## Your investigation"
    [collects] = [each for each in cells if "collect" in each["metadata"].get("tags", [])]
    assert "skip-execution" in collects["metadata"]["tags"]  # what stock papermill goes by


def test_the_start_page_leads_to_every_notebook(run_once: Path) -> None:
    text = cells_of(run_once / "work" / "start.ipynb")[0]["source"]
    names = {path.name for path in (run_once / "work").glob("*.ipynb")} - {"start.ipynb"}
    assert names == {path.name for path in places.notebooks().glob("*.ipynb") if not path.name.startswith("_")}
    assert all(f"]({name})" in text for name in names)
    assert "Are requests slow or failing" in text
    assert "$" not in text


def test_untouched_copies_stay_as_they_are_with_their_outputs(incident: Incident) -> None:
    path = incident.folder / "work" / NAME
    before = path.read_bytes(), path.stat().st_mtime_ns
    told: list[str] = []
    prepare_work(incident, say=told.append)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert told == []


def test_a_refresh_renews_our_cells_and_leaves_a_persons_alone(
    incident: Incident, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def work_on(cells: list[dict[str, Any]]) -> None:
        cell(cells, "near.lines")["source"] = "near.lines('status = 504')"
        cells.insert(cells.index(cell(cells, "### Which lines")), own("my = 'own cell'", 77))
        cells.append(own("print('after the seal')"))

    path = edited(incident, work_on) / NAME
    newer = shutil.copytree(places.notebooks(), tmp_path / "newer")
    text = (newer / NAME).read_text(encoding="utf-8")
    (newer / NAME).write_text(
        text.replace("page.head(book, ", "page.head(  # a newer version\\nbook, "), encoding="utf-8"
    )
    monkeypatch.setattr(places, "notebooks", lambda: newer)
    told: list[str] = []
    prepare_work(incident, say=told.append)
    assert told == []
    cells = cells_of(path)
    assert cell(cells, "page.head(  # a newer version")["outputs"] == []
    assert cell(cells, "page.chart(minutes")["outputs"] != []
    sources = [each["source"] for each in cells]
    assert (
        sources.index("near.lines('status = 504')")
        > sources.index("my = 'own cell'")
        > sources.index("### What does it look like from near?")
    )
    assert cell(cells, "my =")["execution_count"] == 77
    assert sources[-1] == "print('after the seal')"
    assert sum("results.save(" in source for source in sources) == 1


def test_parameters_are_a_persons_and_stay(incident: Incident, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def narrower(cells: list[dict[str, Any]]) -> None:
        parameters = cell(cells, "evidence: str")
        parameters["source"] = parameters["source"].replace('since: str = ""', 'since: str = "2026-11-23T09:52:00Z"')

    path = edited(incident, narrower) / NAME
    told: list[str] = []
    prepare_work(incident, say=told.append)
    newer = shutil.copytree(places.notebooks(), tmp_path / "newer")
    text = (newer / NAME).read_text(encoding="utf-8")
    (newer / NAME).write_text(
        text.replace("evidence: str", "more: int = 3  # a new one\\nevidence: str"), encoding="utf-8"
    )
    monkeypatch.setattr(places, "notebooks", lambda: newer)
    prepare_work(incident, say=told.append)
    assert told == []
    parameters = cell(cells_of(path), "more: int")["source"]
    assert 'since: str = "2026-11-23T09:52:00Z"' in parameters
    assert 'evidence: str = ".."' in parameters
    assert 'output: str = "high_error_rate"' in parameters


@pytest.mark.parametrize(
    "change",
    [
        lambda cells: cell(cells, "page.findings").update(source="page.findings(findings[:1])"),
        lambda cells: cells.remove(cell(cells, "page.findings")),
        lambda cells: cells.insert(3, own("between = 'ours'")),
        lambda cells: cells.reverse(),
    ],
    ids=["edited", "removed", "inserted", "moved"],
)
def test_a_copy_whose_own_cells_were_changed_is_left_as_it_is(
    incident: Incident, change: Callable[[list[dict[str, Any]]], object]
) -> None:
    path = edited(incident, change) / NAME
    before = path.read_bytes()
    told: list[str] = []
    prepare_work(incident, say=told.append)
    assert path.read_bytes() == before
    assert len(told) == 1
    assert "left as it is" in told[0]


def test_a_seal_of_a_notebook_run_in_order_verifies_and_can_be_made_again(incident: Incident, kit: Kit) -> None:
    """Also that a cell tagged `collect` is skipped then: this one would fail."""

    def work_on(cells: list[dict[str, Any]]) -> None:
        cells.append(own("raise SystemExit('asked a system')", tags=("collect",)))

    run = seal_work(edited(incident, work_on))
    assert run.doubts == []
    verify(run.folder)
    again = kit("reproduce", run.folder, "--trust-notebook")
    assert "findings.json" in again.stdout, again.stderr
    page = run.report.read_text(encoding="utf-8")
    assert "worked on by hand" in page
    assert "By hand. Every cell was run in order, as it stands." in page
    assert "Your investigation" in page
    assert page.count("<style>") == 1


def test_the_folder_one_is_in_can_be_sealed(incident: Incident, kit: Kit) -> None:
    sealed = kit("seal", ".", cwd=incident.folder / "work")
    assert sealed.returncode == 0, sealed.stderr
    assert Path(sealed.stdout.strip()).is_file()


def test_cells_to_doubt_are_named_in_the_run_and_on_its_page(incident: Incident) -> None:
    def work_on(cells: list[dict[str, Any]]) -> None:
        cell(cells, "page.findings")["source"] = "page.findings(findings[:1])"
        cell(cells, "page.chart(minutes")["execution_count"] = None
        cell(cells, "near.lines")["execution_count"] = 1
        cell(cells, "# incident.collect")["execution_count"] = None  # nobody has to collect more
        cells.remove(cell(cells, "records.sql"))
        cell(cells, "# incident.seal")["source"] = (
            "incident.seal()"  # as it is when it is saved once more before the seal
        )
        cells.append(own("print('by hand')", 99))

    run = seal_work(edited(incident, work_on))
    told = "\n".join(run.doubts)
    assert "(`page.findings(findings[:1])`) was edited after it was run" in told
    assert "(`page.chart(minutes, events, impact, window)`) was not run" in told
    assert '(`near.lines("status >= 500", most=5)`) was run before a cell above it' in told
    assert "(`print('by hand')`) was run in another session" in told
    assert "cell(s) were run that are not in the notebook as they were" in told
    assert "incident.collect" not in told
    assert "incident.seal" not in told
    page = run.report.read_text(encoding="utf-8")
    assert "worked on by hand, with doubts that stand at the end" in page
    assert "was edited after it was run" in page
    assert "hunter22" not in page


def test_what_a_person_wrote_and_showed_is_masked_and_named_before_it_is_sealed(incident: Incident) -> None:
    def work_on(cells: list[dict[str, Any]]) -> None:
        cells.append(
            {
                "cell_type": "markdown",
                "id": "own-text",
                "metadata": {},
                "source": "It said redis://:hunter22@cache:6379 to me.",
            }
        )
        shown = {"text/html": "<td>password=hunter22</td>", "text/plain": "password=hunter22"}
        cells.append(
            {
                **own("'password=hunter22'", 99),
                "outputs": [{"output_type": "execute_result", "execution_count": 99, "metadata": {}, "data": shown}],
            }
        )

    run = seal_work(edited(incident, work_on))
    assert run.lost
    assert any(line.startswith("report.html: 1 place that looked like: secret (line ") for line in run.masked)
    page = run.report.read_text(encoding="utf-8")
    assert not [
        name
        for name in ("report.html", "notebook.ipynb")
        if "hunter22" in (run.folder / "data" / name).read_text(encoding="utf-8")
    ]
    assert "It said redis://[redacted:credentials]@cache:6379 to me." in page
    assert "<td>password=[redacted:secret]</td>" in page


def test_a_notebook_not_saved_since_it_was_run_is_not_sealed(incident: Incident) -> None:
    work = incident.folder / "work"
    os.utime(work / NAME, (0, 0))
    with pytest.raises(EvidenceError, match=r"not saved since it was last run. Save it \(Ctrl\+S\)"):
        seal_work(work)
    assert not incident.runs.exists()


def test_a_notebook_that_was_never_run_is_not_sealed(tmp_path: Path) -> None:
    work = prepare_work(create(tmp_path, "new", "New"), recorded=True)
    with pytest.raises(EvidenceError, match="has not been run to its end"):
        seal_work(work)


def test_what_came_after_the_results_is_told(incident: Incident, tmp_path: Path) -> None:
    investigation = Investigation(incident.folder)
    investigation.collect(write_log(tmp_path / "more.log"))
    investigation.note("Rolled back the deploy", kind="action", at="09:57")
    os.utime(incident.folder / "work" / NAME)
    run = seal_work(incident.folder / "work")
    [collected, noted] = run.doubts
    assert "more.log) was collected after the results were written" in collected
    assert "of the journal was noted after the results were written" in noted
    assert len(list((run.folder / "data" / "evidence").iterdir())) == 1


def test_a_note_is_written_once_at_the_time_nearest_to_the_incident(incident: Incident) -> None:
    investigation = Investigation(incident.folder)
    for _ in range(2):
        told = investigation.note("Freebit <b>confirms</b>, token=abcdef123456", kind="communicated", at="09:58")
    assert "Noted already" in told
    assert "<b>" not in told
    entries = [entry for entry in incident.journal.entries() if entry.kind == "communicated"]
    assert [entry.happened for entry in entries] == [datetime(2026, 11, 23, 9, 58, tzinfo=UTC)]
    assert "Freebit &lt;b&gt;confirms&lt;/b&gt;, token=[redacted:secret]" in investigation._repr_html_()
    assert incident.journal.faults() == []


@pytest.mark.parametrize(("text", "kind"), [(" ", "note"), ("taken over", "custody")])
def test_a_note_without_words_or_in_the_tools_name_is_refused(incident: Incident, text: str, kind: str) -> None:
    with pytest.raises(ParameterError):
        Investigation(incident.folder).note(text, kind=kind)


def test_collecting_adds_evidence_and_tells_the_journal(
    incident: Incident, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_log(tmp_path / "more.log")
    shown = Investigation(incident.folder).collect(tmp_path / "m*.log")
    assert "1 item(s) more" in shown
    assert [Path(item.origin).name for item in incident.evidence.slices()][1:] == ["more.log"]
    assert incident.journal.entries()[-1].kind == "custody"
    assert "no --since was given" in capsys.readouterr().out


def test_what_live_systems_answer_is_shown_at_once(
    incident: Incident, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Here there is none, which is an answer too; a kernel has its event loop running, which asking must not mind."""
    monkeypatch.chdir(incident.folder)
    for name in ("REDIS_URL", "DATABASE_URL", "WHMCS_API_URL", "SF_LOGIN_URL"):
        monkeypatch.delenv(name, raising=False)

    async def in_a_kernel() -> str:
        return Investigation(incident.folder).collect(live=True)

    shown = asyncio.run(in_a_kernel())
    assert "What did the live systems answer?" in shown
    assert "REDIS_URL is set neither in this environment" in shown
    assert "postgres" in capsys.readouterr().out
    assert len(incident.evidence.answers()) > 3


def test_a_notebook_shows_of_our_errors_the_sentence() -> None:
    code = "from incident_kit.errors import InputError; raise InputError('no such file. Check the name.')"
    shown = subprocess.run(
        [sys.executable, "-m", "IPython", "--no-banner", "--colors=NoColor", "-c", code],
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.stdout.strip() == "no such file. Check the name."


def test_outside_of_a_work_folder_nothing_is_written(incident: Incident) -> None:
    """In a run, a reproduction, or beside the recorded incident."""
    data = seal_work(incident.folder / "work").folder / "data"
    before = {path: path.stat().st_mtime_ns for path in data.rglob("*")}
    for folder in (data, "recorded"):
        investigation = Investigation(folder)
        for shown in (
            investigation.note("x"),
            investigation.collect(),
            investigation.seal(),
            investigation._repr_html_(),
        ):
            assert "does not lie in an incident's work folder" in shown
    assert {path: path.stat().st_mtime_ns for path in data.rglob("*")} == before


def test_the_incident_s_life_is_noted_from_a_notebook_once_however_often_the_cells_run(incident: Incident) -> None:
    investigation = Investigation(incident.folder)
    for _ in range(2):
        shown = [
            investigation.milestone("acknowledged", at="09:59", why="paged"),
            investigation.set("severity", "P2", why="top-ups fail", at="10:00"),
            investigation.set("status", "identified"),
            investigation.set("impact", "top-ups fail"),
            investigation.step(1, "done", "it is Freebit", scenario="high_error_rate"),
            investigation.note("raised the timeout", kind="action", temporary=True),
        ]
    assert all("Noted already" in told for told in shown)
    state = state_of(incident.journal.entries())
    assert state.moment(Milestone.ACKNOWLEDGED) == datetime(2026, 11, 23, 9, 59, tzinfo=UTC)
    assert state.severity
    assert (state.severity.level, state.severity.why) == ("P2", "top-ups fail")
    assert (state.status, len(state.steps), len(state.temporaries)) == ("identified", 1, 1)


def test_a_line_that_is_struck_out_in_a_notebook_is_shown_so(incident: Incident) -> None:
    investigation = Investigation(incident.folder)
    investigation.note("it is the cache")
    line = incident.journal.entries()[-1].line
    for _ in range(2):
        investigation.strike(line, "it is not")
    assert "<s>it is the cache</s>" in investigation._repr_html_()
    assert [entry.kind for entry in incident.journal.entries()][-2:] == ["note", "struck"]


def test_times_in_a_notebook_are_of_the_people_s_zone(incident: Incident, monkeypatch: pytest.MonkeyPatch) -> None:
    configuration = incident.folder / "incident-kit.toml"
    configuration.write_text('zone = "Asia/Tokyo"\n')
    monkeypatch.setenv("INCIDENT_KIT_CONFIG", str(configuration))
    Investigation(incident.folder).note("Rolled back", at="18:57")
    assert incident.journal.entries()[-1].happened == datetime(2026, 11, 23, 9, 57, tzinfo=UTC)


def test_where_it_stands_and_the_messages_are_shown_in_a_notebook(incident: Incident) -> None:
    investigation = Investigation(incident.folder)
    investigation.set("severity", "P2", why="top-ups fail")
    shown = investigation.status()
    assert "P2 since" in shown
    assert "Missing" in shown
    for _ in range(2):
        message = investigation.update("customer", sent=True)
    assert "<pre>" in message
    assert [entry.kind for entry in incident.journal.entries()].count("communicated") == 1
