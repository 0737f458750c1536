"""Samples as rows of the archive: one for each measured value and each change of a status, out of charge points' CALLs.

A row's id is charge point, epoch, message id and its number within the message: a repeated message makes the same rows.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from domain import readings
from domain.archive import Row
from domain.readings import Sample
from ocppj import schemas, timestamps, versions
from ocppj.errors import PayloadError
from ocppj.frames import Payload
from ocppj.versions import V16, V201, Version

STATUS = "Status"

Connectors = Callable[[str, str], str | None]  # charge point, transaction -> connector


class _Taken(NamedTuple):
    """What a message measured, and where; `transaction_id` finds the connector where the message names none."""

    connector: str | None
    transaction_id: str | None
    sample: Sample
    status: str | None = None
    error_code: str | None = None


def rows(frame: Row, connector_of: Connectors) -> list[Row]:
    """The samples in a frame, a row of `telemetry.frames`; none where there are none, or its payload breaks its schema.

    `connector_of` says which connector a transaction is on: 2.x names it once, and a stop of 1.6 never.
    """
    version = versions.of_subprotocol(frame["ocpp"]) if frame["ocpp"] else None
    if version is None or frame["direction"] != "in" or frame["message_type"] != 2:
        return []
    read = _READERS.get((frame["action"], version)) or _READERS.get((frame["action"], version.base))
    if read is None:
        return []
    payload = orjson.loads(frame["message"])[3]
    received_at = timestamps.parse(frame["received_at"])
    if not _is_valid(version, frame["action"], payload):
        return []
    return [
        _row(frame, index, taken, received_at, connector_of) for index, taken in enumerate(read(payload, received_at))
    ]


def _is_valid(version: Version, action: str, payload: Any) -> bool:
    try:
        schemas.check(version, action, "request", payload)
    except PayloadError:
        return False  # refused by the processors; the frame is kept as it is
    return True


def _row(frame: Row, index: int, taken: _Taken, received_at: datetime, connector_of: Connectors) -> Row:
    charge_point_id, sample, connector = frame["charge_point_id"], taken.sample, taken.connector
    if connector is None and taken.transaction_id is not None:
        connector = connector_of(charge_point_id, taken.transaction_id)
    return {
        "id": f"{charge_point_id}/{frame['epoch']}/{frame['message_id']}/{index}",
        "charge_point_id": charge_point_id,
        "connector": connector,
        "transaction_id": taken.transaction_id,
        # A clock that runs ahead would keep out everything said after it was set right.
        "sampled_at": timestamps.write(min(sample.at, received_at)),
        "received_at": frame["received_at"],
        "measurand": sample.measurand,
        "value": sample.value if taken.status is None else None,
        "unit": sample.unit or None,
        "phase": sample.phase,
        "context": sample.context or None,
        "location": sample.location or None,
        "status": taken.status,
        "error_code": taken.error_code,
    }


def _meter_values_16(said: Payload, _: datetime) -> Iterator[_Taken]:
    transaction_id = said.get("transactionId", 0)
    for sample in readings.samples(said["meterValue"]):
        yield _Taken(str(said["connectorId"]), str(transaction_id) if transaction_id > 0 else None, sample)


def _start_16(said: Payload, _: datetime) -> Iterator[_Taken]:
    yield _Taken(str(said["connectorId"]), None, _energy(said["meterStart"], "Transaction.Begin", said["timestamp"]))


def _stop_16(said: Payload, _: datetime) -> Iterator[_Taken]:
    transaction_id = str(said["transactionId"])
    yield _Taken(None, transaction_id, _energy(said["meterStop"], "Transaction.End", said["timestamp"]))
    for sample in readings.samples(said.get("transactionData", ())):
        yield _Taken(None, transaction_id, sample)


def _status_16(said: Payload, received_at: datetime) -> Iterator[_Taken]:
    at = timestamps.parse(said["timestamp"]) if "timestamp" in said else received_at
    yield _Taken(str(said["connectorId"]), None, _status(at), said["status"], said["errorCode"])


def _meter_values_201(said: Payload, _: datetime) -> Iterator[_Taken]:
    for sample in readings.samples(said["meterValue"]):
        yield _Taken(str(said["evseId"]), None, sample)


def _event_201(said: Payload, _: datetime) -> Iterator[_Taken]:
    evse, transaction_id = said.get("evse"), said["transactionInfo"]["transactionId"]
    for sample in readings.samples(said.get("meterValue", ())):
        yield _Taken(_connector(evse) if evse else None, transaction_id, sample)


def _status_201(said: Payload, _: datetime) -> Iterator[_Taken]:
    connector = f"{said['evseId']}.{said['connectorId']}"
    yield _Taken(connector, None, _status(timestamps.parse(said["timestamp"])), said["connectorStatus"])


def _availability_201(said: Payload, _: datetime) -> Iterator[_Taken]:
    """Connectors' availability, which may come as an event instead of a StatusNotification (conformance C-84)."""
    for event in said["eventData"]:
        component, variable = event["component"], event["variable"]
        evse = component.get("evse", {})
        # Names of components and variables are case-insensitive (2.0.1 part 2 appendix 3).
        names = component["name"].lower(), variable["name"].lower()
        if names == ("connector", "availabilitystate") and "connectorId" in evse:
            at = timestamps.parse(event["timestamp"])
            yield _Taken(_connector(evse), None, _status(at), event["actualValue"])


def _connector(evse: dict[str, int]) -> str:
    return f"{evse['id']}.{evse['connectorId']}" if "connectorId" in evse else str(evse["id"])


def _energy(value: int, context: str, timestamp: str) -> Sample:
    return Sample(readings.ENERGY, float(value), "Wh", None, context, "Outlet", timestamps.parse(timestamp))


def _status(at: datetime) -> Sample:
    return Sample(STATUS, 0.0, "", None, "", "", at)


_READERS: dict[tuple[str, Version | None], Callable[[Payload, datetime], Iterator[_Taken]]] = {
    ("MeterValues", V16): _meter_values_16,
    ("StartTransaction", V16): _start_16,
    ("StopTransaction", V16): _stop_16,
    ("StatusNotification", V16): _status_16,
    ("MeterValues", V201): _meter_values_201,
    ("TransactionEvent", V201): _event_201,
    ("StatusNotification", V201): _status_201,
    ("NotifyEvent", V201): _availability_201,
}
