"""JupyterLab as a person has it: a real server, a real browser, from the start page to the seal."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.chromium import browser
from tests.command import Kit
from tests.jupyter import Screen, running_lab


@pytest.mark.slow
def test_from_the_start_page_to_the_seal(tmp_path: Path, kit: Kit) -> None:
    expect.set_options(timeout=20 * 1000)
    with running_lab(tmp_path) as lab, browser() as chromium:
        page = chromium.new_page(viewport={"width": 1440, "height": 900})
        screen = Screen(page, lab)
        expect(screen.notebook.first).to_contain_text("The recorded incident")

        screen.open("High error rate or slow responses")
        screen.run_all()
        expect(screen.notebook.locator("[data-mime-type='application/vnd.jupyter.error']")).to_have_count(0)
        expect(screen.notebook.locator("[data-mime-type='application/vnd.jupyter.stderr']")).to_have_count(0)
        expect(screen.notebook.get_by_text("Your investigation", exact=True)).to_be_attached()

        near = screen.cell("near.lines(")
        shown = screen.run(near, 'records.zoom("09:55").lines("status >= 500", most=2)')
        expect(shown).to_contain_text("The first 2 of")
        line = shown.locator("details").first
        line.locator("summary").click()
        expect(line.locator("pre")).to_contain_text('"level":')

        # A name that is the only one may be put in at once, or offered first.
        screen.write(near, "records.")
        page.keyboard.type("zo")
        offered = page.locator(".jp-Completer:not(.lm-mod-hidden)", has_text="zoom")
        whole = near.locator(".cm-content").get_by_text("records.zoom", exact=True)
        for _ in range(10):  # JupyterLab gives a kernel one second to answer, and then offers nothing
            page.keyboard.press("Tab")
            with suppress(AssertionError):
                expect(offered.or_(whole).first).to_be_visible(timeout=3000)
                break
        if offered.is_visible():
            page.keyboard.press("Enter")
        expect(near.locator(".cm-content")).to_have_text("records.zoom")
        screen.run(near, "records.zoom?")
        expect(near.locator(".jp-OutputArea-output")).to_contain_text("The records of another window")

        screen.write(near, "'edited, not run'")
        screen.save()
        sealed = screen.run(screen.last_cell, "incident.seal()")
        expect(sealed).to_contain_text("'edited, not run'`) was edited after it was run")
    [run] = (tmp_path / "reports" / "demo" / "runs").iterdir()
    verified = kit("verify", run)
    assert verified.returncode == 0, verified.stderr
    assert "was edited after it was run" in (run / "data" / "report.html").read_text(encoding="utf-8")
