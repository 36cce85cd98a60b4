"""The report as a browser shows and prints it: on a phone, by keyboard, on paper, asking nobody anything."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests import chromium

PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
A4_WIDTH = 718  # CSS pixels between the margins of 1 cm that `page.pdf` gets below


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium.browser() as running:
        yield running


@pytest.fixture
def address(demo_run: Path) -> str:
    return (demo_run / "data" / "report.html").as_uri()


def opened(browser: Browser, address: str, size: dict[str, int]) -> Page:
    page = browser.new_page(viewport=size)  # type: ignore[arg-type]  # a TypedDict of just these
    page.goto(address)
    return page


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    page = opened(browser, address, DESK)
    yield page
    page.close()


@pytest.fixture
def phone(browser: Browser, address: str) -> Iterator[Page]:
    page = opened(browser, address, PHONE)
    yield page
    page.close()


def cut_off(page: Page) -> list[str]:
    """The texts of cells that reach beyond the page's edge."""
    script = """() => [...document.querySelectorAll('th, td, caption, figure svg, pre')]
        .filter(part => part.getClientRects().length)
        .filter(part => part.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
        .map(part => part.textContent.slice(0, 40))"""
    found: list[str] = page.evaluate(script)
    return found


def test_nothing_but_the_file_is_asked_for_and_nothing_is_complained_of(browser: Browser, address: str) -> None:
    page = browser.new_page()
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(address, wait_until="networkidle")
    for summary in page.locator("summary").all():
        summary.click()
    page.mouse.wheel(0, 20_000)
    assert asked == [address]
    assert complaints == []
    page.close()


def test_phone_page_does_not_scroll_sideways(phone: Page) -> None:
    assert phone.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    for summary in phone.locator("summary").all():
        summary.click()
    assert phone.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_phone_does_not_break_headings_of_columns_into_letters(phone: Page) -> None:
    """Each word of a column's heading stands on one line; the table scrolls in itself instead."""
    broken = phone.evaluate(r"""() => [...document.querySelectorAll('thead th')].flatMap(th => {
        const text = th.firstChild, words = [...text.data.matchAll(/\S+/g)];
        return words.filter(word => {
            const range = document.createRange();
            range.setStart(text, word.index); range.setEnd(text, word.index + word[0].length);
            return range.getClientRects().length > 1;
        }).map(word => word[0]);
    })""")
    assert broken == []


def test_phone_chart_can_be_read(phone: Page) -> None:
    smallest = phone.evaluate("""() => {
        const svg = document.querySelector('figure svg');
        return svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
    }""")
    assert smallest > 0.6  # its texts have 9 points or so at full size


def test_chart_is_an_image_with_a_description(page: Page) -> None:
    chart = page.get_by_role(
        "img",
        name=re.compile("Requests by minute from 09:48 to 09:59 UTC.* onset at 09:53:17 to the recovery at 09:56:52"),
    )
    assert chart.count() == 1
    assert chart.is_visible()
    box = chart.bounding_box()
    assert box is not None
    assert box["width"] > 800
    assert box["height"] > 300


def test_code_is_folded_and_opens_by_keyboard(page: Page) -> None:
    assert page.locator("details[open]").count() == 0
    code = page.locator("details.code").first
    text = code.locator("pre").first
    assert not text.is_visible()
    summary = code.locator("summary")
    for _ in range(100):
        page.keyboard.press("Tab")
        if summary.evaluate("element => element === document.activeElement"):
            break
    page.keyboard.press("Enter")
    assert text.is_visible()
    page.keyboard.press("Enter")
    assert not text.is_visible()


def test_head_fits_one_screen(page: Page, phone: Page) -> None:
    for shown, size in ((page, DESK), (phone, PHONE)):
        box = shown.locator(".head dl").bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= size["height"]
        said = shown.locator("body").inner_text()[:2000]
        for word in (
            "Sealed",
            "Confirmed",
            "Since",
            "Until",
            "Suspect",
            "freebit",
            "How bad",
            "Affected",
            "Severity",
            "P3",
        ):
            assert word in said


def test_citation_opens_its_line_where_it_is_cited(page: Page) -> None:
    link = page.get_by_role("button", name="4,830").last
    row = page.locator("tr", has=link).last
    link.click()
    assert link.get_attribute("aria-expanded") == "true"
    opened = row.locator("xpath=following-sibling::tr[1]").locator(".opened")
    assert opened.is_visible()
    assert "line 4,830" in opened.inner_text()
    assert '"url":"/api/sim/' in opened.locator("pre.raw").inner_text()
    assert opened.locator("pre.around").count() == 2
    page.keyboard.press("Escape")
    assert page.locator(".opened").count() == 0
    assert link.evaluate("element => element === document.activeElement")


