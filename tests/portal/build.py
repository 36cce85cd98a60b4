"""Installs and compiles the Node side of the portal in the user's cache folder, never in the checkout.

What is there is complete and never changed again: each state of the packages and of the sources has a folder of its
own, made beside its place and moved there. So any number of recordings may use it at once.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
PACKAGES = ("package.json", "package-lock.json", ".npmrc")
SOURCES = ("package.json", "tsconfig.json", "prisma.config.ts", "prisma", "bff", "standins")


@dataclass(frozen=True)
class Build:
    """Where the packages and the compiled portal lie."""

    node_modules: Path
    dist: Path


def built() -> Build:
    """The Node side of this checkout, made if it is not there yet."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "incident-kit-portal"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".making").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        packages = _made(cache / f"packages-{_digest(PACKAGES)}", _install)
        portal = _made(cache / f"portal-{_digest(PACKAGES + SOURCES)}", lambda folder: _compile(folder, packages))
    return Build(packages / "node_modules", portal / "dist")


def _made(place: Path, make: Callable[[Path], None]) -> Path:
    """The folder at this place, made by `make` unless it is there. If that is interrupted, nothing is left."""
    if not place.exists():
        with tempfile.TemporaryDirectory(dir=place.parent) as scratch:
            folder = Path(scratch) / place.name
            folder.mkdir()
            make(folder)
            folder.rename(place)
    return place


def _install(folder: Path) -> None:
    _copy(PACKAGES, folder)
    # Without scripts: the only ones are downloads of Prisma's engines, which nothing here needs.
    _npm(["ci", "--ignore-scripts"], folder)


def _compile(folder: Path, packages: Path) -> None:
    _copy(SOURCES, folder)
    (folder / "node_modules").symlink_to(packages / "node_modules")
    _npm(["run", "build"], folder)


def _digest(names: tuple[str, ...]) -> str:
    """Of the names and contents of these files and folders."""
    files = sorted(
        file for name in names for file in ([HERE / name] if (HERE / name).is_file() else (HERE / name).rglob("*.*"))
    )
    digest = hashlib.sha256()
    for file in files:
        if file.is_file() and "generated" not in file.parts:
            digest.update(f"{file.relative_to(HERE)}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def _copy(names: tuple[str, ...], folder: Path) -> None:
    for name in names:
        if (HERE / name).is_dir():
            shutil.copytree(HERE / name, folder / name, ignore=shutil.ignore_patterns("generated"))
        else:
            shutil.copy2(HERE / name, folder / name)


def _npm(arguments: list[str], folder: Path) -> None:
    # `prisma generate` insists on a schema engine on disk, though it never runs it; any existing file will do.
    environment = {**os.environ, "PRISMA_SCHEMA_ENGINE_BINARY": "/bin/true", "NO_UPDATE_NOTIFIER": "1"}
    done = subprocess.run(
        ["npm", "--silent", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(
            f"npm {' '.join(arguments)} failed in {folder}:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        )
