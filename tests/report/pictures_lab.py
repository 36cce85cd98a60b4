"""The picture of JupyterLab in the README, made anew: the recorded incident, worked on from near.

.venv/bin/python -m tests.report.pictures_lab FOLDER
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import expect

from tests.jupyter import Screen, browser, running_lab

NAME = "jupyterlab.png"
SIZE = {"width": 1280, "height": 1270}


def picture(folder: Path) -> Path:
    """Write it into the folder, and return its path."""
    target = folder / NAME
    with tempfile.TemporaryDirectory(prefix="incident-kit-") as scratch, running_lab(Path(scratch)) as lab, browser() as opened:
        page = opened.new_page(viewport=SIZE)  # type: ignore[arg-type]  # a TypedDict of just these
        screen = Screen(page, lab)
        screen.open("High error rate or slow responses")
        page.keyboard.press("Control+B")  # without the list of files
        screen.run_all()
        heading = screen.notebook.get_by_role("heading", name="What does it look like from near?")
        cell = screen.cell("near.lines(")
        shown = screen.run(cell, "near.lines(\"dependency = 'freebit' AND status >= 500\", most=3)")
        expect(shown).to_contain_text("Freebit API call failed")
        screen.save()
        heading.evaluate("element => element.scrollIntoView()")
        page.keyboard.press("Escape")
        page.wait_for_timeout(1000)  # what scrolled into view is drawn
        page.screenshot(path=target)
    return target


if __name__ == "__main__":
    print(picture(Path(sys.argv[1])))
