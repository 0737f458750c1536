"""Processes the house starts: their logs, their warnings, their end."""

import os
import sys
from pathlib import Path

import pytest

from infra.local.children import LOG_BYTES, Child, is_serious
from tests.infra.processes import descendants, is_running, wait_until


def python(script: str, log: Path, said: list[str] | None = None) -> Child:
    say = None if said is None else said.append
    return Child("it", [sys.executable, "-c", script], os.environ, log, say)


def wait_for_end(child: Child) -> None:
    wait_until(lambda: child.exit_code() is not None)
    child.stop(1)


@pytest.mark.parametrize(
    "line",
    [
        '{"event":"broker lost","level":"warning"}',
        "2026-11-21 03:04:44 WARNING [iot] Topic rule calls something",
        "12:00:01 CP001 ERROR connection refused",
        "Traceback (most recent call last):",
    ],
)
def test_warnings_and_worse_are_serious(line: str) -> None:
    assert is_serious(line)


@pytest.mark.parametrize(
    "line",
    [
        '{"event":"error 404 told to the charge point","level":"info"}',
        "[2026-11-21 03:04:44 +0000] [24563] [INFO] Running on http://127.0.0.1:14566",
        "12:00:01 CP001 charging connector=1",
        '2026-11-21 INFO [lambda] output {"errorCode": "NoError"}',
    ],
)
def test_what_only_mentions_an_error_is_not(line: str) -> None:
    assert not is_serious(line)


@pytest.mark.e2e
def test_what_a_child_says_is_in_its_log_and_the_serious_part_is_repeated(tmp_path: Path) -> None:
    said: list[str] = []
    child = python("print('INFO hello'); print('ERROR alas')", tmp_path / "it.log", said)

    wait_for_end(child)

    assert (tmp_path / "it.log").read_text() == "INFO hello\nERROR alas\n"
    assert said == ["it: ERROR alas"]


@pytest.mark.e2e
def test_a_log_does_not_grow_for_ever(tmp_path: Path) -> None:
    line = "x" * 99_999
    child = python(f"for n in range({2 * LOG_BYTES // 100_000 + 50}): print(n % 10, {line!r})", tmp_path / "it.log")

    wait_for_end(child)

    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert set(sizes) == {"it.log", "it.1.log"}
    assert all(size < LOG_BYTES + 200_000 for size in sizes.values())


@pytest.mark.e2e
def test_a_child_that_does_not_want_to_stop_is_ended_with_what_it_started(tmp_path: Path) -> None:
    stubborn = (
        "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); "
        "print('up', flush=True); time.sleep(60)"
    )
    child = python(stubborn, tmp_path / "it.log")
    wait_until(lambda: (tmp_path / "it.log").exists() and "up" in (tmp_path / "it.log").read_text())
    family = descendants(child.pid)

    stopped = child.stop(0.05)

    assert not stopped
    assert len(family) == 2
    wait_until(lambda: not any(is_running(pid) for pid in family))
