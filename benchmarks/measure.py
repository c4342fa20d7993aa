"""What more than one benchmark measures."""

from __future__ import annotations

from pathlib import Path


def peak_mib(process: int | str = "self") -> float:
    """The most memory that a process has held; `resource` would count its parent's, too."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
