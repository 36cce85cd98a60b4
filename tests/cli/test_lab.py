"""JupyterLab as `incident-kit lab` starts it: a real server, asked over HTTP, ended by its own process id."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

COMMAND = Path(sys.executable).parent / "incident-kit"
START_TIMEOUT_S = 60


@dataclass
class Lab:
    """A running JupyterLab: its process, its address with a slash at the end, its token, and the folder it was started in."""

    process: subprocess.Popen[bytes]
    address: str
    token: str
    folder: Path

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        request = urllib.request.Request(self.address + path, headers={"Authorization": f"token {self.token}"})
        request.data = json.dumps(body).encode() if body is not None else None
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
            return json.load(answer)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("lab")
    home = {name: str(folder / "jupyter") for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR")}
    options = ["--option=--no-browser", *(["--option=--allow-root"] if os.geteuid() == 0 else [])]
    with (folder / "lab.log").open("wb") as log:
        process = subprocess.Popen([str(COMMAND), "lab", *options], cwd=folder, env={**os.environ, **home}, stdout=log, stderr=log)
    try:
        # The server says in this file where it listens, and for whom.
        described = folder / "jupyter" / f"jpserver-{process.pid}.json"
        facts = wait_for(described, process, folder / "lab.log")
        yield Lab(process, facts["url"], facts["token"], folder)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def wait_for(described: Path, process: subprocess.Popen[bytes], log: Path) -> dict[str, Any]:
    until = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < until and process.poll() is None:
        try:
            facts: dict[str, Any] = json.loads(described.read_text(encoding="utf-8"))
            urllib.request.build_opener(urllib.request.ProxyHandler({})).open(facts["url"] + "api").close()
        except (OSError, json.JSONDecodeError):  # not written yet, half written, or not listening yet
            time.sleep(0.1)
        else:
            return facts
    pytest.fail(f"JupyterLab did not start:\n{log.read_text(encoding='utf-8', errors='replace')}")


def test_it_listens_on_this_machine_only_and_asks_for_its_token(lab: Lab) -> None:
    assert lab.address.startswith("http://127.0.0.1:")
    listening = [each.laddr for each in psutil.Process(lab.process.pid).net_connections("tcp") if each.status == psutil.CONN_LISTEN]
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
