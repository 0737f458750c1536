"""The fault tests in full size: 500 and 1,000 charge points, ten minutes without processors. Needs half an hour.

python -m bench.faults [--charge-points 200] [--seconds 60] [pytest's options, such as -k outage]

The figures are in the lines `measured`. The two sizes are those of the outage and of the slow registry.
"""

import argparse
import os
import subprocess
import sys

from tests.faults.sizes import CHARGE_POINTS, FULL, SECONDS

LONGEST_S = 1_800


def main() -> int:
    """Run them, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--charge-points", default="")
    parser.add_argument("--seconds", default="", help="how long the fault lasts")
    chosen, others = parser.parse_known_args()
    sizes = {FULL: "1", CHARGE_POINTS: chosen.charge_points, SECONDS: chosen.seconds}
    command = [sys.executable, "-m", "pytest", "tests/faults", "-q", "-s", "-m", "e2e", f"--timeout={LONGEST_S}"]
    return subprocess.run([*command, *others], env=os.environ | sizes, check=False).returncode  # noqa: S603


if __name__ == "__main__":
    sys.exit(main())
