"""A batch of a queue: the latest state first, then the archive, then what nobody can use.

In this order a batch that fails halfway comes again and doubles nothing: the latest state takes the same again as the
same, what failed there is not archived yet, and a dead letter is written when all else is done.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

import structlog

from domain import archive
from domain.archive import FRAMES, SAMPLES, STATIONS, Row
from domain.telemetry import Latest, Station, Thing
from telemetry import frames, samples, stations
from telemetry.errors import PayloadError
from telemetry.ports import Ports

log = structlog.get_logger(__name__)

FRAME_QUEUE = "FramesToArchive"
STATION_QUEUE = "StationTelemetry"
_TRANSACTIONS = 10_000  # whose connectors are remembered

Read = TypeVar("Read")


class Message(NamedTuple):
    """A message of a queue: SQS's id and its body."""

    id: str
    body: str


class Inbox:
    """Takes batches; remembers which connectors transactions are on."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._stored_connector = lru_cache(_TRANSACTIONS)(self._read_connector)
        self._take = {FRAME_QUEUE: self._frames, STATION_QUEUE: self._stations}

    def take(self, queue: str, messages: Sequence[Message]) -> set[str]:
        """Take a batch of this queue; returns the ids of the messages that must come again."""
        return self._take[queue](messages)

    def _frames(self, messages: Sequence[Message]) -> set[str]:
        records, bad = _read(messages, frames.read)
        known = self._ports.registry.find_many(sorted(_incomplete(records.values())))
        rows = {key: frames.row(record, known.get(record["chargePointId"])) for key, record in records.items()}
        taken = {key: samples.rows(row, self._connector_of) for key, row in rows.items()}
        failed = self._keep_samples(taken)
        self._write(archive.files(FRAMES, _without(rows, failed)))
        self._write(archive.files(SAMPLES, [row for its in _without(taken, failed) for row in its]))
        return failed | self._bury(FRAME_QUEUE, bad)

    def _keep_samples(self, taken: dict[str, list[Row]]) -> set[str]:
        newest: dict[tuple[str, str], dict[str, Row]] = defaultdict(dict)
        sources: dict[tuple[str, str], set[str]] = defaultdict(set)
        for message_id, rows in taken.items():
            for row in rows:
                if row["connector"] is not None:
                    where = row["charge_point_id"], row["connector"]
                    sources[where].add(message_id)
                    _keep_newest(newest[where], row)
        lost = self._ports.latest.keep([Latest(*where, series) for where, series in newest.items()])
        return {message_id for where in lost for message_id in sources[where]}

    def _stations(self, messages: Sequence[Message]) -> set[str]:
        read, bad = _read(messages, stations.read)
        things = self._ports.things.look_up({station.station_id for station in read.values()})
        told = {
            key: _as_registered(station, things[station.station_id])
            for key, station in read.items()
            if station.station_id in things
        }
        newest: dict[str, Station] = {}
        for station in told.values():
            if station.station_id not in newest or newest[station.station_id].timestamp <= station.timestamp:
                newest[station.station_id] = station
        lost = self._ports.stations.keep(list(newest.values()))
        failed = {key for key, station in told.items() if station.station_id in lost}
        late = read.keys() - told.keys()
        self._write(archive.files(STATIONS, map(stations.row, _without(told, failed))))
        return failed | late | self._bury(STATION_QUEUE, bad)

    def _write(self, files: dict[str, bytes]) -> None:
        for key, body in files.items():
            self._ports.archive.put(key, body)

    def _bury(self, queue: str, bad: dict[str, tuple[str, str]]) -> set[str]:
        return {key for key, (body, reason) in bad.items() if not self._is_buried(queue, body, reason)}

    def _is_buried(self, queue: str, body: str, reason: str) -> bool:
        try:
            self._ports.dead_letters.bury(queue, body, reason)
        except Exception:
            # Broad, because all else of the batch is written, and must not come again for this.
            log.exception("dead letter not sent, its message comes again")
            return False
        return True

    def _connector_of(self, charge_point_id: str, transaction_id: str) -> str | None:
        with suppress(LookupError):
            return self._stored_connector(charge_point_id, transaction_id)
        return None

    def _read_connector(self, charge_point_id: str, transaction_id: str) -> str:
        found = self._ports.transactions.find(charge_point_id, transaction_id)
        if found is None or found.connector is None:
            raise LookupError(transaction_id)  # not remembered: the transaction may be there a moment later
        return found.connector


def _read(
    messages: Sequence[Message], read: Callable[[str], Read]
) -> tuple[dict[str, Read], dict[str, tuple[str, str]]]:
    """What was read, and what could not be, with the reason; by message id."""
    good: dict[str, Read] = {}
    bad: dict[str, tuple[str, str]] = {}
    for message in messages:
        try:
            good[message.id] = read(message.body)
        except PayloadError as error:
            log.warning("message given up", reason=str(error))
            bad[message.id] = message.body, str(error)
    return good, bad


def _incomplete(records: Iterable[dict[str, Any]]) -> set[str]:
    return {
        record["chargePointId"]
        for record in records
        if record["chargePointId"] and not all(frames.connection_of(record))
    }


def _keep_newest(series: dict[str, Row], row: Row) -> None:
    name = " ".join(filter(None, (row["measurand"], row["phase"], row["location"])))
    if name not in series or series[name]["sampled_at"] <= row["sampled_at"]:
        series[name] = row


def _without(taken: dict[str, Read], failed: set[str]) -> list[Read]:
    return [value for key, value in taken.items() if key not in failed]


def _as_registered(station: Station, thing: Thing | None) -> Station:
    if thing is not None:
        return replace(station, partner=thing.partner)
    log.warning("station is not registered", station_id=station.station_id)
    return replace(station, is_registered=False)
