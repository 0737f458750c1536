"""Neutral commands in the words of OCPP 2.0.1 and 2.1."""

from typing import Any

from remote_commands import bodies, configuration, limits, parts
from remote_commands.fields import Body
from remote_commands.rendering import Making, Wanted, given, unsupported
from web.problems import InvalidRequestError, Wrong

_MESSAGES = {
    "DiagnosticsStatusNotification": "LogStatusNotification",
    "SignChargePointCertificate": "SignChargingStationCertificate",
}
_PURPOSES = {"station_max": "ChargingStationMaxProfile", "tx_default": "TxDefaultProfile", "tx": "TxProfile"}
_ROOTS = {
    "csms_root": "CSMSRootCertificate",
    "manufacturer_root": "ManufacturerRootCertificate",
    "v2g_root": "V2GRootCertificate",
    "mo_root": "MORootCertificate",
}


def reset(body: bodies.Reset, making: Making) -> Wanted:
    kind = "OnIdle" if body.type == "graceful" else "Immediate"
    return Wanted(making.version, "Reset", given(type=kind, evseId=body.evse_id))


def unlock(body: bodies.Unlock, making: Making) -> Wanted:
    evse, connector = body.evse_id, body.connector_id
    # Who names one number only means the EVSE of that number, for most have one connector.
    place = {"evseId": connector, "connectorId": 1} if evse is None else {"evseId": evse, "connectorId": connector or 1}
    return Wanted(making.version, "UnlockConnector", place)


def change_availability(body: bodies.ChangeAvailability, making: Making) -> Wanted:
    payload = given(operationalStatus=body.status.capitalize(), evse=_evse(body))
    return Wanted(making.version, "ChangeAvailability", payload, {"/evse/id": "/evseId"})


def get_configuration(body: bodies.GetConfiguration, making: Making) -> Wanted | list[Wanted]:
    if not body.keys:
        payload = {"requestId": making.number(), "reportBase": "ConfigurationInventory"}
        return Wanted(making.version, "GetBaseReport", payload)
    data = [_variable(name, f"/keys/{index}", making) for index, name in enumerate(body.keys)]
    return [
        Wanted(making.version, "GetVariables", {"getVariableData": chunk})
        for chunk in parts.of_action(data, "GetVariables", making)
    ]


def set_configuration(body: bodies.SetConfiguration, making: Making) -> list[Wanted]:
    data: list[dict[str, Any]] = []
    for name, value in body.values.items():
        pointer = f"/values/{name}"
        found = _variable(name, pointer, making)
        if configuration.key(name) == "SecurityProfile":
            way = "SetNetworkProfile, NetworkConfigurationPriority and a reset do it"
            unsupported(making.version, f"variable that sets the security profile: {way}", pointer)
        if any(each["component"] == found["component"] and each["variable"] == found["variable"] for each in data):
            # No variable twice in one message (D-07), and one after the other would undo each other.
            raise InvalidRequestError([Wrong(pointer, "the same variable under another name is in it already")])
        data.append({"attributeValue": configuration.value_2x(name, value)} | found)
    return [
        Wanted(making.version, "SetVariables", {"setVariableData": chunk})
        for chunk in parts.of_action(data, "SetVariables", making)
    ]


def trigger_message(body: bodies.TriggerMessage, making: Making) -> Wanted:
    evse = _evse(body)
    if body.message == "StatusNotification":
        if evse is None:
            raise InvalidRequestError([Wrong("/evseId", f"{making.version} wants to know whose status (F06.FR.13)")])
        evse.setdefault("connectorId", 1)
    payload = given(requestedMessage=_MESSAGES.get(body.message, body.message), evse=evse)
    return Wanted(making.version, "TriggerMessage", payload, {"/evse/id": "/evseId"})


def clear_cache(_: Body, making: Making) -> Wanted:
    return Wanted(making.version, "ClearCache", {})


def update_firmware(body: bodies.UpdateFirmware, making: Making) -> Wanted:
    firmware = given(
        location=body.location,
        retrieveDateTime=body.retrieve_at or making.now,
        installDateTime=body.install_at,
        signingCertificate=body.signing_certificate,
        signature=body.signature,
    )
    again = given(retries=body.retries, retryInterval=body.retry_interval_seconds)
    sources = {f"/firmware/{name}": f"/{name}" for name in ("location", "signingCertificate", "signature")}
    payload = {"requestId": making.number(), "firmware": firmware} | again
    return Wanted(making.version, "UpdateFirmware", payload, sources)


def get_log(body: bodies.GetLog, making: Making) -> Wanted:
    log = given(remoteLocation=body.location, oldestTimestamp=body.oldest, latestTimestamp=body.latest)
    again = given(retries=body.retries, retryInterval=body.retry_interval_seconds)
    kind = "DiagnosticsLog" if body.type == "diagnostics" else "SecurityLog"
    payload = {"logType": kind, "requestId": making.number(), "log": log} | again
    return Wanted(making.version, "GetLog", payload, {"/log/remoteLocation": "/location"})


def get_local_list_version(_: Body, making: Making) -> Wanted:
    return Wanted(making.version, "GetLocalListVersion", {})


def send_local_list(body: bodies.SendLocalList, making: Making) -> list[Wanted]:
    limit = body.items_per_message or making.limit("ItemsPerMessage")
    entries = [_entry(entry) for entry in body.entries]
    renamed = {"/idToken/idToken": "/idToken", "/idToken/type": "/idToken/type", "/idTokenInfo/status": "/status"}
    return [
        Wanted(making.version, "SendLocalList", _list(version, update, chunk), sources)
        for version, update, chunk, sources in parts.of_list(
            body, entries, limit, renamed, making.limit("BytesPerMessage")
        )
    ]


