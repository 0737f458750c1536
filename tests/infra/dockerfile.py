"""A Dockerfile without Docker: its stages, and its commands run below a directory."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
_MOUNT = "--mount=type=cache,target=/root/.cache/pip "


@dataclass(frozen=True, slots=True)
class Stage:
    """What follows a FROM: (instruction, the rest) in order."""

    base: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def all(self, instruction: str) -> list[str]:
        """What every such instruction says."""
        return [rest for name, rest in self.steps if name == instruction]

    def only(self, instruction: str) -> str:
        """What the only such instruction says."""
        (rest,) = self.all(instruction)
        return rest


def stages(path: Path = ROOT / "Dockerfile") -> list[Stage]:
    """The stages of a Dockerfile; comments and line breaks are gone."""
    lines = [line for line in path.read_text().splitlines() if line.strip() and not line.lstrip().startswith("#")]
    found: list[Stage] = []
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        instruction, _, rest = line.partition(" ")
        if instruction == "FROM":
            found.append(Stage(rest.split()[0]))
        else:
            found[-1].steps.append((instruction, rest.strip()))
    return found


def build(stage: Stage, directory: Path) -> Path:
    """Do what a stage says, with /venv and /src below a directory and this Python; the venv it made."""
    source, programs, venv = directory / "src", directory / "bin", directory / "venv"
    source.mkdir()
    programs.mkdir()
    (programs / "python").symlink_to(Path(sys.executable).resolve())
    for instruction, rest in stage.steps:
        if instruction == "COPY":
            _copy(rest, source)
        elif instruction == "RUN":
            command = rest.removeprefix(_MOUNT).strip().replace("/venv", str(venv))
            environment = {"PATH": f"{programs}:/usr/bin:/bin", "HOME": str(Path.home())} | _of_pip()
            run = subprocess.run(["sh", "-c", command], cwd=source, env=environment, capture_output=True, text=True)
            assert run.returncode == 0, f"{command}\n{run.stdout}{run.stderr}"
    return venv


def environment(stage: Stage, venv: Path) -> dict[str, str]:
    """What ENV says."""
    pairs = (pair.partition("=") for rest in stage.all("ENV") for pair in shlex.split(rest))
    path = f"{venv}/bin:/usr/bin:/bin"
    return {name: path if name == "PATH" else value for name, _, value in pairs}


def command(rest: str) -> Any:
    """The words of an ENTRYPOINT or of what follows CMD, in their exec form."""
    return json.loads(rest[rest.index("[") :])


def _copy(rest: str, source: Path) -> None:
    *names, _ = rest.split()
    for name in names if names != ["."] else _let_in():
        origin = ROOT / name
        if origin.is_dir():
            shutil.copytree(origin, source / name, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
        else:
            shutil.copy(origin, source / name)


def _let_in() -> list[str]:
    return [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]


def _of_pip() -> dict[str, str]:
    """Where packages come from on this machine."""
    return {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "HTTP", "http"))}
