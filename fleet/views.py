"""Charge points, transactions and reports as readers see them. Names are camelCase, times RFC 3339 in UTC."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from domain import administration, readings, reconciler
from domain.models import ChargePoint, Transaction
from domain.pages import Report
from ocppj import timestamps, topics
from ocppj.versions import Version


def charge_point(row: ChargePoint, *, is_online: bool) -> dict[str, Any]:
    """A charge point with its connectors, its connection and what it said of itself; no secret and no hash."""
    connection, boot = row.connection, row.boot
    return {
        "chargePointId": row.charge_point_id,
        "identity": topics.unescape(row.charge_point_id),
        "status": administration.status_of(row, is_online=is_online).value,
        "partner": row.partner,
        "site": row.site,
        "vendorProfile": row.vendor_profile,
        "registration": row.registration.value,
        "disabled": row.disabled,
        "securityProfile": row.security_profile,
        "highestProfile": row.highest_profile,
        "allowDowngrade": row.allow_downgrade,
        "hasPassword": row.password_hash is not None,
        "commonName": row.serial_number,
        "certificateNames": list(row.certificate_names),
        "defaultVersion": row.default_version.subprotocol if row.default_version else None,
        "pingIntervalSeconds": row.ping_interval_s,
        "commandTimeoutSeconds": row.command_timeout_s,
        "tariffId": row.tariff_id,
        "createdAt": _value(row.created_at),
        "connected": is_online,
        "ocppVersion": connection.version.name if connection else None,
        "connectedAt": _value(connection.connected_at) if connection else None,
        "disconnectedAt": _value(connection.disconnected_at) if connection else None,
        "lastSeen": _value(connection.last_seen or connection.connected_at) if connection else None,
        "gateway": connection.gateway if connection else None,
        "vendor": boot.vendor if boot else None,
        "model": boot.model if boot else None,
        "serialNumber": boot.serial_number if boot else None,
        "firmware": boot.firmware if boot else None,
        "bootedAt": _value(boot.at) if boot else None,
        "connectors": [
            {
                "connector": name, "status": state.status, "errorCode": state.error_code, "at": _value(state.at),
                "clockSkewSeconds": state.skew_s,
            }
            for name, state in sorted(row.connectors.items())
        ],
    }  # fmt: skip


def transaction(one: Transaction) -> dict[str, Any]:
    """A transaction; what was never said is null."""
    told = {_camel(field.name): _value(getattr(one, field.name)) for field in fields(one) if field.name != "version"}
    return told | {"ocppVersion": one.version.name, "open": one.is_open, "complete": one.is_complete}


def detail(one: Transaction, told: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A transaction with its samples, by time, and what the reconciler remarks."""
    samples = sorted(
        readings.samples([value for said in told for value in _meter_values(said)]), key=lambda one: one.at
    )
    return transaction(one) | {
        "remarks": [{"rule": rule, "remark": remark(rule)} for rule in one.rules],
        "samples": [
            {
                "at": _value(sample.at), "measurand": sample.measurand, "value": sample.value, "unit": sample.unit,
                "phase": sample.phase, "context": sample.context, "location": sample.location,
            }
            for sample in samples
        ],
    }  # fmt: skip


def report(one: Report) -> dict[str, Any]:
    """A report as the charge point told it."""
    return {"action": one.action, "key": one.key, "at": _value(one.at), "payload": one.payload}


def remark(rule: str) -> str:
    """What a rule of the reconciler says, in a sentence."""
    known: Mapping[str, object] = {**reconciler.FINDINGS, **reconciler.CORRECTIONS}
    if rule == reconciler.IMPLAUSIBLE:
        return "Nothing makes the bill right: somebody has to look."
    return (known[rule].__doc__ or rule) if rule in known else rule


def _meter_values(said: dict[str, Any]) -> list[dict[str, Any]]:
    # A meter value of 1.6 as it came, or a 2.x event that has some.
    return [said] if "sampledValue" in said else list(said.get("meterValue") or ())


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(other.capitalize() for other in others)


def _value(value: Any) -> Any:
    if isinstance(value, datetime):
        return timestamps.write(value)
    return value.name if isinstance(value, Version) else list(value) if isinstance(value, tuple) else value
