"""Tariffs a 2.1 charging station is told (part 2, block I): kept per EVSE or transaction; nothing is calculated."""

from charge_point_sim import answers
from charge_point_sim.charge_point import ChargePoint
from ocppj.frames import Payload


def set_default(cp: ChargePoint, payload: Payload) -> Payload:
    """SetDefaultTariff, of one EVSE or of all (0)."""
    number, tariff = payload["evseId"], payload["tariff"]
    if number and cp.connector(number) is None:
        return {"status": "Rejected"}
    same = [each for each in cp.kept.tariffs.values() if each["tariffId"] == tariff["tariffId"]]
    if any(each != tariff for each in same):
        return {"status": "DuplicateTariffId"}
    if not number:
        cp.kept.tariffs.clear()
    cp.kept.tariffs[number] = tariff
    return {"status": "Accepted"}


def get(cp: ChargePoint, payload: Payload) -> Payload:
    """GetTariffs, of one EVSE or of all (0)."""
    found: dict[str, Payload] = {}
    for number, tariff in cp.kept.tariffs.items():
        if payload["evseId"] not in (0, number) and number:
            continue
        row = found.setdefault(tariff["tariffId"], {"tariffId": tariff["tariffId"], "tariffKind": "DefaultTariff"})
        row["evseIds"] = row.get("evseIds", []) + ([number] if number else [each.number for each in cp.connectors])
    return {"status": "Accepted", "tariffAssignments": list(found.values())} if found else {"status": "NoTariff"}


def clear(cp: ChargePoint, payload: Payload) -> Payload:
    """ClearTariffs: those of these ids, or all, at one EVSE or everywhere."""
    number = payload.get("evseId", 0)
    theirs = {each: tariff for each, tariff in cp.kept.tariffs.items() if number in (0, each)}
    known = {tariff["tariffId"] for tariff in theirs.values()}
    wanted = payload.get("tariffIds") or sorted(known)
    cp.kept.tariffs = {
        each: tariff
        for each, tariff in cp.kept.tariffs.items()
        if each not in theirs or tariff["tariffId"] not in wanted
    }
    results = [{"tariffId": each, "status": "Accepted" if each in known else "NoTariff"} for each in wanted]
    return {"clearTariffsResult": results or [{"status": "NoTariff"}]}


def change(cp: ChargePoint, payload: Payload) -> Payload:
    """ChangeTransactionTariff: the currency stays."""
    connector = answers.running(cp, payload["transactionId"])
    session = connector.running if connector else None
    if connector is None or session is None:
        return {"status": "TxNotFound"}
    before = session.tariff or cp.kept.tariffs.get(connector.number) or cp.kept.tariffs.get(0)
    if before and before["currency"] != payload["tariff"]["currency"]:
        return {"status": "NoCurrencyChange"}
    session.tariff = payload["tariff"]
    return {"status": "Accepted"}
