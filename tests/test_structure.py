"""The house stands as CONTRIBUTING.md draws it."""

from __future__ import annotations

import ast
import re
import subprocess
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "incident_kit"
# What each room may import, besides itself.
BELOW = {
    "errors": set(),
    "model": {"errors"},
    "evidence": {"model", "errors"},
    "config": {"logs", "model", "errors"},
    "live": {"config", "evidence", "model", "errors"},
    "logs": {"model", "errors"},
    "analysis": {"logs", "model", "errors"},
    "timeline": {"analysis", "logs", "evidence", "model", "errors"},
    "runbook": {"timeline", "analysis", "logs", "config", "evidence", "model", "errors"},
    "view": {"runbook", "timeline", "analysis", "logs", "config", "evidence", "model", "errors"},
    "running": {"view", "runbook", "timeline", "analysis", "logs", "config", "evidence", "model", "errors"},
    "app": {
        "running",
        "view",
        "runbook",
        "timeline",
        "analysis",
        "logs",
        "live",
        "config",
        "evidence",
        "model",
        "errors",
    },
}
# What talks to a system; only live may.
CLIENTS = {"psycopg", "redis", "httpx", "psutil", "simple_salesforce"}


def rooms_imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        found |= {
            name.split(".")[1]
            for name in names
            if name.startswith("incident_kit.") and not name.endswith("__version__")
        }
    return found


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_downwards(path: Path) -> None:
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if room in ("cli", "__init__"):
        return
    assert rooms_imported(path) <= BELOW[room] | {room}


def modules_imported(path: Path, modules: frozenset[str]) -> set[str]:
    """The modules of the package that a file imports: at its head, within functions, and for type checking only."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            full_names = [f"{node.module}.{alias.name}" for alias in node.names]
            names |= {name if name in modules else node.module for name in full_names}
    return names & modules


def circle(imports: dict[str, set[str]]) -> list[str]:
    """The modules of one circle of imports, in their order; none where there is no circle."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_modules_import_each_other_in_a_circle() -> None:
    paths = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in PACKAGE.rglob("*.py")
    }
    assert circle({name: modules_imported(path, frozenset(paths)) for name, path in paths.items()}) == []


def test_a_circle_is_found_over_any_number_of_modules() -> None:
    assert circle({"report": {"page"}, "page": {"words"}, "words": set()}) == []
    assert set(circle({"report": {"page"}, "page": {"words"}, "words": {"report"}})) == {"report", "page", "words"}


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_live_imports_what_talks_to_a_system(path: Path) -> None:
    imported = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported.add(node.module.split(".")[0])
    assert path.relative_to(PACKAGE).parts[0] == "live" or not imported & CLIENTS


def test_importing_the_package_imports_nothing_else() -> None:
    code = (
        "import sys; before = set(sys.modules); import incident_kit;"
        " print(sorted(m for m in set(sys.modules) - before if m != 'incident_kit'))"
    )
    finished = subprocess.run([str(ROOT / ".venv/bin/python"), "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "[]"


def test_no_package_index_is_named_in_a_tracked_file() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    hosts = re.compile(rb"(pypi|pythonhosted|npmjs|debian)" + rb"\.org/")
    named = [
        name
        for name in listed.stdout.decode().split("\0")
        if name and (ROOT / name).is_file() and hosts.search((ROOT / name).read_bytes())
    ]
    assert named == []


def test_every_notebook_has_a_row_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in (ROOT / "notebooks").glob("*.ipynb") if f"`{path.name}`" not in readme] == []


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_lines_end_with_a_line_feed_only(path: Path) -> None:
    """`splitlines` also cuts at U+2028, U+0085 and others, which JSON and logs hold within a line."""
    assert "splitlines" not in path.read_text(encoding="utf-8")
