"""The figures of the README: `python3 run.py bench`. Ratios within one run, medians of several: machines are noisy."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 5
BIN = Path(sys.executable).parent
EMPTY = {"cells": [], "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}, "nbformat": 4, "nbformat_minor": 5}


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "empty.ipynb").write_text(json.dumps(EMPTY))
        demo = [BIN / "incident-kit", "demo"]
        stock = [[BIN / "papermill", "empty.ipynb", "out.ipynb"], [BIN / "jupyter", "nbconvert", "--to", "html", "out.ipynb"]]
        pairs = []
        for turn in range(ROUNDS + 1):
            ours = seconds(demo, folder)
            theirs = sum(seconds(command, folder) for command in stock)
            if turn:  # the first round warms the caches
                pairs.append((ours, theirs))
    print(f"demo                                   {statistics.median(ours for ours, _ in pairs):.2f} s   (median of {ROUNDS})")
    print(f"papermill + nbconvert, empty notebook  {statistics.median(theirs for _, theirs in pairs):.2f} s")
    print(f"ratio                                  {statistics.median(ours / theirs for ours, theirs in pairs):.2f}   (median of {ROUNDS} pairs)")


def seconds(command: list[Path | str], folder: Path) -> float:
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"}
    begun = time.perf_counter()
    subprocess.run([str(part) for part in command], cwd=folder, env=environment, check=True, capture_output=True)
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
