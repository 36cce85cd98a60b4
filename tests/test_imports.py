"""Importing the package changes nothing for others in that process: it may be a person's kernel."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "incident_kit"
MODULES = sorted(
    ".".join(("incident_kit", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
    for path in PACKAGE.rglob("*.py") if "jupyter" not in path.parts
)  # fmt: skip
CODE = """
import asyncio, decimal, faulthandler, gc, importlib, locale, logging, os, signal, socket, sys, threading, warnings

ours, others = sys.argv[1].split(), sys.argv[2].split()

def state():
    mask = os.umask(0o022)
    os.umask(mask)
    matplotlib = sys.modules.get("matplotlib")
    return {
        "umask": mask,
        "environment": dict(os.environ),
        "folder": os.getcwd(),
        "locale": locale.setlocale(locale.LC_ALL),
        "path": list(sys.path),
        "hooks": [sys.excepthook, sys.displayhook, threading.excepthook],
        "finders": list(sys.meta_path),
        "path hooks": list(sys.path_hooks),
        "filters": list(warnings.filters),
        "signals": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "policy": type(asyncio.get_event_loop_policy()),
        "collector": gc.get_threshold(),
        "recursion": sys.getrecursionlimit(),
        "digits": sys.get_int_max_str_digits(),
        "timeout": socket.getdefaulttimeout(),
        "threads": threading.active_count(),
        "log": (logging.root.level, list(logging.root.handlers)),
        "decimal": repr(decimal.getcontext()),
        "streams": [sys.stdin, sys.stdout, sys.stderr],
        "traces": [sys.gettrace(), sys.getprofile()],
        "faults": faulthandler.is_enabled(),
        "matplotlib": matplotlib and {name: matplotlib.rcParams._get(name) for name in matplotlib.rcParams},
    }

for name in others:
    importlib.import_module(name)
before = state()
for name in ours:
    importlib.import_module(name)
after = state()
changed = [name for name in before if before[name] != after[name]]
print("changed:", changed, [name for name, module in sys.modules.items() if module is None])
loaded = {name for name in sys.modules if "." not in name and not name.startswith("_")}
print(*sorted(loaded - sys.stdlib_module_names - {"incident_kit"}))
"""


def said(ours: list[str], others: list[str]) -> list[str]:
    told = subprocess.run(
        [sys.executable, "-c", CODE, " ".join(ours), " ".join(others)], capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr
    return told.stdout.split("\n")


def test_importing_every_module_changes_nothing_in_the_process():
    imported = said(MODULES, [])[1].split()
    others = [
        name
        for name in imported
        if name
        in (
            "matplotlib",
            "pandas",
            "numpy",
            "duckdb",
            "nbformat",
            "papermill",
            "jinja2",
            "mistune",
            "typer",
            "httpx",
            "redis",
            "psycopg",
            "psutil",
            "sigma",
            "nbclient",
            "jupyter_client",
            "traitlets",
            "simple_salesforce",
        )
    ]
    assert said(MODULES, others)[0] == "changed: [] []"


@pytest.mark.parametrize("module", ["running.lab", "running.notebook", "app.report", "app.investigation", "cli"])
def test_after_an_import_the_checks_of_formats_can_be_imported(module):
    code = f"import incident_kit.{module}, isoduration, rfc3986_validator; print('fine')"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stdout == "fine\n"
