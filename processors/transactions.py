"""Transactions of all versions (conformance C.3, C.4): idempotent by natural key, never refused, always answered."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog

from domain import readings
from domain.models import Transaction, TransactionEvent
from ocppj import timestamps
from ocppj.frames import Payload
from ocppj.versions import V16, V201
from processors import costs, id_tokens, reports, states
from processors.id_tokens import Presented, Verdict, masked
from processors.meter_values import sampled
from processors.ports import Ports
from processors.routes import Request, on

log = structlog.get_logger(__name__)


@on("StartTransaction", V16)
def start_16(request: Request, ports: Ports) -> Payload:
    """Open a transaction, whatever the tag is worth: the charge point may be charging already (C-40, C-43)."""
    said = request.payload
    presented = Presented(said["idTag"], evse=str(said["connectorId"]))
    verdict = id_tokens.judge_start(presented, None, request, ports)
    info = id_tokens.id_tag_info(verdict)
    begun = ports.transactions.begin(
        Transaction(
            charge_point_id=request.charge_point_id,
            transaction_id="",
            version=request.version,
            connector=str(said["connectorId"]),
            id_token=said["idTag"],
            id_token_status=info["status"],
            started_at=timestamps.parse(said["timestamp"]),
            meter_start_wh=said["meterStart"],
            reservation_id=said.get("reservationId"),
            tariff_id=costs.tariff_of(verdict, request.charge_point, ports),
            start_received_at=request.received_at,
            partner=request.charge_point.partner,
        )
    )
    costs.charge_left_open(begun, request, ports)
    _use_reservation(begun, request, ports)
    _note_token(begun, info["status"], ports)
    _log_started(begun)
    return {"transactionId": int(begun.transaction_id), "idTagInfo": info}


@on("StopTransaction", V16)
def stop_16(request: Request, ports: Ports) -> Payload:
    """End a transaction; an unknown one is answered the same, or the charge point's queue is stuck (C-46)."""
    said = request.payload
    transaction_id = str(said["transactionId"]) if said["transactionId"] >= 1 else _nameless(request, ports)
    if transaction_id is None:
        reports.keep(request, ports)
    else:
        _finish(transaction_id, request, ports)
    if "idTag" not in said:
        return {}
    return {"idTagInfo": id_tokens.id_tag_info(id_tokens.judge(Presented(said["idTag"]), request, ports))}


@on("TransactionEvent", V201)
def event_201(request: Request, ports: Ports) -> Payload:
    """Store the event; idTokenInfo goes back if, and only if, there is an idToken (C-61)."""
    said = request.payload
    verdict = _judge_201(request, ports) if "idToken" in said else None
    stored = ports.transactions.record(
        TransactionEvent(
            seq_no=said["seqNo"],
            event_type=said["eventType"],
            trigger_reason=said["triggerReason"],
            at=timestamps.parse(said["timestamp"]),
            offline=said.get("offline", False),
            facts=_facts(request, verdict),
            payload=said,
        )
    )
    if "reservationId" in said:
        _use_reservation(stored, request, ports)
    if verdict is not None and not _stops(said):
        _note_token(stored, verdict.status, ports)
    if said["eventType"] == "Started":
        _log_started(stored)
    elif said["eventType"] == "Ended":
        _log_stopped(stored)
    info = {"idTokenInfo": id_tokens.id_token_info(verdict)} if verdict else {}
    return info | _cost_201(costs.charge(stored, request.charge_point, ports), request, ports)


def _cost_201(stored: Transaction, request: Request, ports: Ports) -> Payload:
    # What it costs so far is told while it goes on, and in the end (P2 I02.FR.01, I03.FR.02).
    return {} if request.payload["eventType"] == "Started" else costs.told(stored, request, ports)


def _judge_201(request: Request, ports: Ports) -> Verdict:
    said = request.payload
    token, evse = said["idToken"], said.get("evse", {}).get("id")
    presented = Presented(token["idToken"], token["type"], None if evse is None else str(evse))
    if _stops(said):
        return id_tokens.judge(replace(presented, evse=None), request, ports)
    return id_tokens.judge_start(presented, said["transactionInfo"]["transactionId"], request, ports)


def _stops(said: Payload) -> bool:
    # The token that stops may be another one than the token that started (C-23), and both come as `idToken`.
    stops = said["triggerReason"] == "StopAuthorized" or said["eventType"] == "Ended"
    return bool(stops and said["triggerReason"] != "Authorized")


def _use_reservation(transaction: Transaction, request: Request, ports: Ports) -> None:
    """A reservation ends with the transaction it was made for (C-53, C-69)."""
    if transaction.reservation_id is not None:
        used = {"reservationUpdateStatus": "Used", "transactionId": transaction.transaction_id}
        states.keep("Reservation", str(transaction.reservation_id), used, request, ports)


def _note_token(transaction: Transaction, status: str, ports: Ports) -> None:
    # Only where it is the policy: it is a write more for every transaction.
    if ports.settings.one_transaction_per_token and status == "Accepted" and transaction.is_open:
        ports.history.note_token(transaction)


