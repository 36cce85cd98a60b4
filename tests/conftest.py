"""What tests share: the installed command, one sealed run of the demo, and the option --all."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from pathlib import Path

import pytest
from hypothesis import settings

from tests.command import COMMAND, Kit

# A shell without job control starts what it puts behind it with SIGINT ignored, and children inherit that:
# the tests of Ctrl-C would prove nothing then.
if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", help="run the slow tests too")


def pytest_configure(config: pytest.Config) -> None:
    """Properties are tried on the same inputs every time, so that a run tests the change; --all tries new ones."""
    # No example is timed: the machine may be busy with other things.
    settings.register_profile("untimed", deadline=None)
    settings.register_profile("the same every time", derandomize=True, database=None, deadline=None)
    settings.load_profile("untimed")
    if not config.getoption("--all"):
        settings.load_profile("the same every time")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--all"):
        return
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="slow: run with --all"))


@pytest.fixture(scope="session")
def kit() -> Kit:
    """Run the installed command: kit("verify", folder, cwd=..., env={...})."""

    def run(
        *arguments: object, cwd: Path | None = None, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(COMMAND), *map(str, arguments)],
            cwd=cwd,
            env={**os.environ, **(env or {})},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def demo_run(kit: Kit, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sealed run of the recorded incident. Copy it before you damage it."""
    folder = tmp_path_factory.mktemp("demo")
    finished = kit("demo", cwd=folder)
    assert finished.returncode == 0, finished.stderr
    return folder / Path(finished.stdout.strip()).parents[1]
