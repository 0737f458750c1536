"""Importing files of rows: CSV with a header or JSONL; dry, again, and on where it was interrupted.

Each row becomes one line of the results file, in the order of the rows: {"line", "id", "result"} with `error` if it
failed, and the password if one was made: it is told nowhere else. So the results say how far it got, whatever ended
it. Memory holds a window of rows, however long the file is.
"""

import csv
import json
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import count, islice
from pathlib import Path
from typing import IO, Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from fleet.charge_points import FleetError
from fleet.console import fail, sentence_of
from fleet.ports import Ports
from web.problems import InvalidRequestError

BATCH = 50  # rows that are worked on together
WORKERS = 8
WINDOW = BATCH * WORKERS  # rows that are worked on at a time, or wait for those before them to be written down
FAILED = "failed"

Result = TypeVar("Result")

File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV with a header, or JSONL.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check every row, and change nothing.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on after the last row of the results file.")]
Results = Annotated[Path | None, typer.Option(help="Where the results go: FILE.results.jsonl without.")]


@dataclass(frozen=True, slots=True)
class Columns:
    """What the cells of a CSV are: the column of the id, other names of columns, and those that are no texts."""

    key: str
    names: dict[str, str] = field(default_factory=dict)
    numbers: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class How:
    """`is_in_doubt` is a row that an interrupted run may have worked on without writing down what came of it.

    `planned` is what a dry run would have made of the rows before, by the key in lower case.
    """

    is_dry: bool = False
    is_in_doubt: bool = False
    planned: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a row, and what else is told of it."""

    result: str
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the file; `wrong` says why it can't be read."""

    number: int
    fields: dict[str, Any]
    wrong: str | None = None


One = Callable[[dict[str, Any], Ports, How], Outcome]
# What comes of rows that can be read, in their order.
Many = Callable[[Sequence[tuple[dict[str, Any], How]], Ports], Sequence[Outcome]]


class ImportFileError(FleetError):
    """The file or its results can't be used."""


class Pace:
    """So many a second, spread evenly, whoever asks; 0 is no limit."""

    def __init__(
        self,
        per_second: float,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._every_s = 1 / per_second if per_second else 0.0
        self._now, self._sleep = now, sleep
        self._next = now()
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Wait for one's turn."""
        if not self._every_s:
            return
        with self._lock:
            now = self._now()
            turn = self._next = max(now, self._next + self._every_s)
        self._sleep(max(0.0, turn - now))


def rows(file: IO[bytes], columns: Columns) -> Iterator[Row]:
    """The rows of a file; it is JSONL if its first line begins with a brace."""
    lines = (line.decode("utf-8-sig" if number == 0 else "utf-8", "replace") for number, line in enumerate(file))
    first = next(lines, "")
    if first.lstrip().startswith("{"):
        yield from _json_rows(first, lines, columns)
    else:
        yield from _csv_rows(first, lines, columns)


def each(one: One) -> Many:
    """Rows of which each is worked on alone."""

    def many(asked: Sequence[tuple[dict[str, Any], How]], ports: Ports) -> Sequence[Outcome]:
        return [attempt(lambda its=its, how=how: one(its, ports, how)) for its, how in asked]  # type: ignore[misc]

    return many


def attempt(do: Callable[[], Result]) -> Result | Outcome:
    """What it returns, or how it failed."""
    try:
        return do()
    except InvalidRequestError as error:
        return Outcome(FAILED, {"error": sentence_of(error)})
    except FleetError as error:
        return Outcome(FAILED, {"error": f"{error}."})


def run(
    found: Iterator[Row], columns: Columns, many: Many, ports: Ports, results: IO[str], how: How, in_doubt: int = 0
) -> Counter[str]:
    """Work on all rows and write down what comes of them; returns how many of each result."""
    tally: Counter[str] = Counter()
    waiting: deque[tuple[Sequence[Row], Future[list[Outcome]]]] = deque()

    def write_down() -> None:
        rows, future = waiting.popleft()
        for row, outcome in zip(rows, future.result(), strict=True):
            tally[outcome.result] += 1
            told = {"line": row.number, "id": row.fields.get(columns.key), "result": outcome.result, **outcome.facts}
            results.write(json.dumps(told) + "\n")
        results.flush()

    pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="import")
    try:
        hows = (replace(how, is_in_doubt=position < in_doubt) for position in count())
        while batch := list(islice(zip(found, hows, strict=False), BATCH)):
            waiting.append(([row for row, _ in batch], pool.submit(_outcomes, batch, many, ports)))
            if len(waiting) == WORKERS:
                write_down()
        while waiting:
            write_down()
    finally:
        pool.shutdown(cancel_futures=True)
    return tally