def _nameless(request: Request, ports: Ports) -> str | None:
    """The transaction meant by -1: the charge point never got its id (S16E 3.54), but we may have its start.

    None if none could be meant, or more than one.
    """
    said, at = request.payload, timestamps.parse(request.payload["timestamp"])
    connectors = {*request.charge_point.connectors, "1"} - {"0"}  # it may never have told of a connector
    begun = (ports.history.newest(request.charge_point_id, connector, at) for connector in sorted(connectors))
    meant = [one.transaction_id for one in begun if one is not None and _may_end(one, at, said, ports)]
    return meant[0] if len(meant) == 1 else None


def _may_end(transaction: Transaction, at: datetime, said: Payload, ports: Ports) -> bool:
    if transaction.ended_at is not None:  # by this same stop, which came again
        ended_at = timestamps.write(transaction.ended_at)
        return (ended_at, transaction.meter_stop_wh) == (timestamps.write(at), said["meterStop"])
    begun_by = transaction.id_token or ""
    is_its_own = said.get("idTag", begun_by).lower() == begun_by.lower()
    if not is_its_own or said["meterStop"] < (transaction.meter_start_wh or 0):
        return False
    # Who sent meter values under its id knows the id, and would not say -1.
    return not ports.history.told(transaction.charge_point_id, transaction.transaction_id)


def _finish(transaction_id: str, request: Request, ports: Ports) -> None:
    said = request.payload
    values = said.get("transactionData", ())
    if values:
        ports.transactions.sample(sampled(request, transaction_id, readings.samples(values)), values)
    stopped = ports.transactions.finish(
        Transaction(
            charge_point_id=request.charge_point_id,
            transaction_id=transaction_id,
            version=request.version,
            ended_at=timestamps.parse(said["timestamp"]),
            meter_stop_wh=said["meterStop"],
            stop_reason=said.get("reason", "Local"),
            stop_id_token=said.get("idTag"),
            stop_received_at=request.received_at,
            partner=request.charge_point.partner,
        )
    )
    costs.charge(stopped, request.charge_point, ports)
    _log_stopped(stopped)


def _facts(request: Request, verdict: Verdict | None) -> Transaction:
    said = request.payload
    info = said["transactionInfo"]
    taken = readings.samples(said.get("meterValue", ()))
    at = timestamps.parse(said["timestamp"])
    started, ended = said["eventType"] == "Started", said["eventType"] == "Ended"
    return sampled(
        request,
        info["transactionId"],
        taken,
        connector=_connector(said.get("evse")),
        charging_state=info.get("chargingState"),
        remote_start_id=info.get("remoteStartId"),
        reservation_id=said.get("reservationId"),
        **_token_facts(said, verdict),
        **_start_facts(said, at, taken),
        **_end_facts(said, at, taken),
        start_received_at=request.received_at if started else None,
        stop_received_at=request.received_at if ended else None,
    )


def _connector(evse: dict[str, int] | None) -> str | None:
    if evse is None:
        return None
    return f"{evse['id']}.{evse['connectorId']}" if "connectorId" in evse else str(evse["id"])


def _token_facts(said: Payload, verdict: Verdict | None) -> dict[str, Any]:
    if verdict is None:
        return {}
    token = said["idToken"]
    if _stops(said):
        return {"stop_id_token": token["idToken"]}
    return {
        "id_token": token["idToken"],
        "id_token_type": token["type"],
        "id_token_status": verdict.status,
        "tariff_id": verdict.tariff_id,
    }


def _start_facts(said: Payload, at: datetime, taken: list[readings.Sample]) -> dict[str, Any]:
    started = said["eventType"] == "Started"
    meter_start = readings.energy_at(taken, "Transaction.Begin")
    if meter_start is None and started:
        oldest = readings.oldest_energy(taken)
        meter_start = oldest[0] if oldest else None
    return {"started_at": at if started else None, "meter_start_wh": _whole(meter_start)}


def _end_facts(said: Payload, at: datetime, taken: list[readings.Sample]) -> dict[str, Any]:
    if said["eventType"] != "Ended":
        return {}
    meter_stop = readings.energy_at(taken, "Transaction.End")
    if meter_stop is None:
        meter_stop = readings.newest(taken).energy_wh
    reason = said["transactionInfo"].get("stoppedReason", "Local")  # C-72
    return {"ended_at": at, "meter_stop_wh": _whole(meter_stop), "stop_reason": reason}


def _whole(energy_wh: float | None) -> int | None:
    return None if energy_wh is None else round(energy_wh)


def _log_started(transaction: Transaction) -> None:
    log.info(
        "transaction started",
        charge_point_id=transaction.charge_point_id,
        transaction_id=transaction.transaction_id,
        connector=transaction.connector,
        id_token=masked(transaction.id_token, transaction.id_token_type),
        id_token_status=transaction.id_token_status,
    )


def _log_stopped(transaction: Transaction) -> None:
    log.info(
        "transaction stopped",
        charge_point_id=transaction.charge_point_id,
        transaction_id=transaction.transaction_id,
        reason=transaction.stop_reason,
        meter_start_wh=transaction.meter_start_wh,
        meter_stop_wh=transaction.meter_stop_wh,
        billed_wh=transaction.billed_wh,
        rules=transaction.rules,
    )
