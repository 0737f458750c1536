"""The fault tests in full size: 500 and 1,000 charge points, ten minutes without processors. Needs half an hour.

python -m bench.faults [pytest's options, such as -k broker]; the figures are in the lines `measured`.
"""

import os
import subprocess
import sys

from tests.faults.sizes import FULL

LONGEST_S = 1_800


def main() -> int:
    """Run them, one after the other."""
    command = [sys.executable, "-m", "pytest", "tests/faults", "-q", "-s", "-m", "e2e", f"--timeout={LONGEST_S}"]
    return subprocess.run([*command, *sys.argv[1:]], env=os.environ | {FULL: "1"}, check=False).returncode  # noqa: S603


if __name__ == "__main__":
    sys.exit(main())
