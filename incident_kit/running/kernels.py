"""Which kernel `python3` is: this Python, with what is installed in it."""

from __future__ import annotations

from jupyter_client.kernelspec import KernelSpecManager
from traitlets import default


class OurKernels(KernelSpecManager):
    """Without folders to search, python3 is this Python: a kernel of that name in a person's home may be any other."""

    @default("kernel_dirs")
    def _none(self) -> list[str]:
        return []
