"""What processes of this machine use: memory and processor time, from /proc."""

import os
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process holds now, and what it has used since it began."""

    rss_bytes: int = 0
    cpu_s: float = 0.0


def usage(pid: int | None = None) -> Usage:
    """What this process or another one uses; nothing if it is gone, or if there is no /proc to ask."""
    folder = Path("/proc") / ("self" if pid is None else str(pid))
    try:
        pages = int((folder / "statm").read_text().split()[1])
        # The name in brackets may contain anything.
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return Usage()
    return Usage(pages * _PAGE_BYTES, (int(fields[11]) + int(fields[12])) / _TICKS_PER_S)


def is_running(pid: int) -> bool:
    """Whether there is such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True
