"""Neutral commands in the words of OCPP 1.6."""

import json

from ocppj.versions import V16
from remote_commands import bodies, configuration, limits, parts
from remote_commands.fields import Body
from remote_commands.rendering import Making, Wanted, given, unsupported

# Only the security extension can trigger these; everything else the plain TriggerMessage asks for.
_EXTENDED = {
    "LogStatusNotification": "LogStatusNotification",
    "SignChargePointCertificate": "SignChargePointCertificate",
    "SignChargingStationCertificate": "SignChargePointCertificate",
}
_TRIGGERED = frozenset({
    "BootNotification", "DiagnosticsStatusNotification", "FirmwareStatusNotification", "Heartbeat", "MeterValues",
    "StatusNotification",
})  # fmt: skip
_PURPOSES = {"station_max": "ChargePointMaxProfile", "tx_default": "TxDefaultProfile", "tx": "TxProfile"}
_ROOTS = {"csms_root": "CentralSystemRootCertificate", "manufacturer_root": "ManufacturerRootCertificate"}


def reset(body: bodies.Reset, _: Making) -> Wanted:
    if body.evse_id is not None:
        unsupported(V16, "reset of a single EVSE", "/evseId")
    return Wanted(V16, "Reset", {"type": "Soft" if body.type == "graceful" else "Hard"})


def unlock(body: bodies.Unlock, _: Making) -> Wanted:
    return Wanted(V16, "UnlockConnector", {"connectorId": body.connector_id or body.evse_id})


def change_availability(body: bodies.ChangeAvailability, _: Making) -> Wanted:
    payload = {"connectorId": _connector(body) or 0, "type": body.status.capitalize()}
    return Wanted(V16, "ChangeAvailability", payload, {"/type": "/status"})


def get_configuration(body: bodies.GetConfiguration, making: Making) -> list[Wanted]:
    keys = [_key(name, f"/keys/{index}") for index, name in enumerate(body.keys)]
    chunks = parts.of_action(keys, "GetConfiguration", making)
    return [Wanted(V16, "GetConfiguration", {"key": chunk} if chunk else {}) for chunk in chunks]


def set_configuration(body: bodies.SetConfiguration, _: Making) -> list[Wanted]:
    # One key per message is all that 1.6 has.
    return [
        Wanted(
            V16,
            "ChangeConfiguration",
            {"key": _key(name, f"/values/{name}"), "value": configuration.value_16(name, value)},
            {"/key": f"/values/{name}", "/value": f"/values/{name}"},
        )
        for name, value in body.values.items()
    ]


def trigger_message(body: bodies.TriggerMessage, _: Making) -> Wanted:
    connector = _connector(body)
    if body.message in _EXTENDED:
        payload = given(requestedMessage=_EXTENDED[body.message], connectorId=connector)
        return Wanted(V16, "ExtendedTriggerMessage", payload)
    if body.message not in _TRIGGERED:
        unsupported(V16, f"trigger of {body.message}", "/message")
    return Wanted(V16, "TriggerMessage", given(requestedMessage=body.message, connectorId=connector))


def clear_cache(_: Body, __: Making) -> Wanted:
    return Wanted(V16, "ClearCache", {})


def update_firmware(body: bodies.UpdateFirmware, making: Making) -> Wanted:
    retrieve_at = body.retrieve_at or making.now
    again = given(retries=body.retries, retryInterval=body.retry_interval_seconds)
    if body.signature is None:
        if body.install_at is not None:
            unsupported(V16, "installation time for firmware that is not signed", "/installAt")
        return Wanted(V16, "UpdateFirmware", {"location": body.location, "retrieveDate": retrieve_at} | again)
    firmware = given(
        location=body.location,
        retrieveDateTime=retrieve_at,
        installDateTime=body.install_at,
        signingCertificate=body.signing_certificate,
        signature=body.signature,
    )
    payload = {"requestId": making.number(), "firmware": firmware} | again
    sources = {f"/firmware/{name}": f"/{name}" for name in ("location", "signingCertificate", "signature")}
    return Wanted(V16, "SignedUpdateFirmware", payload, sources)


def get_log(body: bodies.GetLog, making: Making) -> Wanted:
    again = given(retries=body.retries, retryInterval=body.retry_interval_seconds)
    if body.type == "diagnostics":
        # GetLog would do it too, but only charge points with the security extension have that.
        payload = given(location=body.location, startTime=body.oldest, stopTime=body.latest) | again
        return Wanted(V16, "GetDiagnostics", payload)
    log = given(remoteLocation=body.location, oldestTimestamp=body.oldest, latestTimestamp=body.latest)
    payload = {"logType": "SecurityLog", "requestId": making.number(), "log": log} | again
    return Wanted(V16, "GetLog", payload, {"/log/remoteLocation": "/location"})


def get_local_list_version(_: Body, __: Making) -> Wanted:
    return Wanted(V16, "GetLocalListVersion", {})


