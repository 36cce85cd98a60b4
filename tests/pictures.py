"""The pictures of the README, taken of what is there: `python3 run.py pictures`.

They lie beside this file, not with the notebooks, which the wheel carries. Needs chromium on the PATH.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, expect

from tests import chromium
from tests.command import COMMAND
from tests.jupyter import Screen, running_lab

FOLDER = Path(__file__).parent / "pictures"


def main() -> None:
    if chromium.executable() is None:
        sys.exit("pictures: no chromium on the PATH")
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="incident-kit-pictures-") as scratch, chromium.browser() as browser:
        demo = subprocess.run([str(COMMAND), "demo", "--reports", scratch], capture_output=True, text=True, check=True)
        report(browser, Path(demo.stdout.strip()).as_uri())
        lab(browser)
    for picture in sorted(FOLDER.glob("*.png")):
        Image.open(picture).convert("RGB").quantize(256, Image.Quantize.FASTOCTREE).save(
            picture, optimize=True
        )  # a third of the bytes, and hardly to be seen; the default merges rare colours
        print(f"{picture.relative_to(FOLDER.parent.parent)}  {picture.stat().st_size / 1000:.0f} kB")


def report(browser: Browser, address: str) -> None:
    """The report: its first screen at a desk and on a phone, and a citation opened in the dark."""
    desk = browser.new_page(viewport={"width": 1280, "height": 1120})
    desk.goto(address)
    desk.screenshot(path=FOLDER / "report-desk.png")
    phone = browser.new_page(viewport={"width": 390, "height": 844})
    phone.goto(address)
    phone.screenshot(path=FOLDER / "report-phone.png")
    dark = browser.new_page(viewport={"width": 1280, "height": 1000}, color_scheme="dark")
    dark.goto(address)
    dark.locator("table.timeline tr[data-lane='onset'] a[href^='#l-']").first.click()
    dark.get_by_role("heading", name="In which order did things happen?").evaluate(
        "heading => heading.scrollIntoView()"
    )
    dark.screenshot(path=FOLDER / "report-dark.png")


def lab(browser: Browser) -> None:
    """JupyterLab: the recorded incident looked at from near, and the lines behind it."""
    with tempfile.TemporaryDirectory(prefix="incident-kit-pictures-") as scratch, running_lab(Path(scratch)) as server:
        page = browser.new_page(viewport={"width": 1280, "height": 1270})
        screen = Screen(page, server)
        screen.open("High error rate or slow responses")
        page.keyboard.press("Control+B")  # without the list of files
        screen.run_all()
        lines = screen.run(
            screen.cell("near.lines("), "near.lines(\"dependency = 'freebit' AND status >= 500\", most=3)"
        )
        expect(lines).to_contain_text("Freebit API call failed")
        screen.save()
        screen.notebook.get_by_role("heading", name="What does it look like from near?").evaluate(
            "heading => heading.scrollIntoView()"
        )
        page.keyboard.press("Escape")
        page.wait_for_timeout(1000)  # what scrolled into view is drawn
        page.screenshot(path=FOLDER / "jupyterlab.png")


if __name__ == "__main__":
    main()
