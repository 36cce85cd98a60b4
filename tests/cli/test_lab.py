"""JupyterLab as `incident-kit lab` starts it: a real server, asked over HTTP, ended by its own process id."""

from __future__ import annotations

import signal
import urllib.error
from collections.abc import Iterator

import psutil
import pytest

from tests.chromium import browser
from tests.jupyter import START_TIMEOUT_S, Lab, Screen, running_lab


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with running_lab(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


def test_it_listens_on_this_machine_only_and_asks_for_its_token(lab: Lab) -> None:
    assert lab.address.startswith("http://127.0.0.1:")
    listening = [
        each.laddr
        for each in psutil.Process(lab.process.pid).net_connections("tcp")
        if each.status == psutil.CONN_LISTEN
    ]
    assert listening
    assert {place.ip for place in listening} == {"127.0.0.1"}
    assert "started" in lab.ask("api/status")
    with pytest.raises(urllib.error.HTTPError, match="403"):
        Lab(lab.process, lab.address, "a wrong one", lab.folder).ask("api/status")


def test_it_shows_the_notebooks_of_the_work_folder_with_their_parameters(lab: Lab) -> None:
    names = {entry["name"] for entry in lab.ask("api/contents")["content"]}
    assert names == {path.name for path in (lab.folder / "reports" / "demo" / "work").iterdir()}
    assert "high_error_rate.ipynb" in names
    cells = lab.ask("api/contents/high_error_rate.ipynb")["content"]["cells"]
    parameters = next(cell["source"] for cell in cells if "parameters" in cell["metadata"].get("tags", []))
    assert 'output: str = "high_error_rate"' in parameters


def test_a_browser_opens_on_the_start_page_and_asks_nobody_else(lab: Lab) -> None:
    with browser() as chromium:
        page = chromium.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        screen = Screen(page, lab)
        assert "/lab/tree/start.ipynb" in page.url
        screen.notebook.locator(".notice").wait_for()
        assert screen.notebook.get_by_role("link", name="High error rate or slow responses").count() == 1
        assert [url for url in asked if not url.startswith((lab.address, "data:", "blob:"))] == []
        assert page.get_by_text("Jupyter news").count() == 0


def test_ended_by_its_process_id_it_leaves_nothing_running(lab: Lab) -> None:
    """The last test here: afterwards there is no server."""
    kernel = lab.ask("api/kernels", {"name": "python3"})
    assert kernel["id"]
    family = psutil.Process(lab.process.pid).children(recursive=True)
    assert family
    lab.process.send_signal(signal.SIGTERM)
    lab.process.wait(START_TIMEOUT_S)
    _, alive = psutil.wait_procs(family, timeout=START_TIMEOUT_S)
    assert alive == []
