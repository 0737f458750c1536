"""The AsyncAPI 3.0 document of our events: what leaves the house, where, and what is in it.

`python -m events.asyncapi` writes it; docs/asyncapi.json is the committed copy. Its examples are made by the functions
that make events (domain/events.py), so a test can hold the schemas to them.
"""

import sys
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson

from domain import events
from domain.events import VERSION, EventType, News
from domain.models import Boot, Command, CommandState, Connection, ConnectorState, Transaction
from ocppj.versions import V16, V201, VERSIONS

Document = dict[str, Any]

_TEXT: Document = {"type": "string"}
_WHOLE: Document = {"type": "integer"}
_NUMBER: Document = {"type": "number"}
_TIME: Document = {"type": "string", "format": "date-time"}
_OBJECT: Document = {"type": "object"}

_NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def _said(schema: Document, description: str) -> Document:
    return schema | {"description": description}


_VERSION = _said({"enum": [version.name for version in VERSIONS]}, "Of OCPP.")
_CONNECTOR = _said(_TEXT, "`<connectorId>` of OCPP 1.6, 0 being the charge point; `<evseId>.<connectorId>` of 2.x.")
_EPOCH = _said(_WHOLE, "Tells connections of a charge point apart; a later one has a greater.")

_TRANSACTION: Document = {
    "transactionId": _TEXT,
    "ocppVersion": _VERSION,
    "connector": _CONNECTOR,
    "idToken": _said(_TEXT, "As it was presented; compare without case."),
    "idTokenType": _TEXT,
    "startedAt": _said(_TIME, "By the charge point's clock."),
    "meterStartWh": _WHOLE,
    "chargingState": _TEXT,
    "energyWh": _said(_WHOLE, "What is billed."),
    "registerWh": _said(_NUMBER, "The newest reading of the energy register."),
    "powerW": _NUMBER,
    "socPercent": _NUMBER,
    "sampledAt": _TIME,
    "endedAt": _said(_TIME, "By the charge point's clock."),
    "meterStopWh": _WHOLE,
    "reason": _said(_TEXT, "Why it stopped, in OCPP's words."),
    "stopIdToken": _TEXT,
    "remoteStartId": _WHOLE,
    "reservationId": _WHOLE,
    "cost": _said(_OBJECT, "Line by line, as docs/tariffs.md has it; `isFinal` once nothing more can come."),
    "remarks": _said({"type": "array", "items": _TEXT}, "The reconciler's rules that applied."),
}
_SIGNED = _said(
    {"type": "array", "items": {"type": "object", "required": ["timestamp"]}},
    "The sampled values that the meter signed, verbatim, each with the time of its meter value.",
)

# What is in `data`, by type: its members, and those that are always there.
DATA: dict[EventType, tuple[Document, tuple[str, ...]]] = {
    EventType.TRANSACTION_STARTED: (_TRANSACTION, ("transactionId", "ocppVersion", "startedAt", "remarks")),
    EventType.TRANSACTION_UPDATED: (_TRANSACTION, ("transactionId", "ocppVersion", "remarks")),
    EventType.TRANSACTION_ENDED: (
        _TRANSACTION | {"signedMeterValues": _SIGNED},
        ("transactionId", "ocppVersion", "remarks", "signedMeterValues"),
    ),
    EventType.CONNECTOR_STATUS: (
        {"connector": _CONNECTOR, "status": _TEXT, "errorCode": _TEXT, "statusAt": _TIME},
        ("connector", "status", "statusAt"),
    ),
    EventType.CONNECTED: (
        {"ocppVersion": _VERSION, "gateway": _TEXT, "epoch": _EPOCH, "connectedAt": _TIME},
        ("ocppVersion", "gateway", "epoch", "connectedAt"),
    ),
    EventType.DISCONNECTED: (
        {"gateway": _TEXT, "epoch": _EPOCH, "disconnectedAt": _TIME},
        ("gateway", "epoch", "disconnectedAt"),
    ),
    EventType.BOOTED: (
        {"vendor": _TEXT, "model": _TEXT, "serialNumber": _TEXT, "firmware": _TEXT, "bootedAt": _TIME},
        ("vendor", "model", "bootedAt"),
    ),
    EventType.COMMAND_FINISHED: (
        {
            "commandId": _TEXT,
            "action": _TEXT,
            "state": {"enum": [str(state) for state in CommandState if state.is_final]},
            "issuedBy": _TEXT,
            "answer": _said(
                _OBJECT, "The payload of its CALLRESULT, or {code, description, details} of its CALLERROR."
            ),
        },
        ("commandId", "action", "state"),
    ),
    EventType.SECURITY_EVENT: (
        {"type": _TEXT, "timestamp": _TIME, "techInfo": _TEXT, "customData": _OBJECT},
        ("type", "timestamp"),
    ),
}
_SUMMARIES = {
    EventType.TRANSACTION_STARTED: "The start of a transaction is known",
    EventType.TRANSACTION_UPDATED: "A transaction changed",
    EventType.TRANSACTION_ENDED: "A transaction no longer runs",
    EventType.CONNECTOR_STATUS: "A connector has another status or error code",
    EventType.CONNECTED: "A charge point connected",
    EventType.DISCONNECTED: "A charge point's connection ended",
    EventType.BOOTED: "A charge point booted",
    EventType.COMMAND_FINISHED: "A command reached its final state",
    EventType.SECURITY_EVENT: "A charge point reported a security event",
}


