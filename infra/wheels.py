"""The zip for AWS: `python -m infra.wheels` writes build/lambda.zip, with the dependencies for Lambda's platform.

The lock file says which. The functions run Python 3.13 on arm64; where a python3.13 is at hand, its bytecode goes in.
"""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from infra.package import LEFT_OUT, ROOT, pack

BUILD = ROOT / "build"
ZIP = BUILD / "lambda.zip"
PYTHON = "3.13"
# Amazon Linux 2023 has glibc 2.34.
LAMBDA = (
    "--implementation", "cp", "--python-version", PYTHON,
    "--platform", "manylinux_2_34_aarch64", "--platform", "manylinux_2_28_aarch64",
    "--platform", "manylinux2014_aarch64",
)  # fmt: skip


def install(into: Path, *platform: str) -> None:
    """Put the runtime dependencies below a directory, as the lock file pins them; for this Python unless told.

    Raises:
        subprocess.CalledProcessError: pip can't; it has said why.
    """
    with (ROOT / "pyproject.toml").open("rb") as file:
        wanted: list[str] = tomllib.load(file)["project"]["dependencies"]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    pinned = ["--only-binary", ":all:", "--constraint", str(ROOT / "requirements.lock"), "--target", str(into)]
    subprocess.run([*command, *pinned, *platform, *wanted], check=True)  # noqa: S603


def compile_all(directory: Path) -> bool:
    """Write bytecode beside the source, of Lambda's Python and true whenever it is read; whether there is one."""
    python = shutil.which(f"python{PYTHON}")
    if python is None or subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode:  # noqa: S603
        return False
    left_out = "|".join(LEFT_OUT)
    how = ["-q", "-j", "0", "--invalidation-mode", "unchecked-hash", "-x", f"/({left_out})/"]
    subprocess.run([python, "-m", "compileall", *how, str(directory)], check=True)  # noqa: S603
    return True


def main() -> None:
    """Build the zip."""
    wheels = BUILD / "wheels"
    shutil.rmtree(wheels, ignore_errors=True)
    try:
        install(wheels, *LAMBDA)
        is_compiled = compile_all(wheels)
    except subprocess.CalledProcessError as error:
        sys.exit(f"The zip can't be built: {Path(error.cmd[0]).name} ended with {error.returncode}.")
    ZIP.write_bytes(pack(wheels))
    without = "" if is_compiled else f"; without bytecode, since no python{PYTHON} is here: cold starts take longer"
    sys.stdout.write(f"{ZIP}: {ZIP.stat().st_size >> 20} MiB{without}\n")


if __name__ == "__main__":
    main()
