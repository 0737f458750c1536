"""`python -m bench`: what the gateway costs, beside what it can be compared with, in the same run on this machine.

CPU time of the measured process per round trip is the figure that travels; round trips a second depend on who else
uses the machine. `--only echo,gateway` runs some rows only; `--results` says where the JSON goes.
"""

import argparse
import datetime
import sys
import tempfile
from pathlib import Path

import orjson

from bench import rows
from bench.processes import machine
from tests.brokers import Mosquitto, mosquitto_binary

RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Start the broker, measure, say it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8, help="how long each row is measured")
    parser.add_argument("--only", default=",".join(rows.ROWS), help="some of %(default)s")
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    binary = mosquitto_binary()
    if binary is None:
        sys.exit("mosquitto is not installed (Debian: apt-get install mosquitto)")
    facts, results = machine(), {}
    with tempfile.TemporaryDirectory() as directory:
        broker = Mosquitto(binary, Path(directory), log_types=())
        broker.start()
        try:
            for name in arguments.only.split(","):
                results[name] = rows.ROWS[name](rows.Bench(broker, Path(directory), arguments.seconds))
                sys.stdout.write(f"{name:16} {rows.in_words(results[name])}\n")
                sys.stdout.flush()
        finally:
            broker.kill()
    sys.stdout.write("\n" + rows.table(results))
    now = datetime.datetime.now(datetime.UTC)
    arguments.results.mkdir(parents=True, exist_ok=True)
    path = arguments.results / f"{now:%Y-%m-%dT%H%M%SZ}.json"
    path.write_bytes(orjson.dumps({"at": now, "machine": facts, "results": results}, option=orjson.OPT_INDENT_2))
    sys.stdout.write(f"\n{path}\n")


if __name__ == "__main__":
    main()
