"""The commands a 2.0.1 charging station obeys: every one there is."""

from collections.abc import Callable
from functools import partial

from charge_point_sim import (
    answers,
    certificates,
    charging_commands,
    customers,
    displays,
    inventory,
    monitors,
    network_commands,
    publishing,
    reservations,
    sessions,
    trains,
)
from charge_point_sim.charge_point import ChargePoint
from charge_point_sim.dialect import Command
from charge_point_sim.events import meter_value, transaction_event
from charge_point_sim.exchange import Message
from charge_point_sim.parts import Connector, Token
from charge_point_sim.trains import Update
from ocppj.frames import Payload


def _status(accepted: bool) -> Payload:
    return {"status": "Accepted" if accepted else "Rejected"}


def _request_start(cp: ChargePoint, payload: Payload) -> Payload:
    profile = payload.get("chargingProfile")
    if profile and profile["chargingProfilePurpose"] != "TxProfile":
        return _status(False)
    token = Token(payload["idToken"]["idToken"], payload["idToken"]["type"])
    return _status(answers.remote_start(cp, payload.get("evseId"), token, payload["remoteStartId"], profile))


def _request_stop(cp: ChargePoint, payload: Payload) -> Payload:
    return _status(answers.remote_stop(cp, payload["transactionId"]))


def _reset(cp: ChargePoint, payload: Payload) -> Payload:
    if "evseId" in payload:  # a single EVSE can't be reset here
        return _status(False)
    is_busy = any(connector.session for connector in cp.connectors)
    if payload["type"] == "OnIdle" and is_busy:
        cp.waits_for_idle = True
        return {"status": "Scheduled"}
    answers.reset(cp, "soft reset", at_once=False)
    return _status(True)


def _unlock(cp: ChargePoint, payload: Payload) -> Payload:
    connector = cp.connector(payload["evseId"])
    if connector is None or payload["connectorId"] != 1:
        return {"status": "UnknownConnector"}
    # Unlike 1.6, a running transaction is not ended.
    return {"status": "OngoingAuthorizedTransaction" if connector.running else "Unlocked"}


def _change_availability(cp: ChargePoint, payload: Payload) -> Payload:
    connectors = _named(cp, payload)
    if not connectors:
        return _status(False)
    is_operative = payload["operationalStatus"] == "Operative"
    return {"status": answers.change_availability(cp, connectors, operative=is_operative)}


def _named(cp: ChargePoint, payload: Payload) -> list[Connector]:
    # No evse: the whole station. Our EVSEs have one connector each.
    evse = payload.get("evse")
    if evse is None:
        return cp.connectors
    return [each for each in cp.connectors if each.number == evse["id"] and evse.get("connectorId", 1) == 1]


def _clear_cache(cp: ChargePoint, _: Payload) -> Payload:
    return _status(answers.clear_cache(cp))


def _data_transfer(_: ChargePoint, __: Payload) -> Payload:
    return {"status": "UnknownVendorId"}


def _get_local_list_version(cp: ChargePoint, _: Payload) -> Payload:
    return {"versionNumber": cp.local_list_version if cp.variables.flag("local_list") else 0}


def _send_local_list(cp: ChargePoint, payload: Payload) -> Payload:
    if not cp.variables.flag("local_list"):
        return {"status": "Failed"}
    entries = {
        entry["idToken"]["idToken"]: entry["idTokenInfo"]["status"] if "idTokenInfo" in entry else None
        for entry in payload.get("localAuthorizationList", [])
    }
    is_full = payload["updateType"] == "Full"
    return {"status": answers.take_local_list(cp, payload["versionNumber"], entries, full=is_full)}


def _get_transaction_status(cp: ChargePoint, payload: Payload) -> Payload:
    transaction_id = payload.get("transactionId")
    if transaction_id is None:
        return {"messagesInQueue": cp.exchange.has_undelivered}
    return {
        "messagesInQueue": cp.exchange.has_undelivered_of(transaction_id),
        "ongoingIndicator": answers.running(cp, transaction_id) is not None,
    }


def _trigger(cp: ChargePoint, payload: Payload) -> Payload:
    send = _TRIGGERS.get(payload["requestedMessage"])
    if send is None:
        return {"status": "NotImplemented"}
    return _status(send(cp, payload))


def _trigger_boot(cp: ChargePoint, _: Payload) -> bool:
    if cp.registration == "Accepted":  # F06.FR.17
        return False
    cp.send_boot("Triggered")
    return True


def _trigger_heartbeat(cp: ChargePoint, _: Payload) -> bool:
    cp.send_heartbeat(is_early=True)
    return True