def done(path: Path, found: Iterator[Row], columns: Columns) -> Counter[str]:
    """Skip the rows that the results file tells of; returns how many of each result. A torn last line is cut off.

    Raises:
        ImportFileError: the results are of another file.
    """
    tally: Counter[str] = Counter()
    kept = 0
    with path.open("r+b") as results:
        for line in results:
            if not line.endswith(b"\n"):
                break
            told, row = json.loads(line), next(found, None)
            if row is None or (row.number, row.fields.get(columns.key)) != (told["line"], told["id"]):
                raise ImportFileError(f"{path} is not of this file: they differ at line {told['line']}")
            tally[told["result"]] += 1
            kept += len(line)
        results.truncate(kept)
    return tally


def command(
    file: Path, columns: Columns, many: Many, ports: Ports, *, is_dry: bool, resumes: bool, results: Path | None
) -> None:
    """Import a file on the command line; exit code 1 if any row failed."""
    path = results or file.with_name(f"{file.name}.{'dry-run' if is_dry else 'results'}.jsonl")
    if not resumes and not is_dry and path.exists():
        fail(f"{path} exists: --resume goes on after it, or name another one with --results.", 2)
    with file.open("rb") as opened, _progress(file) as bar:
        found = _watched(rows(opened, columns), opened, bar)
        resumes = resumes and path.exists()
        before = done(path, found, columns) if resumes else Counter[str]()
        path.touch(mode=0o600)  # there may be passwords in it
        with path.open("a" if resumes else "w", encoding="utf-8") as told:
            tally = before + run(found, columns, many, ports, told, How(is_dry), WINDOW if resumes else 0)
    counted = ", ".join(f"{count} {result}" for result, count in sorted(tally.items())) or "no rows"
    typer.echo(f"{counted}; each row is in {path}.")
    if tally[FAILED]:
        raise typer.Exit(1)


def _outcomes(batch: Sequence[tuple[Row, How]], many: Many, ports: Ports) -> list[Outcome]:
    done = iter(many([(row.fields, how) for row, how in batch if row.wrong is None], ports))
    return [next(done) if row.wrong is None else Outcome(FAILED, {"error": row.wrong}) for row, _ in batch]


def _json_rows(first: str, lines: Iterator[str], columns: Columns) -> Iterator[Row]:
    line, number = first, 1
    while line:
        if line.strip():
            yield _json_row(line, number, columns)
        line, number = next(lines, ""), number + 1


def _json_row(line: str, number: int, columns: Columns) -> Row:
    try:
        fields = json.loads(line)
    except ValueError as error:
        return Row(number, {}, f"this is no JSON ({error}).")
    if not isinstance(fields, dict):
        return Row(number, {}, "this is no JSON object.")
    named: dict[str, Any] = fields
    return Row(number, {columns.names.get(name, name): value for name, value in named.items()})


def _csv_rows(first: str, lines: Iterator[str], columns: Columns) -> Iterator[Row]:
    header = [columns.names.get(name.strip(), name.strip()) for name in next(csv.reader([first]), [])]
    if columns.key not in header:
        raise ImportFileError(f"the header has no column {columns.key}: it is {first.strip()[:200]!r}")
    reader = csv.reader(lines)
    for cells in reader:
        if not cells:
            continue
        wrong = None if len(cells) <= len(header) else f"it has {len(cells)} cells, the header {len(header)}."
        named = {name: cell.strip() for name, cell in zip(header, cells, strict=False) if cell.strip()}
        yield Row(reader.line_num + 1, {name: _cell(name, cell, columns) for name, cell in named.items()}, wrong)


def _cell(name: str, cell: str, columns: Columns) -> Any:
    if name in columns.numbers and cell.isdigit():
        return int(cell)
    if name in columns.lists:
        return cell.split()
    if name in columns.flags:
        return {"true": True, "false": False}.get(cell.lower(), cell)
    return cell


def _progress(file: Path) -> Progress:
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[rows]} rows"),
        TimeRemainingColumn(), console=console, transient=True, disable=not console.is_terminal,
    )  # fmt: skip
    bar.add_task(file.name, total=file.stat().st_size, rows=0)
    return bar


def _watched(found: Iterator[Row], opened: IO[bytes], bar: Progress) -> Iterator[Row]:
    for read, row in enumerate(found, start=1):
        bar.update(bar.task_ids[0], completed=opened.tell(), rows=read)
        yield row
