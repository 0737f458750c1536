"""Who runs, whose child it is and where it listens, as Linux tells it."""

import time
from collections.abc import Callable
from pathlib import Path

LISTENING = "0A"
LOOPBACKS = ("0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F")


def wait_until(is_so: Callable[[], bool], within_s: float = 20.0) -> None:
    """Wait for something that will be so soon."""
    deadline = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline, f"not within {within_s} s"
        time.sleep(0.02)


def descendants(pid: int) -> set[int]:
    """The process and everything it started that still runs."""
    parents = {other: int(fields[1]) for other, fields in _processes().items()}
    family = {pid}
    while more := {child for child, parent in parents.items() if parent in family} - family:
        family |= more
    return family & (parents.keys() | {pid})


def members(groups: set[int]) -> set[int]:
    """Processes of these process groups that still run."""
    return {pid for pid, fields in _processes().items() if int(fields[2]) in groups and fields[0] != "Z"}


def is_running(pid: int) -> bool:
    """Whether the process is there, and more than a zombie."""
    return _processes().get(pid, ["Z"])[0] != "Z"


def _processes() -> dict[int, list[str]]:
    """State, parent, group and so on of every process (proc(5), /proc/pid/stat from the third field on)."""
    found = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name, in brackets, may contain anything.
            found[int(status.parent.name)] = status.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended while we looked
    return found


def listening(pids: set[int]) -> list[tuple[str, int]]:
    """(address in hexadecimal, port) of every TCP socket that these processes listen on."""
    inodes = {target for pid in pids for target in _sockets(pid)}
    found = []
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        for line in table.read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENING and fields[9] in inodes:
                address, port = fields[1].split(":")
                found.append((address, int(port, 16)))
    return found


def _sockets(pid: int) -> set[str]:
    found = set()
    try:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            target = str(descriptor.readlink())
            if target.startswith("socket:["):
                found.add(target[8:-1])
    except (FileNotFoundError, ProcessLookupError):
        return found
    return found
