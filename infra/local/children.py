"""Child processes of the house: each in a process group of its own, its output in a log file, its warnings repeated.

A group of its own, because the terminal sends Ctrl-C to ours: the house wants to stop its children in order.
On Linux they also end when the house is killed, which can't stop them then: ports taken by nobody are a riddle.
"""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

LOG_BYTES = 10_000_000
_SERIOUS = re.compile(r"\b(warning|error|critical|traceback)\b", re.IGNORECASE)
_LEVEL = re.compile(
    r'"level": ?"(\w+)"|\b(DEBUG|INFO|WARNING|ERROR|CRITICAL)\b|\[(debug|info|warning|error|critical) *\]'
)
_POLL_S = 0.02
# Becomes the command, after asking the kernel for a SIGTERM at the death of the parent (prctl(2), PR_SET_PDEATHSIG).
_DIE_WITH_PARENT = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 15)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""


def is_serious(line: str) -> bool:
    """Whether a log line is a WARNING or worse; the line's own level decides, a word in its text only without one."""
    if level := _LEVEL.search(line):
        return next(filter(None, level.groups())).lower() in ("warning", "error", "critical")
    return _SERIOUS.search(line) is not None


class Child:
    """A process that was started, by the path of its program; its output goes to `log`, serious lines also to `say`."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        say: Callable[[str], None] | None = None,
    ) -> None:
        self.name = name
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(  # noqa: S603  the commands are ours
            _bound_to_us(command) if sys.platform == "linux" else command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            process_group=0,
        )
        assert self._process.stdout is not None  # noqa: S101  it is a pipe
        arguments = (self._process.stdout, say)
        self._pump = threading.Thread(target=self._copy, args=arguments, name=f"log-{name}", daemon=True)
        self._pump.start()

    @property
    def pid(self) -> int:
        """Its process id, which is also that of its group."""
        return self._process.pid

    def exit_code(self) -> int | None:
        """How it ended, or None while it runs."""
        return self._process.poll()

    def ask_to_stop(self) -> None:
        """Send SIGTERM to the process, not to its group: it stops its own children itself."""
        if self._process.poll() is None:
            self._process.terminate()

    def stop(self, patience_s: float) -> bool:
        """Ask it to stop, and end its group after `patience_s`; whether it stopped by itself."""
        self.ask_to_stop()
        deadline = time.monotonic() + patience_s
        while self._process.poll() is None and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        stopped = self._process.poll() is not None
        self.kill()
        self._process.wait()
        self._pump.join(timeout=1)
        return stopped

    def kill(self) -> None:
        """End what is left of its group at once."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return

    def _copy(self, output: IO[str], say: Callable[[str], None] | None) -> None:
        with output:
            while chunk := self._fill(output, say):
                self.log.replace(self.log.with_suffix(".1.log"))
                self.log.write_text(chunk)

    def _fill(self, output: IO[str], say: Callable[[str], None] | None) -> str:
        """Copy until the log is full, and return the line that did not fit; nothing at the end of the output."""
        with self.log.open("a", encoding="utf-8") as log:
            for line in output:
                if say is not None and is_serious(line):
                    say(f"{self.name}: {line.rstrip()}")
                if log.tell() > LOG_BYTES:
                    return line
                log.write(line)
                log.flush()
        return ""


def _bound_to_us(command: Sequence[str]) -> list[str]:
    return [sys.executable, "-ISc", _DIE_WITH_PARENT, str(os.getpid()), *command]
