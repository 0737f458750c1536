"""The commands a 1.6 charge point obeys: every one there is."""

from collections.abc import Callable
from functools import partial

from charge_point_sim import answers, certificates, charging_commands, network_commands, reservations, sessions, trains
from charge_point_sim.charge_point import ChargePoint
from charge_point_sim.dialect import Command
from charge_point_sim.exchange import Message
from charge_point_sim.parts import Connector, Token
from charge_point_sim.trains import Update
from charge_point_sim.variables import Name, Variable
from ocppj.frames import Payload


def _status(accepted: bool) -> Payload:
    return {"status": "Accepted" if accepted else "Rejected"}


def _remote_start(cp: ChargePoint, payload: Payload) -> Payload:
    profile = payload.get("chargingProfile")
    if profile and profile["chargingProfilePurpose"] != "TxProfile":
        return _status(False)
    return _status(answers.remote_start(cp, payload.get("connectorId"), Token(payload["idTag"]), profile=profile))


def _remote_stop(cp: ChargePoint, payload: Payload) -> Payload:
    return _status(answers.remote_stop(cp, payload["transactionId"]))


def _reset(cp: ChargePoint, payload: Payload) -> Payload:
    is_hard = payload["type"] == "Hard"
    answers.reset(cp, "hard reset" if is_hard else "soft reset", at_once=is_hard)
    return _status(True)


def _unlock(cp: ChargePoint, payload: Payload) -> Payload:
    connector = cp.connector(payload["connectorId"])
    if connector is None:
        return {"status": "NotSupported"}
    sessions.stop(cp, connector, "unlock")
    return {"status": "Unlocked"}


def _change_availability(cp: ChargePoint, payload: Payload) -> Payload:
    number = payload["connectorId"]
    connectors = [each for each in cp.reporting if number in (0, each.number)]
    if not connectors:
        return _status(False)
    return {"status": answers.change_availability(cp, connectors, operative=payload["type"] == "Operative")}


def _clear_cache(cp: ChargePoint, _: Payload) -> Payload:
    return _status(answers.clear_cache(cp))


def _data_transfer(_: ChargePoint, __: Payload) -> Payload:
    return {"status": "UnknownVendorId"}


def _get_local_list_version(cp: ChargePoint, _: Payload) -> Payload:
    return {"listVersion": cp.local_list_version if cp.variables.flag("local_list") else -1}


def _send_local_list(cp: ChargePoint, payload: Payload) -> Payload:
    if not cp.variables.flag("local_list"):
        return {"status": "NotSupported"}
    entries = {
        entry["idTag"]: entry["idTagInfo"]["status"] if "idTagInfo" in entry else None
        for entry in payload.get("localAuthorizationList", [])
    }
    is_full = payload["updateType"] == "Full"
    return {"status": answers.take_local_list(cp, payload["listVersion"], entries, full=is_full)}


def _get_configuration(cp: ChargePoint, payload: Payload) -> Payload:
    asked = payload.get("key") or [name.variable for name, _ in cp.variables.items()]
    found = [(name, row) for key in asked for name, row in cp.variables.items() if name.folded() == Name(key).folded()]
    unknown = [key for key in asked if cp.variables.find(Name(key)) is None]
    return {
        "configurationKey": [_entry(name.variable, row) for name, row in found],
        **({"unknownKey": unknown} if unknown else {}),
    }


def _entry(key: str, row: Variable) -> Payload:
    entry: Payload = {"key": key, "readonly": not row.is_writable}
    return entry if row.is_secret else entry | {"value": row.value}


def _change_configuration(cp: ChargePoint, payload: Payload) -> Payload:
    row = cp.variables.find(Name(payload["key"]))
    if row is None:
        return {"status": "NotSupported"}
    if row.knob == "password":
        return _change_authorization_key(cp, payload["value"])
    if row.knob == "security_profile":
        return network_commands.raise_profile(cp, payload["value"])
    outcome = cp.variables.write(row, payload["value"])
    if outcome == "Accepted":
        answers.apply(cp, row.knob)
    return {"status": outcome}


def _change_authorization_key(cp: ChargePoint, key: str) -> Payload:
    # Hex over OCPP, 16 to 20 bytes; the raw bytes are the password (1.6J §6.2.2, errata 3.10).
    try:
        password = bytes.fromhex(key)
    except ValueError:
        return _status(False)
    if not 16 <= len(password) <= 20:
        return _status(False)
    answers.change_password(cp, password)
    return _status(True)


def _trigger(cp: ChargePoint, payload: Payload) -> Payload:
    message, number = payload["requestedMessage"], payload.get("connectorId")
    connectors = [each for each in cp.reporting if number in (None, each.number)]
    if not connectors:
        return _status(False)
    send = _TRIGGERS.get(message)
    if send is None:
        return {"status": "NotImplemented"}
    return _status(send(cp, connectors))