def examples() -> dict[EventType, Document]:
    """An event of each type with all there may be in it, made as events are."""
    begun = Transaction(
        "CP001", "7", V16, "1", "04A1B2C3", "ISO14443", "Accepted", _NOON, 12_000, remote_start_id=3, reservation_id=4,
        tariff_id="standard", partner="acme",
    )  # fmt: skip
    running = replace(
        begun, charging_state="Charging", energy_wh=12_400.0, power_w=11_000.0, soc_percent=41.0, sampled_at=_NOON,
        billed_wh=400,
    )  # fmt: skip
    ended = replace(
        running, ended_at=_NOON.replace(hour=13), meter_stop_wh=23_000, stop_reason="Local", billed_wh=11_000,
        stop_id_token=begun.id_token, rules=("late_stop",), cost={"currency": "EUR", "total": "4.40", "isFinal": True},
    )  # fmt: skip
    signed = {"timestamp": "2026-11-21T13:00:00Z", "value": "OCMF|{...}|{...}", "format": "SignedData"}
    connection = Connection(V201, "gw-1", 0, 1_795_262_400_000, _NOON)
    command = Command(
        "5f0c", "CP001", "Reset", {"type": "Soft"}, V16, CommandState.ACCEPTED, _NOON, _NOON, "anna",
        {"status": "Accepted"},
    )  # fmt: skip
    reported = {"type": "TamperDetectionActivated", "timestamp": "2026-11-21T12:00:00Z", "techInfo": "lid opened"}
    told: list[News | None] = [
        *events.of_transaction(None, begun),
        News(EventType.TRANSACTION_UPDATED, events.transaction_data(running)),
        *events.of_transaction(running, ended, lambda: [signed]),
        events.of_connector("1", ConnectorState("Charging", _NOON, "NoError")),
        events.of_connect(connection),
        events.of_disconnect(connection, _NOON),
        events.of_boot(Boot("VendorX", "Model1", _NOON, "SN1", "1.2.3")),
        events.of_command(command),
        events.of_report("SecurityEventNotification", "k", reported),
    ]
    numbered = events.numbered([one for one in told if one is not None], "CP001", "acme", None, _NOON)
    return {event.type: event.as_json() for event in numbered}


def document() -> Document:
    """The document."""
    shown = examples()
    messages = {_name(type_): _message(type_, shown[type_]) for type_ in EventType}
    here = {name: {"$ref": f"#/components/messages/{name}"} for name in messages}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Events of an OCPP gateway",
            "version": f"{VERSION}.0.0",
            "description": "Each at least once, under an id that follows from what happened: drop what you have had. "
            "`sequence` counts the events of a charge point without a gap. See docs/events.md.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {
            "webhook": {
                "title": "Webhooks",
                "description": "Posted to each webhook that wants them (`ocppgw webhooks add`), in order per charge "
                "point, signed: X-Signature has t=<seconds>,v1=<HMAC-SHA-256 of `<t>.<body>`, hexadecimal>.",
                "messages": here,
            },
            "eventBus": {
                "address": "ocppgw.events",
                "title": "The EventBridge bus",
                "description": "`detail` is the event, `detail-type` its type. No order is kept: `sequence` is.",
                "messages": here,
            },
            "feed": {
                "address": "/events",
                "title": "The live feed: Server-Sent Events",
                "description": "`event` is the type, `data` the event, `id` what to come back with as Last-Event-ID. "
                "Query parameters: partner, chargePointId, type (several with commas), from.",
                "messages": here,
            },
        },
        "operations": {
            name: {
                "action": "send",
                "channel": {"$ref": f"#/channels/{channel}"},
                "messages": [{"$ref": f"#/channels/{channel}/messages/{each}"} for each in messages],
            }
            for name, channel in (("postEvent", "webhook"), ("putEvent", "eventBus"), ("streamEvent", "feed"))
        },
        "components": {"messages": messages},
    }


def payload(type_: EventType) -> Document:
    """The JSON schema of an event of this type. Members may come to be more: whoever reads it takes that."""
    members, always = DATA[type_]
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "required": ["id", "type", "version", "chargePointId", "partner", "sequence", "at", "data"],
        "properties": {
            "id": _said({"type": "string", "format": "uuid"}, "The same whenever it is delivered."),
            "type": {"const": str(type_)},
            "version": {"const": VERSION},
            "chargePointId": _TEXT,
            "partner": _said({"type": ["string", "null"]}, "Whose the charge point is; null is the house's own."),
            "sequence": _said(_WHOLE, "Counts the events of a charge point without a gap."),
            "at": _said(_TIME, "When it was written."),
            "data": {"type": "object", "required": list(always), "properties": members},
        },
    }


def text() -> str:
    """The document as it is committed."""
    return orjson.dumps(document(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()


def _message(type_: EventType, example: Document) -> Document:
    return {
        "name": str(type_),
        "title": _SUMMARIES[type_],
        "contentType": "application/json",
        "payload": payload(type_),
        "examples": [{"name": str(type_).replace(".", "_"), "payload": example}],
    }


def _name(type_: EventType) -> str:
    first, *others = str(type_).replace(".", "_").split("_")
    return first + "".join(word.capitalize() for word in others)


if __name__ == "__main__":
    sys.stdout.write(text())
