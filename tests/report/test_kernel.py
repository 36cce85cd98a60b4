"""The process a notebook runs in."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path


def test_a_kernel_of_that_name_from_somewhere_else_is_not_used(kit: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path) -> None:
    """Another Python, with other versions of everything, would answer in our name."""
    folder = tmp_path / "kernels" / "python3"
    folder.mkdir(parents=True)
    spec = {"argv": ["/bin/false", "{connection_file}"], "display_name": "Python 3", "language": "python"}
    (folder / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    finished = kit("demo", cwd=tmp_path, env={"JUPYTER_PATH": str(tmp_path)})
    assert finished.returncode == 0, finished.stderr