def set_charging_profile(body: bodies.SetChargingProfile, making: Making) -> Wanted:
    schedule = given(
        id=making.number(),
        startSchedule=body.start_at,
        duration=body.duration_seconds,
        chargingRateUnit=body.rate_unit,
        chargingSchedulePeriod=[parts.period(period) for period in body.periods],
        minChargingRate=body.min_rate,
    )
    profile = given(
        id=body.id,
        stackLevel=body.stack_level,
        chargingProfilePurpose=_PURPOSES[body.purpose],
        chargingProfileKind=body.kind,
        recurrencyKind=body.recurrency,
        validFrom=body.valid_from,
        validTo=body.valid_to,
        transactionId=None if body.transaction_id is None else str(body.transaction_id),
        chargingSchedule=[schedule],
    )
    limits.check_profile(profile, making, "/stackLevel", "/periods")
    payload = {"evseId": _place(body) or 0, "chargingProfile": profile}
    return Wanted(making.version, "SetChargingProfile", payload, {"/chargingProfile/transactionId": "/transactionId"})


def clear_charging_profile(body: bodies.ClearChargingProfile, making: Making) -> Wanted:
    if body.id is not None:
        return Wanted(making.version, "ClearChargingProfile", {"chargingProfileId": body.id})
    criteria = given(
        evseId=_place(body),
        chargingProfilePurpose=_PURPOSES[body.purpose] if body.purpose else None,
        stackLevel=body.stack_level,
    )
    if not criteria:
        unsupported(making.version, "way to clear every profile: name an id, purpose, stackLevel or evseId")
    return Wanted(making.version, "ClearChargingProfile", {"chargingProfileCriteria": criteria})


def get_composite_schedule(body: bodies.GetCompositeSchedule, making: Making) -> Wanted:
    payload = given(duration=body.duration_seconds, chargingRateUnit=body.rate_unit, evseId=_place(body) or 0)
    return Wanted(making.version, "GetCompositeSchedule", payload)


def reserve(body: bodies.Reserve, making: Making) -> Wanted:
    payload = given(
        id=making.number() if body.reservation_id is None else body.reservation_id,
        expiryDateTime=body.expires_at,
        connectorType=body.connector_type,
        idToken=_token(body.id_token),
        evseId=_place(body) or None,
        groupIdToken=_group(body.group_id),
    )
    sources = {"/idToken/idToken": "/idToken", "/groupIdToken/idToken": "/groupId"}
    return Wanted(making.version, "ReserveNow", payload, sources)


def cancel_reservation(body: bodies.CancelReservation, making: Making) -> Wanted:
    return Wanted(making.version, "CancelReservation", {"reservationId": body.reservation_id})


def data_transfer(body: bodies.DataTransfer, making: Making) -> Wanted:
    payload = given(vendorId=body.vendor_id, messageId=body.message_id, data=body.data)
    return Wanted(making.version, "DataTransfer", payload)


def install_certificate(body: bodies.InstallCertificate, making: Making) -> Wanted:
    payload = {"certificateType": _ROOTS[body.type], "certificate": body.certificate}
    return Wanted(making.version, "InstallCertificate", payload)


def list_certificates(body: bodies.ListCertificates, making: Making) -> Wanted:
    payload = {"certificateType": [_ROOTS[body.type]]} if body.type else {}
    return Wanted(making.version, "GetInstalledCertificateIds", payload)


def delete_certificate(body: bodies.DeleteCertificate, making: Making) -> Wanted:
    hashes = body.model_dump(by_alias=True, exclude={"ttl_seconds"})
    sources = parts.under("/certificateHashData", hashes)
    return Wanted(making.version, "DeleteCertificate", {"certificateHashData": hashes}, sources)


def _place(body: parts.Placed) -> int | None:
    return body.connector_id if body.evse_id is None else body.evse_id


def _evse(body: parts.Placed) -> dict[str, int] | None:
    place = _place(body)
    if not place:  # the whole charge point has no number in 2.x
        return None
    is_exact = body.evse_id is not None and body.connector_id
    return {"id": place} | ({"connectorId": body.connector_id} if is_exact and body.connector_id else {})


def _variable(name: str | bodies.Component, pointer: str, making: Making) -> dict[str, Any]:
    return configuration.variable(name) or unsupported(
        making.version, f"variable {name!r}: write Component.Variable", pointer
    )


def _token(token: Any) -> dict[str, str]:
    return {"idToken": token.value, "type": token.type}


def _group(group_id: str | None) -> dict[str, str] | None:
    return None if group_id is None else {"idToken": group_id, "type": "Central"}


def _entry(entry: bodies.ListEntry) -> dict[str, Any]:
    info = given(status=entry.status, cacheExpiryDateTime=entry.expires_at, groupIdToken=_group(entry.group_id))
    return {"idToken": _token(entry.id_token)} | ({} if entry.remove else {"idTokenInfo": info})


def _list(version: int, update: str, chunk: list[dict[str, Any]]) -> dict[str, Any]:
    # A full list of nothing clears it, and has no list in it at all (TC_D_04).
    return given(versionNumber=version, updateType=update, localAuthorizationList=chunk or None)