def _trigger_status(cp: ChargePoint, payload: Payload) -> bool:
    if "connectorId" not in payload.get("evse", {}):  # F06.FR.13
        return False
    connectors = _named(cp, payload)
    for connector in connectors:
        cp.tell_status(connector, anyway=True)
    return bool(connectors)


def _trigger_meter_values(cp: ChargePoint, payload: Payload) -> bool:
    connectors = _named(cp, payload)
    for connector in connectors:
        sessions.sample(cp, connector, "Trigger")
    return bool(connectors)


def _trigger_transaction_event(cp: ChargePoint, payload: Payload) -> bool:
    connectors = [connector for connector in _named(cp, payload) if connector.running]
    for connector in connectors:
        session = connector.running
        if session:
            connector.meter.advance(session.vehicle, cp.now)
            state = {"chargingState": connector.status}
            value = meter_value(cp, connector, "Trigger")
            cp.exchange.put(transaction_event(cp, session, "Updated", "Trigger", state, meterValue=[value]))
    return bool(connectors)


def _trigger_progress(action: str, cp: ChargePoint, _: Payload) -> bool:
    cp.exchange.put(Message(action, trains.progress(cp, action), is_early=True))
    return True


def _update_firmware(cp: ChargePoint, payload: Payload) -> Payload:
    firmware, more = payload["firmware"], {"requestId": payload["requestId"]}
    begins_at = trains.read_time(cp, firmware["retrieveDateTime"])
    installs_at = trains.read_time(cp, firmware.get("installDateTime"))
    action, is_signed = "FirmwareStatusNotification", "signature" in firmware
    update = Update(action, firmware["location"], begins_at, is_signed, more, installs_at)
    return {"status": trains.update_firmware(cp, update)}


def _get_log(cp: ChargePoint, payload: Payload) -> Payload:
    more, location = {"requestId": payload["requestId"]}, payload["log"]["remoteLocation"]
    return trains.upload_log(cp, "LogStatusNotification", location, more, "UploadFailure")


_TRIGGERS: dict[str, Callable[[ChargePoint, Payload], bool]] = {
    "BootNotification": _trigger_boot,
    "FirmwareStatusNotification": partial(_trigger_progress, "FirmwareStatusNotification"),
    "Heartbeat": _trigger_heartbeat,
    "LogStatusNotification": partial(_trigger_progress, "LogStatusNotification"),
    "MeterValues": _trigger_meter_values,
    "PublishFirmwareStatusNotification": partial(_trigger_progress, "PublishFirmwareStatusNotification"),
    "SignChargingStationCertificate": lambda cp, _: certificates.ask_for_one(cp),
    "StatusNotification": _trigger_status,
    "TransactionEvent": _trigger_transaction_event,
}

COMMANDS: dict[str, Command] = {
    "CancelReservation": reservations.cancel_any,
    "CertificateSigned": certificates.take,
    "ChangeAvailability": _change_availability,
    "ClearCache": _clear_cache,
    "ClearChargingProfile": charging_commands.clear,
    "ClearDisplayMessage": displays.clear,
    "ClearVariableMonitoring": monitors.clear,
    "CostUpdated": displays.show_cost,
    "CustomerInformation": customers.information,
    "DataTransfer": _data_transfer,
    "DeleteCertificate": certificates.delete,
    "GetBaseReport": inventory.get_base_report,
    "GetChargingProfiles": charging_commands.get_profiles,
    "GetCompositeSchedule": charging_commands.get_schedule,
    "GetDisplayMessages": displays.get,
    "GetInstalledCertificateIds": certificates.installed_v201,
    "GetLocalListVersion": _get_local_list_version,
    "GetLog": _get_log,
    "GetMonitoringReport": monitors.get_report,
    "GetReport": inventory.get_report,
    "GetTransactionStatus": _get_transaction_status,
    "GetVariables": inventory.get_variables,
    "InstallCertificate": certificates.install,
    "PublishFirmware": publishing.publish,
    "RequestStartTransaction": _request_start,
    "RequestStopTransaction": _request_stop,
    "ReserveNow": reservations.reserve_v201,
    "Reset": _reset,
    "SendLocalList": _send_local_list,
    "SetChargingProfile": charging_commands.set_profile,
    "SetDisplayMessage": displays.put,
    "SetMonitoringBase": monitors.set_base,
    "SetMonitoringLevel": monitors.set_level,
    "SetNetworkProfile": network_commands.set_profile,
    "SetVariableMonitoring": monitors.set_all,
    "SetVariables": inventory.set_variables,
    "TriggerMessage": _trigger,
    "UnlockConnector": _unlock,
    "UnpublishFirmware": publishing.unpublish,
    "UpdateFirmware": _update_firmware,
}
