"""`python -m bench`: what the gateway costs, beside what it can be compared with, in the same run on this machine.

CPU time of the measured process per round trip is the figure that travels; round trips a second depend on who else
uses the machine. `--only echo,gateway` runs some rows only; `--full` runs the long rows, too, which take half an hour
(65,536 charge points); `--charge-points` and `--minutes` make them smaller. `--results` says where JSON and HTML go.

A row that can't be measured is told, and the others go on; the exit code is 1 then. A target that was missed is told
beside its figure, and is no error.
"""

import argparse
import datetime
import signal
import sys
import tempfile
from pathlib import Path

import orjson

from bench import crowd, report, rows
from bench.processes import BenchError, end_all, machine
from tests.brokers import Mosquitto, mosquitto_binary

RESULTS = Path(__file__).parent / "results"


def main() -> int:
    """Start the broker, measure, say it; whoever is stopped on the way says what there is by then."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8, help="how long each row is measured")
    parser.add_argument("--only", help=f"some of {','.join([*rows.ROWS, *crowd.LONG])}")
    parser.add_argument("--full", action="store_true", help="the long rows, too")
    parser.add_argument("--charge-points", type=int, default=crowd.FULL.charge_points, help="in the long rows")
    parser.add_argument("--grown", type=int, default=crowd.FULL.grown, help="charge points in the row growth")
    parser.add_argument("--minutes", type=float, default=crowd.FULL.minutes, help="how long the crowd is held")
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    every = [*rows.ROWS, *(crowd.LONG if arguments.full else ())]
    names = arguments.only.split(",") if arguments.only else every
    unknown = [name for name in names if name not in (*rows.ROWS, *crowd.LONG)]
    if unknown:
        parser.error(f"there is no row {unknown[0]}")
    binary = mosquitto_binary()
    if binary is None:
        sys.exit("mosquitto is not installed (Debian: apt-get install mosquitto)")
    size = crowd.Size(arguments.charge_points, arguments.grown, arguments.minutes)
    facts, results = machine(), dict[str, crowd.Record]()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory() as directory:
        broker = Mosquitto(binary, Path(directory), log_types=())
        broker.start()
        try:
            for name in names:
                results[name] = _measure(name, broker, Path(directory), arguments.seconds, size)
                sys.stdout.write(f"{name:16} {results[name].error or rows.in_words(results[name].row)}\n")
                sys.stdout.flush()
        except KeyboardInterrupt:
            results[name] = crowd.Record({}, error="stopped before it had ended")
        finally:
            broker.kill()
    document = report.document(datetime.datetime.now(datetime.UTC), facts, sys.argv[1:], results)
    sys.stdout.write("\n" + rows.table({name: record.row for name, record in results.items()}))
    sys.stdout.write("\n" + report.verdicts(document))
    sys.stdout.write(f"\n{_write(document, arguments.results)}\n")
    return 1 if document["failures"] else 0


def _measure(name: str, broker: Mosquitto, directory: Path, seconds: float, size: crowd.Size) -> crowd.Record:
    try:
        if name in rows.ROWS:
            return crowd.Record(rows.ROWS[name](rows.Bench(broker, directory, seconds)))
        return crowd.LONG[name](crowd.House(broker, size, seconds))
    except (BenchError, OSError) as error:
        return crowd.Record({}, error=f"{type(error).__name__}: {error}")
    finally:
        end_all()


def _write(document: report.Json, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{document['at'].replace(':', '').partition('.')[0]}Z.json"
    path.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))
    page = path.with_suffix(".html")
    page.write_text(report.page(document))
    return page


if __name__ == "__main__":
    sys.exit(main())
