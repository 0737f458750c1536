"""Every command there is, to a charge point that charges: a sensible answer, and what has to follow it.

The script checks every frame against its schema.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from charge_point_sim import sessions
from charge_point_sim.parts import Token
from ocppj import actions
from ocppj.frames import Payload
from ocppj.versions import V16, V21, V201, Version
from tests.certificates import Authority
from tests.charge_point_sim.script import TIME, Wire

LATER = "2026-07-01T13:00:00Z"
TOKEN = {"idToken": "TAG-1", "type": "ISO14443"}
OTHER = {"idToken": "TAG-2", "type": "ISO14443"}
POWER = {"component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": "Power"}}
HASHES = {"hashAlgorithm": "SHA256", "issuerNameHash": "00", "issuerKeyHash": "00", "serialNumber": "1"}
PERIODS = [{"startPeriod": 0, "limit": 6000.0}]
TARIFF = {"tariffId": "day", "currency": "EUR", "energy": {"prices": [{"priceKwh": 0.3}]}}
PROFILE_16 = {
    "chargingProfileId": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": {"chargingRateUnit": "W", "chargingSchedulePeriod": PERIODS},
}
PROFILE = {
    "id": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": [{"id": 1, "chargingRateUnit": "W", "chargingSchedulePeriod": PERIODS}],
}
LOG = {"log": {"remoteLocation": "http://127.0.0.1/log"}, "logType": "SecurityLog", "requestId": 7}
FIRMWARE = {"location": "http://127.0.0.1/2.0.0.bin", "retrieveDateTime": TIME}
SIGNED = FIRMWARE | {"signingCertificate": "x", "signature": "x"}
NETWORK = {
    "ocppVersion": "OCPP20",
    "ocppTransport": "JSON",
    "ocppCsmsUrl": "wss://localhost:9/ocpp",
    "messageTimeout": 30,
    "securityProfile": 2,
    "ocppInterface": "Wired0",
}
DROOP = {"priority": 1, "overFreq": 50.2, "underFreq": 49.8, "overDroop": 5.0, "underDroop": 5.0, "responseTime": 1.0}


@dataclass(frozen=True, slots=True)
class Case:
    """A command: its payload, the status of its answer (None: it has none), and the CALLs that follow."""

    payload: Payload | Callable[[Wire], Payload]
    status: str | None = "Accepted"
    follows: tuple[str, ...] = ()
    before: tuple[tuple[str, Payload], ...] = ()


def _transaction(wire: Wire) -> dict[str, Any]:
    session = wire.cp.connectors[0].running
    assert session
    return {"transactionId": session.transaction_id}


def _root(kind: str) -> Callable[[Wire], Payload]:
    return lambda _: {"certificateType": kind, "certificate": ROOT}


ROOT = ""  # filled in by a fixture: making it takes a key
UPDATE = ("Downloading", "Downloaded", "Installing")

CASES_16: dict[str, Case] = {
    "CancelReservation": Case(
        {"reservationId": 5},
        follows=("2 Available",),
        before=(("ReserveNow", {"connectorId": 2, "expiryDate": LATER, "idTag": "TAG-2", "reservationId": 5}),),
    ),
    "CertificateSigned": Case(lambda _: {"certificateChain": ROOT}),
    "ChangeAvailability": Case({"connectorId": 2, "type": "Inoperative"}, follows=("2 Unavailable",)),
    "ChangeConfiguration": Case({"key": "HeartbeatInterval", "value": "5"}, follows=("Heartbeat",)),
    "ClearCache": Case({}),
    "ClearChargingProfile": Case(
        {"id": 1}, before=(("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": PROFILE_16}),)
    ),
    "DataTransfer": Case({"vendorId": "nobody"}, "UnknownVendorId"),
    "DeleteCertificate": Case({"certificateHashData": HASHES}, "NotFound"),
    "ExtendedTriggerMessage": Case({"requestedMessage": "SignChargePointCertificate"}, follows=("SignCertificate",)),
    "GetCompositeSchedule": Case({"connectorId": 1, "duration": 600}),
    "GetConfiguration": Case({}, None),
    "GetDiagnostics": Case(
        {"location": "http://127.0.0.1/"}, None, ("DiagnosticsStatusNotification", "DiagnosticsStatusNotification")
    ),
    "GetInstalledCertificateIds": Case({"certificateType": "CentralSystemRootCertificate"}, "NotFound"),
    "GetLocalListVersion": Case({}, None),
    "GetLog": Case(LOG, follows=("LogStatusNotification", "LogStatusNotification")),
    "InstallCertificate": Case(_root("CentralSystemRootCertificate")),
    "RemoteStartTransaction": Case({"connectorId": 2, "idTag": "TAG-2"}, follows=("2 Preparing", "StartTransaction")),
    "RemoteStopTransaction": Case(_transaction, follows=("StopTransaction", "1 Finishing", "1 Available")),
    "ReserveNow": Case(
        {"connectorId": 2, "expiryDate": LATER, "idTag": "TAG-2", "reservationId": 5}, follows=("2 Reserved",)
    ),
    "Reset": Case({"type": "Soft"}, follows=("StopTransaction", "BootNotification")),
    "SendLocalList": Case({"listVersion": 1, "updateType": "Full", "localAuthorizationList": []}),
    "SetChargingProfile": Case({"connectorId": 1, "csChargingProfiles": PROFILE_16}),
    "SignedUpdateFirmware": Case(
        {"requestId": 7, "firmware": SIGNED}, follows=("SignedFirmwareStatusNotification",) * 3
    ),
    "TriggerMessage": Case({"requestedMessage": "Heartbeat"}, follows=("Heartbeat",)),
    "UnlockConnector": Case({"connectorId": 1}, "Unlocked", ("StopTransaction",)),
    "UpdateFirmware": Case(
        {"location": FIRMWARE["location"], "retrieveDate": TIME}, None, ("FirmwareStatusNotification",) * 2
    ),
}
CASES_201: dict[str, Case] = {
    "CancelReservation": Case(
        {"reservationId": 5},
        follows=("2 Available",),
        before=(("ReserveNow", {"id": 5, "evseId": 2, "expiryDateTime": LATER, "idToken": OTHER}),),
    ),
    "CertificateSigned": Case(lambda _: {"certificateChain": ROOT}),
    "ChangeAvailability": Case({"operationalStatus": "Inoperative", "evse": {"id": 2}}, follows=("2 Unavailable",)),
    "ClearCache": Case({}),
    "ClearChargingProfile": Case(
        {"chargingProfileId": 1}, before=(("SetChargingProfile", {"evseId": 1, "chargingProfile": PROFILE}),)
    ),
    "ClearDisplayMessage": Case({"id": 9}, "Unknown"),
    "ClearVariableMonitoring": Case({"id": [1]}, None),
    "CostUpdated": Case(lambda wire: {"totalCost": 1.5} | _transaction(wire), None),
    "CustomerInformation": Case(
        {"requestId": 7, "report": True, "clear": True, "idToken": TOKEN}, follows=("NotifyCustomerInformation",)
    ),
    "DataTransfer": Case({"vendorId": "nobody"}, "UnknownVendorId"),
    "DeleteCertificate": Case({"certificateHashData": HASHES}, "NotFound"),
    "GetBaseReport": Case({"requestId": 7, "reportBase": "FullInventory"}, follows=("NotifyReport",) * 4),
    "GetChargingProfiles": Case(
        {"requestId": 7, "chargingProfile": {"chargingProfileId": [1]}},
        follows=("ReportChargingProfiles",),
        before=(("SetChargingProfile", {"evseId": 1, "chargingProfile": PROFILE}),),
    ),
    "GetCompositeSchedule": Case({"duration": 600, "evseId": 1}),
    "GetDisplayMessages": Case({"requestId": 7}, "Unknown"),
    "GetInstalledCertificateIds": Case({}, "NotFound"),
    "GetLocalListVersion": Case({}, None),
    "GetLog": Case(LOG, follows=("LogStatusNotification", "LogStatusNotification")),
    "GetMonitoringReport": Case({"requestId": 7}, "EmptyResultSet"),
    "GetReport": Case({"requestId": 7, "componentVariable": [POWER]}, follows=("NotifyReport",)),
    "GetTransactionStatus": Case({}, None),
    "GetVariables": Case({"getVariableData": [POWER]}, None),
    "InstallCertificate": Case(_root("CSMSRootCertificate")),
    "PublishFirmware": Case(
        {"location": "http://127.0.0.1/", "checksum": "a" * 32, "requestId": 7},
        follows=("PublishFirmwareStatusNotification",) * 4,
    ),
    "RequestStartTransaction": Case(
        {"idToken": OTHER, "remoteStartId": 7, "evseId": 2}, follows=("2 Occupied", "Started RemoteStart")
    ),
    "RequestStopTransaction": Case(_transaction, follows=("Ended RemoteStop", "1 Available")),
    "ReserveNow": Case({"id": 5, "evseId": 2, "expiryDateTime": LATER, "idToken": OTHER}, follows=("2 Reserved",)),
    "Reset": Case({"type": "Immediate"}, follows=("Ended ResetCommand", "BootNotification")),
    "SendLocalList": Case({"versionNumber": 1, "updateType": "Full"}),
    "SetChargingProfile": Case({"evseId": 1, "chargingProfile": PROFILE}),
    "SetDisplayMessage": Case(
        {"message": {"id": 9, "priority": "InFront", "message": {"format": "UTF8", "content": "Hello"}}}
    ),
    "SetMonitoringBase": Case({"monitoringBase": "All"}),
    "SetMonitoringLevel": Case({"severity": 4}),
    "SetNetworkProfile": Case({"configurationSlot": 2, "connectionData": NETWORK}),
    "SetVariableMonitoring": Case(
        {"setMonitoringData": [POWER | {"value": 10, "type": "Periodic", "severity": 8}]}, None, ("NotifyEvent",)
    ),
    "SetVariables": Case({
        "setVariableData": [
            {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}, "attributeValue": "5"}
        ]
    }, None, ("Heartbeat",)),
    "TriggerMessage": Case({"requestedMessage": "Heartbeat"}, follows=("Heartbeat",)),
    "UnlockConnector": Case({"evseId": 1, "connectorId": 1}, "OngoingAuthorizedTransaction"),
    "UnpublishFirmware": Case({"checksum": "a" * 32}, "NoFirmware"),
    "UpdateFirmware": Case({"requestId": 7, "firmware": FIRMWARE}, follows=("FirmwareStatusNotification",) * 2),
}  # fmt: skip
CASES_21: dict[str, Case] = CASES_201 | {
    "AFRRSignal": Case({"timestamp": TIME, "signal": 1}, "Rejected"),
    "AdjustPeriodicEventStream": Case({"id": 1, "params": {"interval": 5}}, "Rejected"),
    "ChangeTransactionTariff": Case(lambda wire: {"tariff": TARIFF} | _transaction(wire)),
    "ClearDERControl": Case({"isDefault": False}, "NotFound"),
    "ClearTariffs": Case({}, None),
    "GetDERControl": Case(
        {"requestId": 7},
        follows=("ReportDERControl",),
        before=(
            ("SetDERControl", {"isDefault": True, "controlId": "a", "controlType": "FreqDroop", "freqDroop": DROOP}),
        ),
    ),
    "GetPeriodicEventStream": Case({}, None),
    "GetTariffs": Case({"evseId": 0}, before=(("SetDefaultTariff", {"evseId": 0, "tariff": TARIFF}),)),
    "NotifyAllowedEnergyTransfer": Case(lambda wire: {"allowedEnergyTransfer": ["DC"]} | _transaction(wire)),
    "NotifyWebPaymentStarted": Case({"evseId": 2, "timeout": 60}, None),
    "RequestBatterySwap": Case({"idToken": OTHER, "requestId": 7}, follows=("BatterySwap", "BatterySwap")),
    "SetNetworkProfile": Case({"configurationSlot": 2, "connectionData": NETWORK | {"ocppVersion": "OCPP21"}}),
    "SetDERControl": Case(
        {"isDefault": False, "controlId": "a", "controlType": "FreqDroop", "freqDroop": DROOP | {"duration": 20.0}},
        follows=("NotifyDERStartStop", "NotifyDERStartStop"),
    ),
    "SetDefaultTariff": Case({"evseId": 0, "tariff": TARIFF}),
    "UpdateDynamicSchedule": Case(
        {"chargingProfileId": 1, "scheduleUpdate": {"limit": 5000}},
        before=(
            ("SetChargingProfile", {"evseId": 1, "chargingProfile": PROFILE | {"chargingProfileKind": "Dynamic"}}),
        ),
    ),
    "UsePriorityCharging": Case(lambda wire: {"activate": True} | _transaction(wire), "NoProfile"),
}
CASES = {V16: CASES_16, V201: CASES_201, V21: CASES_21}


@pytest.fixture(scope="module", autouse=True)
def _a_root(tmp_path_factory: pytest.TempPathFactory) -> None:
    global ROOT
    ROOT = Authority(tmp_path_factory.mktemp("ca")).certificate.read_text()


def _charging(version: Version) -> Wire:
    wire = Wire(version, connectors=2, sample_s=0).boot()
    wire.act(lambda: sessions.plug_in(wire.cp, wire.cp.connectors[0], Token("TAG-1")))
    wire.run(3)
    return wire


@pytest.mark.parametrize("version", CASES, ids=str)
def test_no_command_is_left_out(version: Version) -> None:
    assert set(CASES[version]) == actions.commands(version)


@pytest.mark.parametrize(
    ("version", "action"), [(version, action) for version, cases in CASES.items() for action in cases], ids=str
)
def test_every_command_gets_a_sensible_answer_and_what_follows(version: Version, action: str) -> None:
    wire, case = _charging(version), CASES[version][action]
    for order, its in case.before:
        assert wire.order(order, **its)["status"] == "Accepted"
    wire.script.calls.clear()

    answer = wire.order(action, **(case.payload(wire) if callable(case.payload) else case.payload))
    wire.run(40)
    if wire.hang_ups:
        wire.connect()

    said = iter(wire.script.said())
    assert answer.get("status") == case.status
    assert all(word in said for word in case.follows), wire.script.said()
