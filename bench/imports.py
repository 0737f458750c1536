"""`ocppgw fleet import`: rows a second, and memory, of a large file in memory and a smaller one on the emulator.

python -m bench.imports [--rows 100000] [--emulator 2000]

In memory nothing is kept, so time and memory are the importer's own: it is killed in the middle and goes on. The
emulator is one process, which is what takes the time there: at each row, CreateThing.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import typer

from domain.models import ChargePoint
from fleet import charge_points_import
from fleet.ports import Ports
from infra.local.cloud import running
from tests.adapters.stores import create_tables
from tests.fleet.office import Office

FEW = 1_000  # rows of a smaller import before, whose memory is what the program itself takes
KILLED_AT = 0.4


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the importer: `most_kib` is the most memory it had, `cpu_s` its time on a processor."""

    seconds: float
    most_kib: int
    cpu_s: float


class Nobody:
    """Registry, registrations and things where nobody is registered, and nothing is kept."""

    def find(self, _: str) -> None:
        return None

    def find_many(self, _: object) -> dict[str, ChargePoint]:
        return {}

    def add(self, rows: Sequence[ChargePoint]) -> set[str]:
        return {row.charge_point_id for row in rows}

    def fill_in(self, _: object) -> None:
        pass

    def create(self, charge_point_id: str) -> str:
        return f"thing-of-{charge_point_id}"


def main() -> None:
    """Import what is asked for, and say how that went."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000, help="in memory; 0 leaves it out")
    parser.add_argument("--emulator", type=int, default=2_000, help="on the emulator; 0 leaves it out")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        if arguments.rows:
            in_memory(Path(directory), arguments.rows)
        if arguments.emulator:
            on_emulator(Path(directory), arguments.emulator)


def in_memory(directory: Path, rows: int) -> None:
    """A small file; a large one that is killed, and goes on."""
    command = [sys.executable, "-c", "from bench import imports; imports.importer()"]
    few = _import(command, _file(directory, "few", FEW))
    file = _file(directory, "memory", rows)
    results = Path(f"{file}.results.jsonl")
    killed = _import(command, file, until=lambda: _lines(results) >= rows * KILLED_AT)
    reached = _lines(results)
    resumed = _import([*command, "--resume"], file)
    _check(results, rows)
    seconds, most = killed.seconds + resumed.seconds, max(killed.most_kib, resumed.most_kib)
    both = Run(seconds, most, killed.cpu_s + resumed.cpu_s)
    _say(f"{rows} rows in memory, killed after {reached} and resumed", rows, both, few)


def on_emulator(directory: Path, rows: int) -> None:
    """The same command on the emulator's tables and things."""
    with running(directory / "aws") as aws:
        create_tables(aws.client("dynamodb"))
        command = [sys.executable, "-m", "cli", "fleet", "import", "--rate", "0"]
        environment = {"OCPPGW_AWS_PORT": str(aws.port)}
        few = _import(command, _file(directory, "first", FEW), environment)
        file = _file(directory, "emulator", rows)
        done = _import(command, file, environment)
        _check(Path(f"{file}.results.jsonl"), rows)
        _say(f"{rows} rows on the emulator", rows, done, few)


def importer() -> None:
    """The command on ports that keep nothing, in a process of its own."""
    nobody = cast(Any, Nobody())
    ports = replace(
        Office().ports, registry=nobody, registrations=nobody, things=nobody, random_bytes=os.urandom
    )  # fmt: skip

    @contextmanager
    def opened() -> Iterator[Ports]:
        yield ports

    app = typer.Typer(pretty_exceptions_enable=False)
    app.add_typer(charge_points_import.app)

    @app.callback()
    def fleet(context: typer.Context) -> None:
        context.obj = opened

    app(["import", "--rate", "0", *sys.argv[1:]])


def _file(directory: Path, name: str, rows: int) -> Path:
    file = directory / f"{name}.csv"
    with file.open("w") as written:
        written.write("id,partner,site,profile,password\n")
        written.writelines(f"{name}-{number:07},acme,Site {number % 100},2,generate\n" for number in range(rows))
    return file


def _import(command: list[str], file: Path, environment: dict[str, str] | None = None, until: Any = None) -> Run:
    began = time.monotonic()
    importing = subprocess.Popen(  # noqa: S603
        [*command, str(file)], env=os.environ | (environment or {}), stdout=subprocess.DEVNULL
    )
    most, cpu_s = 0, 0.0
    while importing.poll() is None:
        most, cpu_s = max(most, _most_kib(importing.pid)), max(cpu_s, _cpu_s(importing.pid))
        if until is not None and until():
            importing.kill()
        time.sleep(0.05)
    if importing.returncode and until is None:
        sys.exit(f"the import ended with code {importing.returncode}")
    return Run(time.monotonic() - began, most, cpu_s)


def _most_kib(pid: int) -> int:
    try:
        found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    except OSError:  # it ended meanwhile
        return 0
    return int(found[1]) if found else 0


def _cpu_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _lines(results: Path) -> int:
    return results.read_bytes().count(b"\n") if results.exists() else 0


def _check(results: Path, rows: int) -> None:
    """Each row once, in its order, and every password told."""
    number = 0
    with results.open() as lines:
        for number, told in enumerate(map(json.loads, lines), start=1):
            if told["line"] != number + 1 or told["result"] != "registered" or len(told["password"]) != 40:
                sys.exit(f"{results.name} is wrong at line {number}: {told['result']}")
    if number != rows:
        sys.exit(f"{results.name} has {number} lines, not {rows}")


def _say(what: str, rows: int, run: Run, few: Run) -> None:
    sys.stdout.write(
        f"{what}: {run.seconds:.0f} s, {rows / run.seconds:,.0f} rows/s, {run.cpu_s / rows * 1000:.2f} ms CPU a row,"
        f" {run.most_kib / 1024:.0f} MiB at most"
        f" ({FEW} rows: {few.most_kib / 1024:.0f} MiB)\n"
    )
    sys.stdout.flush()


if __name__ == "__main__":
    main()
