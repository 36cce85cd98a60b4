"""The wheel: built without a network, and whole in itself where there is no checkout."""

from __future__ import annotations

import ast
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOWHERE = "http://127.0.0.1:9"  # nothing listens there: whoever asks a proxy for the outside fails at once

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, check=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def elsewhere(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel, and with the other packages of this one lent to it."""
    folder = tmp_path_factory.mktemp("elsewhere")
    venv.create(folder, with_pip=False, symlinks=True)
    subprocess.run([*installer(folder / "bin/python"), str(wheel)], env=environment(), capture_output=True, check=True)
    # A path in a .pth file is searched, but .pth files there are not followed:
    # not the one that leads to this checkout either.
    site_packages = next((folder / "lib").glob("python*/site-packages"))
    (site_packages / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def installed(elsewhere: Path, tmp_path: Path) -> Run:
    """Run a program of that environment from an empty folder."""

    def run(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        command = [str(elsewhere / "bin" / program), *map(str, arguments)]
        return subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False)

    return run


def environment() -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "VIRTUAL_ENV", "INCIDENT_KIT"))
    }
    return {
        **kept,
        **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"), NOWHERE),
    }


def installer(python: Path) -> list[str]:
    own = Path(sys.prefix) / "uv/bin/uv"  # where run.py puts it if the machine has none
    uv = shutil.which("uv") or (str(own) if own.exists() else None)
    if uv:
        return [uv, "pip", "install", "--offline", "--no-cache", "--no-deps", "--python", str(python)]
    return [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-index", "--no-deps"]


def test_wheel_holds_the_package_and_what_travels_with_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {name.split("/")[0] for name in names} == {
        "incident_kit",
        f"incident_kit-{importlib.metadata.version('incident-kit')}.dist-info",
    }
    listed = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "incident_kit").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    listed |= {f"incident_kit/_notebooks/{path.name}" for path in (ROOT / "notebooks").glob("*.ipynb")}
    recorded = ROOT / "tests/recorded/freebit_slow"
    listed |= {
        f"incident_kit/_recorded/{path.relative_to(recorded).as_posix()}"
        for path in recorded.rglob("*")
        if path.is_file()
    }
    assert {name for name in names if name.startswith("incident_kit/")} == listed


def test_the_checkout_is_out_of_reach(installed: Run, elsewhere: Path) -> None:
    """Else the tests below would prove nothing."""
    code = (
        "import sys, incident_kit, importlib.metadata as m;"
        " print(incident_kit.__file__, m.distribution('incident-kit').locate_file(''), *sys.path, sep='\\n')"
    )
    finished = installed("python", "-c", code)
    assert finished.returncode == 0, finished.stderr
    package, metadata, *searched = finished.stdout.splitlines()
    assert Path(package).is_relative_to(elsewhere)
    assert Path(metadata).is_relative_to(elsewhere)
    assert str(ROOT) not in searched


def test_runbook_travels_inside(installed: Run) -> None:
    finished = installed("incident-kit", "scenarios")
    assert finished.returncode == 0, finished.stderr
    assert "high_error_rate  5. " in finished.stdout


def test_demo_makes_a_run_that_verifies_and_reproduces(installed: Run, tmp_path: Path, demo_run: Path) -> None:
    finished = installed("incident-kit", "demo")
    assert finished.returncode == 0, finished.stderr
    report = tmp_path / finished.stdout.strip()
    assert report.is_relative_to(tmp_path / "reports" / "demo" / "runs")
    assert [path.name for path in tmp_path.iterdir()] == ["reports"]
    run = report.parents[1]
    for command in ("verify", "reproduce"):
        finished = installed("incident-kit", command, run)
        assert finished.returncode == 0, finished.stderr
    # Installed or from the checkout: the same results.
    for name in ("findings.json", "timeline.jsonl", "accounting.json"):
        assert (run / "data" / name).read_bytes() == (demo_run / "data" / name).read_bytes()


def test_every_import_of_the_package_is_declared() -> None:
    """What is only there because another package brings it may be gone tomorrow."""
    declared = {
        re.split(r"[\s<>=!~;\[]", requirement, maxsplit=1)[0].lower()
        for requirement in importlib.metadata.requires("incident-kit") or ()
    }
    providers = importlib.metadata.packages_distributions()
    imported = {
        name.split(".")[0]
        for path in (ROOT / "incident_kit").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    others = imported & providers.keys() - sys.stdlib_module_names - {"incident_kit"}
    undeclared = {
        name for name in others if not {package.lower().replace("_", "-") for package in providers[name]} & declared
    }
    assert undeclared == set()
