"""The picture of JupyterLab in the README: the recorded incident, worked on from near."""

from __future__ import annotations

import tempfile
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.jupyter import Screen, running_lab


def take(browser: Browser, target: Path) -> None:
    """Write it to the file."""
    with tempfile.TemporaryDirectory(prefix="incident-kit-") as scratch, running_lab(Path(scratch)) as lab:
        page = browser.new_page(viewport={"width": 1280, "height": 1270})
        screen = Screen(page, lab)
        screen.open("High error rate or slow responses")
        page.keyboard.press("Control+B")  # without the list of files
        screen.run_all()
        shown = screen.run(screen.cell("near.lines("), "near.lines(\"dependency = 'freebit' AND status >= 500\", most=3)")
        expect(shown).to_contain_text("Freebit API call failed")
        screen.save()
        screen.notebook.get_by_role("heading", name="What does it look like from near?").evaluate("element => element.scrollIntoView()")
        page.keyboard.press("Escape")
        page.wait_for_timeout(1000)  # what scrolled into view is drawn
        page.screenshot(path=target)
        page.close()
