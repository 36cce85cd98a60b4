"""The process a notebook runs in."""

from __future__ import annotations

import json
from pathlib import Path

from tests.command import Kit


def test_a_kernel_of_that_name_from_somewhere_else_is_not_used(kit: Kit, tmp_path: Path) -> None:
    """Another Python, with other versions of everything, would answer in our name."""
    folder = tmp_path / "kernels" / "python3"
    folder.mkdir(parents=True)
    spec = {"argv": ["/bin/false", "{connection_file}"], "display_name": "Python 3", "language": "python"}
    (folder / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    finished = kit("demo", cwd=tmp_path, env={"JUPYTER_PATH": str(tmp_path)})
    assert finished.returncode == 0, finished.stderr


def test_a_long_name_of_the_folder_for_temporary_files_does_not_matter(kit: Kit, tmp_path: Path) -> None:
    """A socket's name has room for a hundred letters or so."""
    temporary = tmp_path / ("temporary " * 10).strip() / "files"
    temporary.mkdir(parents=True)
    finished = kit("demo", cwd=tmp_path, env={"TMPDIR": str(temporary)})
    assert finished.returncode == 0, finished.stderr
    assert "warning" not in finished.stderr.lower()
    assert list(temporary.iterdir()) == []
