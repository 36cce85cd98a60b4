"""JupyterLab as `incident-kit lab` starts it, and what a person does in it with a browser.

It is a real server on a free port, ended by its own process id.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Locator, Page

from tests.command import COMMAND

START_TIMEOUT_S = 60


@dataclass
class Lab:
    """A running JupyterLab.

    Its process, its address with a slash at the end, its token, and the folder it was started in.
    """

    process: subprocess.Popen[bytes]
    address: str
    token: str
    folder: Path

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        request = urllib.request.Request(self.address + path, headers={"Authorization": f"token {self.token}"})
        request.data = json.dumps(body).encode() if body is not None else None
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
            return json.load(answer)


@contextmanager
def running_lab(folder: Path, *arguments: str) -> Iterator[Lab]:
    """The command `lab` in this folder, with a home of Jupyter's own."""
    home = {name: str(folder / "jupyter") for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR")}
    home |= {
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "jupyter" / "workspaces"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "jupyter" / "settings"),
    }
    options = ["--option=--no-browser", *(["--option=--allow-root"] if os.geteuid() == 0 else [])]
    with (folder / "lab.log").open("wb") as log:
        process = subprocess.Popen(
            [str(COMMAND), "lab", *arguments, *options], cwd=folder, env={**os.environ, **home}, stdout=log, stderr=log
        )
    try:
        # The server says in this file where it listens, and for whom.
        facts = _wait_for(folder / "jupyter" / f"jpserver-{process.pid}.json", process, folder / "lab.log")
        yield Lab(process, facts["url"], facts["token"], folder)
    finally:
        if process.poll() is None:
            process.terminate()  # it ends its kernels then
            try:
                process.wait(START_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
        process.wait()


def _wait_for(described: Path, process: subprocess.Popen[bytes], log: Path) -> dict[str, Any]:
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


class Screen:
    """What a person does in JupyterLab with a browser."""

    def __init__(self, page: Page, lab: Lab) -> None:
        self.page = page
        page.set_default_timeout(START_TIMEOUT_S * 1000)
        page.goto(f"{lab.address}?token={lab.token}")
        page.wait_for_selector(".jp-NotebookPanel h1")

    @property
    def notebook(self) -> Locator:
        """The notebook in front."""
        return self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook")

    def open(self, title: str) -> None:
        """Follow a link of the start page to a notebook."""
        self.notebook.locator("a", has_text=title).click()
        self.notebook.locator("h1", has_text=title).wait_for()
        # What is run before the notebook has found its kernel is run nowhere.
        self.page.locator(
            ".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook-ExecutionIndicator[data-status='idle']"
        ).wait_for()

    def menu(self, name: str, entry: str) -> None:
        self.page.locator(".lm-MenuBar-itemLabel", has_text=name).first.click()
        self.page.locator(".lm-Menu-itemLabel").get_by_text(entry, exact=True).click()

    def run_all(self) -> None:
        """Run, Run All Cells, until the last cell has run."""
        self.menu("Run", "Run All Cells")
        self.last_cell.locator(".jp-InputPrompt").filter(has_text=re.compile(r"\[\d+\]:")).wait_for(state="attached")

    def cell(self, source: str) -> Locator:
        """The code cell with this text in it.

        It stays the one when its text is changed, or cells come and go above it.
        """
        mark = f"cell-{uuid4().hex}"
        self.notebook.locator(".jp-CodeCell").filter(has_text=source).first.evaluate(
            "(element, mark) => element.classList.add(mark)", mark
        )
        return self.notebook.locator(f".{mark}")

    @property
    def last_cell(self) -> Locator:
        return self.notebook.locator(".jp-CodeCell").last

    def write(self, cell: Locator, source: str) -> None:
        """Replace what stands in a cell."""
        cell.locator(".cm-content").click()
        self.page.keyboard.press("Control+A")
        self.page.keyboard.insert_text(source)

    def run(self, cell: Locator, source: str = "") -> Locator:
        """Run a cell, with another text if one is given, and return what it shows."""
        if source:
            self.write(cell, source)
        else:
            cell.locator(".cm-content").click()
        self.page.keyboard.press("Control+Enter")
        return cell.locator(".jp-OutputArea-output")

    def save(self) -> None:
        self.page.keyboard.press("Escape")
        self.page.keyboard.press("Control+S")
        self.page.locator(".lm-TabBar-tab.lm-mod-current.jp-mod-dirty").wait_for(state="detached")
