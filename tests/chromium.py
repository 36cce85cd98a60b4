"""Chromium for the tests and the pictures: the one on the PATH, without a window, driven by Playwright.

It opens our own reports and our own JupyterLab only.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright


def executable() -> str | None:
    """The path of Chromium; None where there is none."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def browser() -> Iterator[Browser]:
    """A running Chromium; the test is skipped where there is none."""
    chromium = executable()
    if chromium is None:
        pytest.skip("no chromium on PATH")
    with sync_playwright() as playwright:
        # Its sandbox refuses to start as root; what it opens is ours.
        running = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield running
        running.close()
