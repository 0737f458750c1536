"""MeterValues (conformance C-54, C-73): always answered, kept, and read where they belong to a transaction."""

from typing import Any

from domain import readings
from domain.models import Transaction
from ocppj.frames import Payload
from ocppj.versions import V16, V201
from processors import costs, reports
from processors.ports import Ports
from processors.routes import Request, on


@on("MeterValues", V16)
def meter_values_16(request: Request, ports: Ports) -> Payload:
    """Values of a transaction are kept with it and bring it up to date; others are kept by connector and time."""
    said = request.payload
    transaction_id = said.get("transactionId", 0)
    if transaction_id < 1:  # charge points say 0 or -1 for "none"
        _keep(str(said["connectorId"]), request, ports)
        return {}
    values = said["meterValue"]
    told = ports.transactions.sample(sampled(request, str(transaction_id), readings.samples(values)), values)
    if told is not None and told.cost is not None:
        costs.charge(told, request.charge_point, ports)  # they came after the end
    return {}


@on("MeterValues", V201)
def meter_values_201(request: Request, ports: Ports) -> Payload:
    """In 2.x these never belong to a transaction (C-73)."""
    _keep(str(request.payload["evseId"]), request, ports)
    return {}


def sampled(request: Request, transaction_id: str, taken: list[readings.Sample], **facts: Any) -> Transaction:
    """The newest readings, and the oldest of energy, as facts about a transaction, beside others."""
    newest, oldest = readings.newest(taken), readings.oldest_energy(taken)
    return Transaction(
        charge_point_id=request.charge_point_id,
        transaction_id=transaction_id,
        version=request.version,
        partner=request.charge_point.partner,
        energy_wh=newest.energy_wh,
        power_w=newest.power_w,
        soc_percent=newest.soc_percent,
        sampled_at=request.observed(newest.at) if newest.at else None,
        first_energy_wh=oldest[0] if oldest else None,
        first_sampled_at=request.observed(oldest[1]) if oldest else None,
        **facts,
    )


def _keep(where: str, request: Request, ports: Ports) -> None:
    # What is told of a moment may come in pieces.
    key = f"{where}#{request.payload['meterValue'][0]['timestamp']}#{reports.digest(request.payload)}"
    ports.reports.keep(request.charge_point_id, request.action, key, request.payload, request.received_at)
