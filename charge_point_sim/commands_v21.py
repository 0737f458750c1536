"""The commands a 2.1 charging station obeys: those of 2.0.1, and what is new."""

from charge_point_sim import answers, charging, commands_v201, grid, profiles, streams, swapping, tariffs
from charge_point_sim.charge_point import ChargePoint
from charge_point_sim.dialect import Command
from ocppj.frames import Payload


def _use_priority(cp: ChargePoint, payload: Payload) -> Payload:
    # K21: only where a profile says what priority means; the station tells it only if it was its own idea (K22).
    connector = answers.running(cp, payload["transactionId"])
    session = connector.running if connector else None
    if connector is None or session is None:
        return {"status": "Rejected"}
    if not any(each.purpose == "priority" and each.where in (0, connector.number) for each in cp.profiles):
        return {"status": "NoProfile"}
    session.has_priority = payload["activate"]
    charging.obey(cp, connector, session)
    return {"status": "Accepted"}


def _update_schedule(cp: ChargePoint, payload: Payload) -> Payload:
    # K28: only a Dynamic profile, whose one period gets the new limit.
    wanted = payload["chargingProfileId"]
    old = next((each for each in cp.profiles if each.id == wanted and each.kind == "Dynamic"), None)
    if old is None:
        return {"status": "Rejected"}
    schedule = old.payload["chargingSchedule"][0]
    period = schedule["chargingSchedulePeriod"][0] | payload["scheduleUpdate"]
    new = old.payload | {"chargingSchedule": [schedule | {"chargingSchedulePeriod": [period]}]}
    cp.profiles[cp.profiles.index(old)] = profiles.read(new, old.where)
    charging.obey_all(cp)
    return {"status": "Accepted"}


def _allow_transfer(cp: ChargePoint, payload: Payload) -> Payload:
    return {"status": "Accepted" if answers.running(cp, payload["transactionId"]) else "Rejected"}


def _web_payment_started(cp: ChargePoint, payload: Payload) -> Payload:
    cp.log.info("display", evse=payload["evseId"], message="somebody pays on the web", timeout_s=payload["timeout"])
    return {}


COMMANDS: dict[str, Command] = {
    **commands_v201.COMMANDS,
    "AFRRSignal": grid.frequency_signal,
    "AdjustPeriodicEventStream": streams.adjust,
    "ChangeTransactionTariff": tariffs.change,
    "ClearDERControl": grid.clear_control,
    "ClearTariffs": tariffs.clear,
    "GetDERControl": grid.get_control,
    "GetPeriodicEventStream": streams.get,
    "GetTariffs": tariffs.get,
    "NotifyAllowedEnergyTransfer": _allow_transfer,
    "NotifyWebPaymentStarted": _web_payment_started,
    "RequestBatterySwap": swapping.request,
    "SetDERControl": grid.set_control,
    "SetDefaultTariff": tariffs.set_default,
    "UpdateDynamicSchedule": _update_schedule,
    "UsePriorityCharging": _use_priority,
}
