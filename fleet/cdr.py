"""Ended transactions as charge detail records, in the words of OCPI 2.2.1 (chapter 10).

All of it follows from what is stored. What the house does not know (addresses, contracts, the roaming partner's own
ids) is null or left out, for whoever speaks OCPI to fill in.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any
from uuid import UUID, uuid5

from domain import courses, pages, readings, reconciler
from domain.courses import Stretch
from domain.models import Transaction
from domain.pages import MOST, Ask
from fleet.reading import Reading
from ocppj import timestamps

Payload = dict[str, Any]

COLUMNS = (
    "country_code", "party_id", "id", "start_date_time", "end_date_time", "session_id", "cdr_token.country_code",
    "cdr_token.party_id", "cdr_token.uid", "cdr_token.type", "cdr_token.contract_id", "auth_method", "cdr_location.id",
    "cdr_location.evse_uid", "cdr_location.connector_id", "currency", "charging_periods", "signed_data",
    "total_cost.excl_vat", "total_cost.incl_vat", "total_fixed_cost.excl_vat", "total_fixed_cost.incl_vat",
    "total_energy", "total_energy_cost.excl_vat", "total_energy_cost.incl_vat", "total_time",
    "total_time_cost.excl_vat", "total_time_cost.incl_vat", "total_parking_time", "total_parking_cost.excl_vat",
    "total_parking_cost.incl_vat", "remark", "last_updated",
)  # fmt: skip

_NAMESPACE = UUID("0788609c-af1c-403e-a647-6c7ebd282384")
_TOKEN_TYPES = {
    None: "RFID",
    "ISO14443": "RFID",
    "ISO15693": "RFID",
    "Central": "APP_USER",
    "DirectPayment": "AD_HOC_USER",
}
_NATURES = {"Transaction.Begin": "Start", "Transaction.End": "End"}
_COSTS = {
    "total_fixed_cost": "session", "total_energy_cost": "energy", "total_time_cost": "time",
    "total_parking_cost": "idle",
}  # fmt: skip


def of_day(reading: Reading, day: date, partner: str | None = None) -> Iterator[Payload]:
    """The records of what ended on a day (UTC), of a partner or of everybody; who began last comes first."""
    cursor: str | None = None
    while True:
        page = reading.transaction_pages.ended(day, Ask(MOST, cursor))
        for one in page.items:
            if partner in (None, one.partner):
                yield record(one, reading.sessions.told(one.charge_point_id, one.transaction_id))
        if (cursor := page.cursor) is None:
            return


def record(transaction: Transaction, told: Sequence[Payload]) -> Payload:
    """The record of a transaction; `told` is what TransactionHistory has of it.

    Energies are kWh, times hours, costs in the currency's unit; what nobody can say is null. The times are those it is
    billed by (domain/courses.py).
    """
    course = courses.of(transaction, told)
    begin = course[0].begin if course else reconciler.placed_at(transaction)
    end = course[-1].end if course else pages.ended_at(transaction)
    country_code, party_id = _party(transaction.partner)
    cost = _final_cost(transaction)
    return {
        "country_code": country_code,
        "party_id": party_id,
        "id": str(uuid5(_NAMESPACE, f"{transaction.charge_point_id}\n{transaction.transaction_id}")),
        "start_date_time": _time(begin),
        "end_date_time": _time(end),
        "session_id": transaction.transaction_id,
        "cdr_token": _token(transaction),
        "auth_method": "COMMAND" if transaction.remote_start_id is not None else "WHITELIST",
        "cdr_location": _location(transaction),
        "currency": cost.get("currency"),
        "charging_periods": _periods(course, transaction.tariff_id),
        "signed_data": _signed_data(readings.signed(told)),
        "total_cost": _price(cost["net"], cost["total"]) if cost else None,
        "total_energy": _number(Decimal(transaction.billed_wh) / 1000) if transaction.billed_wh is not None else None,
        "total_time": _hours(course) if course else None,
        "total_parking_time": _hours(_parking(course)) if course else None,
        **{name: _cost_of(cost, dimension) for name, dimension in _COSTS.items()},
        "remark": ", ".join(transaction.rules) or None,
        "last_updated": _time(transaction.stop_received_at or end),
    }


def row(cdr: Payload) -> list[Any]:
    """A record as values of the COLUMNS; lists and signed data are JSON."""
    return [_cell(cdr, column) for column in COLUMNS]


def _cell(cdr: Payload, column: str) -> Any:
    value: Any = cdr
    for name in column.split("."):
        value = None if value is None else value[name]
    return json.dumps(value) if isinstance(value, dict | list) else value


def _final_cost(transaction: Transaction) -> Payload:
    """The cost, unless it is still that of before the end; of what was left open nothing more will come."""
    cost = transaction.cost or {}
    return cost if transaction.ended_at is None or cost.get("isFinal") else {}


def _party(partner: str | None) -> tuple[str | None, str | None]:
    """The party of a partner that is named like one: DE-ABC."""
    country_code, _, party_id = (partner or "").upper().partition("-")
    is_party = len(country_code) == 2 and country_code.isalpha() and len(party_id) == 3 and party_id.isalnum()
    return (country_code, party_id) if is_party else (None, None)


def _token(transaction: Transaction) -> Payload:
    uid, type_ = transaction.id_token, transaction.id_token_type
    return {
        "country_code": None,
        "party_id": None,
        "uid": uid,
        "type": _TOKEN_TYPES.get(type_, "OTHER"),
        "contract_id": uid if type_ == "eMAID" else None,
    }


def _location(transaction: Transaction) -> Payload:
    evse, _, connector = (transaction.connector or "").partition(".")
    return {
        "id": transaction.charge_point_id,
        "evse_uid": f"{transaction.charge_point_id}/{evse}" if evse else None,
        "connector_id": connector or evse or None,  # each connector of 1.6 is an EVSE of its own
    }


def _periods(course: Sequence[Stretch], tariff_id: str | None) -> list[Payload]:
    """A period each time it begins to charge or stops."""
    found = []
    for is_charging, stretches in groupby(course, lambda stretch: stretch.use == courses.CHARGING):
        its = list(stretches)
        dimensions = [
            {"type": "ENERGY", "volume": _number(Decimal(sum(stretch.wh for stretch in its)) / 1000)},
            {"type": "TIME" if is_charging else "PARKING_TIME", "volume": _hours(its)},
        ]
        found.append({"start_date_time": _time(its[0].begin), "dimensions": dimensions, "tariff_id": tariff_id})
    return found


def _parking(course: Sequence[Stretch]) -> list[Stretch]:
    return [stretch for stretch in course if stretch.use != courses.CHARGING]


def _hours(course: Sequence[Stretch]) -> float:
    microseconds = sum(stretch.length // timedelta(microseconds=1) for stretch in course)
    return _number(Decimal(microseconds) / (3600 * 10**6))


def _cost_of(cost: Payload, dimension: str) -> Payload | None:
    lines = [line for line in cost.get("lines", ()) if line["dimension"] == dimension]
    if not lines:
        return None
    amounts = [(Decimal(line["amount"]), Decimal(line["taxPercent"])) for line in lines]
    net = sum((amount for amount, _ in amounts), Decimal(0))
    return _price(net, net + sum((amount * percent / 100 for amount, percent in amounts), Decimal(0)))


def _price(net: str | Decimal, gross: str | Decimal) -> Payload:
    return {"excl_vat": _number(Decimal(net)), "incl_vat": _number(Decimal(gross))}


def _signed_data(signed: Sequence[Payload]) -> Payload | None:
    """What the meter signed, verbatim; methods and key are those of the first value that has some."""
    if not signed:
        return None
    told = [value.get("signedMeterValue") or {"signedMeterData": value.get("value")} for value in signed]
    methods = (one.get("encodingMethod") or _ocmf(one["signedMeterData"]) for one in told)
    return {
        "encoding_method": next(filter(None, methods), None),
        "public_key": next(filter(None, (one.get("publicKey") for one in told)), None),
        "signed_values": [
            {
                "nature": _NATURES.get(value.get("context", ""), "Intermediate"),
                "plain_data": None,
                "signed_data": one["signedMeterData"],
            }
            for value, one in zip(signed, told, strict=True)
        ],
    }


def _ocmf(signed: object) -> str | None:
    return "OCMF" if str(signed).startswith("OCMF|") else None  # 1.6 has no word for the method


def _number(number: Decimal) -> float:
    return float(round(number, 4))  # as OCPI has it


def _time(at: datetime | None) -> str | None:
    return timestamps.write(at) if at else None