def _trigger_extended(cp: ChargePoint, payload: Payload) -> Payload:
    if payload["requestedMessage"] == "FirmwareStatusNotification":
        _trigger_progress("SignedFirmwareStatusNotification", cp, [])
        return _status(True)
    return _trigger(cp, payload)


def _trigger_boot(cp: ChargePoint, _: list[Connector]) -> bool:
    if cp.registration == "Accepted":  # 1.6 errata 3.35: only while Pending
        return False
    cp.send_boot()
    return True


def _trigger_heartbeat(cp: ChargePoint, _: list[Connector]) -> bool:
    cp.send_heartbeat(is_early=True)
    return True


def _trigger_status(cp: ChargePoint, connectors: list[Connector]) -> bool:
    for connector in connectors:
        cp.tell_status(connector, anyway=True)
    return True


def _trigger_meter_values(cp: ChargePoint, connectors: list[Connector]) -> bool:
    metered = [connector for connector in connectors if connector.number]  # there is no main meter
    for connector in metered:
        sessions.sample(cp, connector, "Trigger")
    return bool(metered)


def _trigger_progress(action: str, cp: ChargePoint, _: list[Connector]) -> bool:
    cp.exchange.put(Message(action, trains.progress(cp, action), is_early=True))
    return True


def _update_firmware(cp: ChargePoint, payload: Payload) -> Payload:
    begins_at = trains.read_time(cp, payload["retrieveDate"])
    update = Update("FirmwareStatusNotification", payload["location"], begins_at, False, {})
    trains.update_firmware(cp, update)
    return {}


def _update_signed_firmware(cp: ChargePoint, payload: Payload) -> Payload:
    firmware = payload["firmware"]
    begins_at = trains.read_time(cp, firmware["retrieveDateTime"])
    installs_at = trains.read_time(cp, firmware.get("installDateTime"))
    more = {"requestId": payload["requestId"]}
    action = "SignedFirmwareStatusNotification"
    update = Update(action, firmware["location"], begins_at, True, more, installs_at)
    return {"status": trains.update_firmware(cp, update)}


def _get_diagnostics(cp: ChargePoint, payload: Payload) -> Payload:
    answer = trains.upload_log(cp, "DiagnosticsStatusNotification", payload["location"], {}, "UploadFailed")
    return {"fileName": answer["filename"]}


def _get_log(cp: ChargePoint, payload: Payload) -> Payload:
    more, location = {"requestId": payload["requestId"]}, payload["log"]["remoteLocation"]
    return trains.upload_log(cp, "LogStatusNotification", location, more, "UploadFailure")


_TRIGGERS: dict[str, Callable[[ChargePoint, list[Connector]], bool]] = {
    "BootNotification": _trigger_boot,
    "DiagnosticsStatusNotification": partial(_trigger_progress, "DiagnosticsStatusNotification"),
    "FirmwareStatusNotification": partial(_trigger_progress, "FirmwareStatusNotification"),
    "Heartbeat": _trigger_heartbeat,
    "LogStatusNotification": partial(_trigger_progress, "LogStatusNotification"),
    "MeterValues": _trigger_meter_values,
    "SignChargePointCertificate": lambda cp, _: certificates.ask_for_one(cp),
    "StatusNotification": _trigger_status,
}

COMMANDS: dict[str, Command] = {
    "CancelReservation": reservations.cancel_any,
    "CertificateSigned": certificates.take,
    "ChangeAvailability": _change_availability,
    "ChangeConfiguration": _change_configuration,
    "ClearCache": _clear_cache,
    "ClearChargingProfile": charging_commands.clear_v16,
    "DataTransfer": _data_transfer,
    "DeleteCertificate": certificates.delete,
    "ExtendedTriggerMessage": _trigger_extended,
    "GetCompositeSchedule": charging_commands.get_schedule_v16,
    "GetConfiguration": _get_configuration,
    "GetDiagnostics": _get_diagnostics,
    "GetInstalledCertificateIds": certificates.installed_v16,
    "GetLocalListVersion": _get_local_list_version,
    "GetLog": _get_log,
    "InstallCertificate": certificates.install,
    "RemoteStartTransaction": _remote_start,
    "RemoteStopTransaction": _remote_stop,
    "ReserveNow": reservations.reserve_v16,
    "Reset": _reset,
    "SendLocalList": _send_local_list,
    "SetChargingProfile": charging_commands.set_profile_v16,
    "SignedUpdateFirmware": _update_signed_firmware,
    "TriggerMessage": _trigger,
    "UnlockConnector": _unlock,
    "UpdateFirmware": _update_firmware,
}
