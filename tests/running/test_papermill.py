"""The notebooks as anyone may use them: with stock tools, and clean in the repository."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


@pytest.mark.slow
def test_stock_papermill_runs_the_notebook_with_its_defaults(tmp_path: Path) -> None:
    source = next(path for path in NOTEBOOKS if path.name == "high_error_rate.ipynb")
    papermill = Path(sys.executable).parent / "papermill"
    finished = subprocess.run(
        [str(papermill), str(source), "out.ipynb"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    cells = [
        cell
        for cell in json.loads((tmp_path / "out.ipynb").read_text(encoding="utf-8"))["cells"]
        if cell["cell_type"] == "code"
    ]
    assert all(output["output_type"] != "error" for cell in cells for output in cell["outputs"])
    assert any(
        "● confirmed" in "".join(output.get("data", {}).get("text/html", ""))
        for cell in cells
        for output in cell["outputs"]
    )
    assert [path.name for path in tmp_path.iterdir()] == ["out.ipynb"]  # with its defaults it writes nothing


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebook_is_stored_without_what_a_run_left_in_it(path: Path) -> None:
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None
