#!/usr/bin/env python3
"""Set this checkout up and run it: `python3 run.py demo`, `python3 run.py test`.

Needs Python 3.11+ and nothing else. The first call makes `.venv` beside this file from `requirements.txt`
(pinned, with hashes; packages come from whatever index the machine has configured). Later calls need no network.

    demo            a recorded incident becomes a sealed report
    live            a live collection: servers of its own, asked as real ones are
    test [--all]    the tests; --all includes the slow ones; further arguments go to pytest
    lint            ruff, and mypy --strict on the package
    lab             JupyterLab on the recorded incident
    bench           the measured figures of the README
    truth           what triage says of the recorded incidents, beside what was done to them
    pictures        the pictures of the README
    COMMAND ...     any other incident-kit command, e.g. `python3 run.py scenarios`
"""

from __future__ import annotations

import compileall
import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / "bin"
STAMP = VENV / "incident-kit-environment"
INPUTS = ("requirements.txt", "requirements-uv.txt", "pyproject.toml")


class SetupFailed(Exception):
    """The environment cannot be made; the message says what to do."""


def main(argv: list[str]) -> int:
    if sys.version_info < (3, 11):
        print(f"incident_kit needs Python 3.11 or newer; this is {sys.version.split()[0]}.", file=sys.stderr)
        return 2
    if not argv or argv[0] in ("-h", "--help"):
        print(__doc__)
        return 0
    try:
        prepare_environment()
    except SetupFailed as failure:
        print(f"run.py: {failure}", file=sys.stderr)
        return 2
    # As the packages are: a process that may not write bytecode would compile all of it at every start.
    compileall.compile_dir(ROOT / "incident_kit", quiet=2)
    folder = ROOT if argv[0] in ("test", "pictures") else None
    return subprocess.call(command_line(argv[0], argv[1:]), cwd=folder, env=child_environment())


def command_line(command: str, arguments: list[str]) -> list[str]:
    python = str(BIN / "python")
    if command == "test":
        # loadfile keeps the tests that share a sealed run in one worker, so that it is made once.
        return [
            python,
            "-m",
            "pytest",
            "-n",
            "2",
            "--dist",
            "loadfile",
            "-rs",
            "--rootdir",
            str(ROOT),
            "-c",
            str(ROOT / "pyproject.toml"),
            *arguments,
        ]
    if command == "lint":
        steps = f"'{BIN}/ruff' check . && '{BIN}/ruff' format --check . && '{BIN}/mypy'"
        return ["/bin/sh", "-c", f"cd '{ROOT}' && {steps}"]
    if command == "live":
        return [python, str(ROOT / "tests" / "live.py"), *arguments]
    if command == "bench":
        return [python, str(ROOT / "tests" / "benchmarks" / "bench.py"), *arguments]
    if command == "truth":
        return [python, str(ROOT / "tests" / "truth.py"), *arguments]
    if command == "pictures":
        return [python, "-m", "tests.pictures", *arguments]
    return [str(BIN / "incident-kit"), command, *arguments]


def child_environment() -> dict[str, str]:
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "PYTHONPATH")}
    environment["VIRTUAL_ENV"] = str(VENV)
    environment["PATH"] = f"{BIN}{os.pathsep}{environment.get('PATH', '')}"
    return environment


def prepare_environment() -> None:
    """Make `.venv`, or leave it alone where it already is what the pins say."""
    wanted = fingerprint()
    if STAMP.is_file() and STAMP.read_text() == wanted:
        return
    with open(ROOT / ".venv.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two calls at once: the second waits and finds the work done
        if STAMP.is_file() and STAMP.read_text() == wanted:
            return
        print("Preparing .venv (once; needs the package index) ...", file=sys.stderr, flush=True)
        if VENV.exists():
            shutil.rmtree(VENV)
        venv.create(VENV, with_pip=False, symlinks=True)
        uv = find_uv()
        # Compiled now, because a process that may not write bytecode would compile all of matplotlib at every start.
        install(uv, "sync", "--compile-bytecode", "--require-hashes", str(ROOT / "requirements.txt"))
        install(uv, "install", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
        STAMP.write_text(wanted)


def fingerprint() -> str:
    digest = hashlib.sha256(f"{sys.version} {ROOT}".encode())
    for name in INPUTS:
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def find_uv() -> list[str]:
    """uv from the PATH, else our pinned copy in a folder of its own inside `.venv`."""
    found = shutil.which("uv")
    if found:
        return [found]
    target = VENV / "uv"
    run_or_fail(
        [
            *find_pip(),
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            "--target",
            str(target),
            "--require-hashes",
            "-r",
            str(ROOT / "requirements-uv.txt"),
        ],
        "uv could not be installed",
    )
    return [str(target / "bin" / "uv")]


def find_pip() -> list[str]:
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    if importlib.util.find_spec("ensurepip"):
        helper = VENV / "pip"
        venv.create(helper, with_pip=True, symlinks=True)
        return [str(helper / "bin" / "python"), "-m", "pip"]
    raise SetupFailed(
        "this Python has neither pip nor ensurepip. "
        "Install one (Debian: apt install python3-venv), or put uv on the PATH."
    )


def install(uv: list[str], *arguments: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "CONDA_PREFIX")}
    environment.setdefault("UV_SYSTEM_CERTS", "1")
    environment["UV_PYTHON"] = str(BIN / "python")  # a version manager's shims break uv's own search
    run_or_fail(
        [*uv, "pip", arguments[0], "--quiet", "--python", str(BIN / "python"), *arguments[1:]],
        "the packages could not be installed",
        environment,
    )


def run_or_fail(command: list[str], what: str, environment: dict[str, str] | None = None) -> None:
    finished = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
    if finished.returncode:
        raise SetupFailed(f"{what} (is a package index reachable?):\n{finished.stdout}{finished.stderr}")


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
