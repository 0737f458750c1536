"""Import a fleet into the emulator's tables and things, as `ocppgw fleet import` does: rows a second, and memory.

python -m bench.imports [--rows 100000]

On a machine with two cores the emulator, which is one process, is what takes the time.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from infra.local.cloud import running
from tests.adapters.stores import create_tables

FIRST = 1_000  # rows of a smaller import before, whose memory is what the program itself takes


def main() -> None:
    """Import a small file and a large one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as directory, running(Path(directory) / "aws") as aws:
        create_tables(aws.client("dynamodb"))
        for name, count in (("A", FIRST), ("B", rows)):
            file = Path(directory) / f"{name}.csv"
            file.write_text("id,partner,site,profile,password\n" + "".join(
                f"{name}{number:07},acme,Site {number % 100},2,generate\n" for number in range(count)
            ))  # fmt: skip
            seconds, kib = _import(file, aws.port)
            sys.stdout.write(
                f"{count} rows: {seconds:.0f} s, {count / seconds:.0f} rows/s, {kib / 1024:.0f} MiB at most\n"
            )
            sys.stdout.flush()


def _import(file: Path, port: int) -> tuple[float, int]:
    command = [sys.executable, "-m", "cli", "fleet", "import", str(file), "--rate", "0"]
    began = time.monotonic()
    importing = subprocess.Popen(command, env=os.environ | {"OCPPGW_AWS_PORT": str(port)})  # noqa: S603
    most = 0
    while importing.poll() is None:
        most = max(most, _most_kib(importing.pid))
        time.sleep(0.1)
    if importing.returncode:
        sys.exit(f"the import ended with code {importing.returncode}")
    return time.monotonic() - began, most


def _most_kib(pid: int) -> int:
    try:
        found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    except OSError:  # it ended meanwhile
        return 0
    return int(found[1]) if found else 0


if __name__ == "__main__":
    main()