def test_figure_opens_its_query_with_what_it_was_asked_by_keyboard(page: Page) -> None:
    link = page.locator(".head a[href='#q-affected_requests']").first
    link.focus()
    for key in ("Enter", " "):
        page.keyboard.press(key)
        opened = page.locator(".opened")
        assert "quantile_disc" in opened.inner_text()
        assert 'since = "2026-11-23 09:53:17' in opened.inner_text()
        page.keyboard.press(key)
        assert opened.count() == 0


def test_citation_leads_to_its_line_without_the_script(browser: Browser, address: str) -> None:
    context = browser.new_context(viewport=DESK, java_script_enabled=False)  # type: ignore[arg-type]  # a TypedDict of just these
    page = context.new_page()
    page.goto(address)
    link = page.locator("a[href^='#l-']").first
    target = page.locator(f"[id='{(link.get_attribute('href') or '')[1:]}']")
    line = target.locator("pre.raw")
    assert not line.is_visible()
    link.click()
    assert line.is_visible()
    box = target.bounding_box()
    assert box is not None
    assert -1 < box["y"] < DESK["height"]
    assert page.locator("table.timeline tbody tr").count() > 10
    context.close()


def test_timeline_is_filtered_by_lane_and_words(page: Page) -> None:
    rows = page.locator("table.timeline tbody tr:visible")
    everything = rows.count()
    page.get_by_label("errors").uncheck()
    without_errors = rows.count()
    assert 0 < without_errors < everything
    assert "errors" not in rows.locator("td:nth-child(2)").all_inner_texts()
    page.get_by_label("with the words").fill("FREEBIT first failed")
    assert rows.count() == 1
    assert f"1 of {everything} events" in page.locator(".filters output").inner_text()
    page.get_by_label("with the words").fill("")
    page.get_by_label("errors").check()
    assert rows.count() == everything


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_axe_finds_nothing_serious(browser: Browser, address: str, scheme: str, size: dict[str, int]) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    context = browser.new_context(viewport=size, color_scheme=scheme)  # type: ignore[arg-type]  # literals of just these
    page = context.new_page()
    page.goto(address)
    page.locator(".head a[href^='#l-']").first.click()
    page.locator("table.timeline a[href^='#l-']").first.click()
    found = axe.Axe().run(page).response
    assert len(found["passes"]) > 20  # it has looked
    faults = [
        (fault["id"], [node["html"][:160] for node in fault["nodes"]][:3])
        for fault in found["violations"]
        if fault["impact"] in ("serious", "critical")
    ]
    assert faults == []
    context.close()


def test_chart_is_dark_on_dark_paper(browser: Browser, address: str) -> None:
    """Its texts have the page's ink, not black."""
    context = browser.new_context(color_scheme="dark")
    page = context.new_page()
    page.goto(address)
    colours = set(
        page.locator("figure svg text").evaluate_all("texts => texts.map(text => getComputedStyle(text).fill)")
    )
    assert colours
    assert all(sum(map(int, re.findall(r"\d+", colour)[:3])) > 3 * 128 for colour in colours)
    context.close()


def test_paper_cuts_nothing_off(browser: Browser, address: str) -> None:
    page = opened(browser, address, {"width": A4_WIDTH, "height": 1000})
    page.emulate_media(media="print")
    assert cut_off(page) == []
    page.close()


def test_paper_unfolds_the_cited_lines_and_leaves_out_what_only_a_screen_can_do(browser: Browser, address: str) -> None:
    page = opened(browser, address, {"width": A4_WIDTH, "height": 1000})
    page.locator("table.timeline a[href^='#l-']").first.click()
    page.emulate_media(media="print")
    heights = page.locator("details.line pre.raw").evaluate_all(
        "lines => lines.map(line => line.getBoundingClientRect().height)"
    )
    assert len(heights) > 10
    assert all(20 < height < 100 for height in heights)
    for only in (".filters", "button", "details.code", ".opened"):
        assert page.locator(only).count() > 0
        assert not page.locator(only).first.is_visible()
    page.close()


def test_paper_keeps_the_page_at_its_full_size_and_short(page: Page) -> None:
    pdf = page.pdf(format="A4", margin=dict.fromkeys(("top", "right", "bottom", "left"), "1cm"))
    assert pdf.startswith(b"%PDF-")
    assert 4 <= len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 12
    assert b"High error rate or slow responses" in pdf  # the document's title
