"""Installs and compiles the Node side of the portal in the user's cache folder, never in the checkout."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCES = (
    "package.json",
    "package-lock.json",
    ".npmrc",
    "tsconfig.json",
    "prisma.config.ts",
    "prisma",
    "bff",
    "standins",
)


def built() -> Path:
    """The folder with `dist/` and `node_modules/`, made or brought up to date."""
    lock = (HERE / "package-lock.json").read_bytes()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "incident-kit-portal" / hashlib.sha256(lock).hexdigest()[:12]
    folder.mkdir(parents=True, exist_ok=True)
    for name in SOURCES:
        _copy_fresh(HERE / name, folder / name)

    installed = folder / ".installed"
    if not installed.exists():
        # Without scripts: the only ones are downloads of Prisma's engines, which nothing here needs.
        _npm(["ci", "--ignore-scripts"], folder)
        installed.touch()
    _npm(["run", "build"], folder)
    return folder


def _copy_fresh(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("generated", "node_modules", "dist"))
    else:
        shutil.copy2(source, target)


def _npm(arguments: list[str], folder: Path) -> None:
    # `prisma generate` insists on a schema engine on disk, though it never runs it; any existing file will do.
    environment = {**os.environ, "PRISMA_SCHEMA_ENGINE_BINARY": "/bin/true", "NO_UPDATE_NOTIFIER": "1"}
    done = subprocess.run(["npm", "--silent", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"npm {' '.join(arguments)} failed in {folder}:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
