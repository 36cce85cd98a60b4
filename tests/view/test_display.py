"""In a kernel our objects show themselves as tables, and nothing is changed for any other type."""

from __future__ import annotations

import subprocess
import sys

CODE = """
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance()
formatter = shell.display_formatter.formatters["text/html"]
before = dict(formatter.type_printers)

import incident_kit.view.page
from incident_kit.model.finding import Findings
from incident_kit.view import display

once = dict(formatter.type_printers)
display.register()
added = {shown.__module__.partition(".")[0] for shown in once if shown not in before}
shown, _ = shell.display_formatter.format(Findings())
listed, _ = shell.display_formatter.format([])
html = shown["text/html"]
print(added, once == formatter.type_printers, html.count("<table"), type(html), list(listed))
"""


def test_a_kernel_is_told_once_how_our_types_are_shown() -> None:
    finished = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert finished.stdout == "{'incident_kit'} True 1 <class 'str'> ['text/plain']\n"