def send_local_list(body: bodies.SendLocalList, making: Making) -> list[Wanted]:
    limit = body.items_per_message or making.limit("SendLocalListMaxLength")
    entries = [_entry(entry) for entry in body.entries]
    return [
        Wanted(V16, "SendLocalList", {"listVersion": version, "updateType": update} | _listed(chunk), sources)
        for version, update, chunk, sources in parts.of_list(body, entries, limit, {"/idTag": "/idToken"})
    ]


def set_charging_profile(body: bodies.SetChargingProfile, making: Making) -> Wanted:
    schedule = given(
        duration=body.duration_seconds,
        startSchedule=body.start_at,
        chargingRateUnit=body.rate_unit,
        chargingSchedulePeriod=[parts.period(period) for period in body.periods],
        minChargingRate=body.min_rate,
    )
    profile = given(
        chargingProfileId=body.id,
        transactionId=_transaction(body.transaction_id),
        stackLevel=body.stack_level,
        chargingProfilePurpose=_PURPOSES[body.purpose],
        chargingProfileKind=body.kind,
        recurrencyKind=body.recurrency,
        validFrom=body.valid_from,
        validTo=body.valid_to,
        chargingSchedule=schedule,
    )
    limits.check_profile(profile, making, "/stackLevel", "/periods")
    payload = {"connectorId": _connector(body) or 0, "csChargingProfiles": profile}
    return Wanted(V16, "SetChargingProfile", payload, {"/csChargingProfiles/transactionId": "/transactionId"})


def clear_charging_profile(body: bodies.ClearChargingProfile, _: Making) -> Wanted:
    payload = given(
        id=body.id,
        connectorId=_connector(body),
        chargingProfilePurpose=_PURPOSES[body.purpose] if body.purpose else None,
        stackLevel=body.stack_level,
    )
    return Wanted(V16, "ClearChargingProfile", payload)


def get_composite_schedule(body: bodies.GetCompositeSchedule, _: Making) -> Wanted:
    payload = given(connectorId=_connector(body) or 0, duration=body.duration_seconds, chargingRateUnit=body.rate_unit)
    return Wanted(V16, "GetCompositeSchedule", payload)


def reserve(body: bodies.Reserve, making: Making) -> Wanted:
    if body.connector_type is not None:
        unsupported(V16, "reservation of a connector type", "/connectorType")
    payload = given(
        connectorId=_connector(body) or 0,
        expiryDate=body.expires_at,
        idTag=body.id_token.value,
        parentIdTag=body.group_id,
        reservationId=making.number() if body.reservation_id is None else body.reservation_id,
    )
    return Wanted(V16, "ReserveNow", payload, {"/idTag": "/idToken", "/parentIdTag": "/groupId"})


def cancel_reservation(body: bodies.CancelReservation, _: Making) -> Wanted:
    return Wanted(V16, "CancelReservation", {"reservationId": body.reservation_id})


def data_transfer(body: bodies.DataTransfer, _: Making) -> Wanted:
    data = body.data if body.data is None or isinstance(body.data, str) else json.dumps(body.data, ensure_ascii=False)
    return Wanted(V16, "DataTransfer", given(vendorId=body.vendor_id, messageId=body.message_id, data=data))


def install_certificate(body: bodies.InstallCertificate, _: Making) -> Wanted:
    payload = {"certificateType": _root(body.type), "certificate": body.certificate}
    return Wanted(V16, "InstallCertificate", payload)


def list_certificates(body: bodies.ListCertificates, _: Making) -> Wanted:
    return Wanted(V16, "GetInstalledCertificateIds", {"certificateType": _root(body.type or "csms_root")})


def delete_certificate(body: bodies.DeleteCertificate, _: Making) -> Wanted:
    hashes = body.model_dump(by_alias=True, exclude={"ttl_seconds"})
    return Wanted(
        V16, "DeleteCertificate", {"certificateHashData": hashes}, parts.under("/certificateHashData", hashes)
    )


def _connector(body: parts.Placed) -> int | None:
    # Callers who think in 2.x name the EVSE; in 1.6 there is nothing but connectors.
    return body.evse_id if body.connector_id is None else body.connector_id


def _key(name: str | bodies.Component, pointer: str) -> str:
    return configuration.key(name) or unsupported(V16, "key for this variable", pointer)


def _transaction(transaction_id: str | int | None) -> int | str | None:
    is_number = isinstance(transaction_id, str) and transaction_id.isascii() and transaction_id.isdecimal()
    return int(transaction_id) if is_number and transaction_id is not None else transaction_id


def _root(kind: str) -> str:
    return _ROOTS.get(kind) or unsupported(V16, f"certificate of type {kind}", "/type")


def _entry(entry: bodies.ListEntry) -> dict[str, object]:
    info = given(status=entry.status, expiryDate=entry.expires_at, parentIdTag=entry.group_id)
    return {"idTag": entry.id_token.value} | ({} if entry.remove else {"idTagInfo": info})


def _listed(chunk: list[dict[str, object]]) -> dict[str, object]:
    return {"localAuthorizationList": chunk} if chunk else {}
