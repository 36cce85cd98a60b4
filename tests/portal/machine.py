"""A machine of its own for each recording, by Linux namespaces.

It has its own name, ports, processes, `/srv/bff` and `/var/log/bff`. So recordings run side by side, each portal stands
where a portal stands, and nothing of the machine beneath gets into the evidence: no path, no name, no process.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

NAME = "portal-1"
HOME = Path("/srv/bff")
LOGS = Path("/var/log/bff")
DATA = Path("/var/lib")

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1


def enter(arguments: list[str]) -> NoReturn:
    """Become `python arguments...` within new namespaces."""
    unshare = shutil.which("unshare")
    if unshare is None:
        raise SystemExit("unshare (util-linux) is needed on PATH")
    own = ["--user", "--map-root-user", "--mount", "--uts", "--net", "--pid", "--fork", "--mount-proc", "--kill-child"]
    os.execv(unshare, [unshare, *own, sys.executable, *arguments])


def furnish(node_modules: Path, dist: Path, logs: Path) -> None:
    """Within the namespaces: name the machine, bring up its loopback, put the build and the logs in their places.

    The build cannot be written to.
    """
    socket.sethostname(NAME)
    with socket.socket() as any_socket:
        request = struct.pack("16sh", b"lo", 0)
        flags = struct.unpack("16sh", fcntl.ioctl(any_socket, _SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh", b"lo", flags | _IFF_UP))
    # Found before /srv and /var/log are covered, below which they may lie.
    places = [
        (node_modules.resolve(), HOME / "node_modules", "ro"),
        (dist.resolve(), HOME / "dist", "ro"),
        (logs.resolve(), LOGS, "rw"),
    ]
    held = [os.open(source, os.O_PATH) for source, _, _ in places]
    for covered in (HOME.parent, LOGS.parent, DATA):
        _mount("-t", "tmpfs", "none", covered)
    tempfile.tempdir = str(DATA)  # the servers tell where their files lie
    for descriptor, (_, target, mode) in zip(held, places, strict=True):
        target.mkdir(parents=True)
        _mount("--bind", f"/proc/{os.getpid()}/fd/{descriptor}", target)
        _mount("-o", f"remount,bind,{mode}", target)
        os.close(descriptor)


def _mount(*arguments: str | Path) -> None:
    subprocess.run(["mount", *arguments], check=True)
