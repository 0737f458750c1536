"""Firmware updates and log uploads, acted out."""

from typing import Any

import pytest

from charge_point_sim import sessions
from charge_point_sim.parts import Token
from charge_point_sim.plan import Plan
from ocppj import timestamps
from ocppj.versions import V16, V201, Version
from tests.charge_point_sim.script import NOW, TIME, Wire
from tests.charge_point_sim.timeless import Timeless

BOTH = pytest.mark.parametrize("version", [V16, V201], ids=str)
_ACTIONS = ("FirmwareStatusNotification", "SignedFirmwareStatusNotification")


def _statuses(wire: Wire, *actions: str) -> list[str]:
    return [call.payload["status"] for call in wire.script.calls if call.action in actions]


def _order(version: Version, location: str, *, signed: bool = False, at: str = TIME) -> tuple[str, dict[str, Any]]:
    if version is V16 and not signed:
        return "UpdateFirmware", {"location": location, "retrieveDate": at}
    firmware = {"location": location, "retrieveDateTime": at}
    if signed:
        firmware |= {"signature": "c2ln", "signingCertificate": "PEM"}
    return "SignedUpdateFirmware" if version is V16 else "UpdateFirmware", {"requestId": 5, "firmware": firmware}


@BOTH
def test_an_update_is_told_from_the_download_to_the_boot_with_the_new_version(version: Version) -> None:
    wire = Wire(version).boot()
    action, payload = _order(version, "https://firmware.example/cp-2.3.4.bin")

    wire.order(action, **payload)
    wire.run(30)
    wire.connect()

    assert _statuses(wire, *_ACTIONS) == ["Downloading", "Downloaded", "Installing", "Installed"]
    assert "2.3.4" in str(wire.script.payloads("BootNotification")[-1])
    assert wire.script.payloads("SecurityEventNotification")[0]["type"] == "FirmwareUpdated"


@BOTH
def test_a_signed_update_is_verified_before_it_is_installed(version: Version) -> None:
    wire = Wire(version).boot()
    action, payload = _order(version, "https://firmware.example/cp.bin", signed=True)

    wire.order(action, **payload)
    wire.run(30)
    wire.connect()

    assert _statuses(wire, *_ACTIONS) == ["Downloading", "Downloaded", "SignatureVerified", "Installing", "Installed"]
    assert all(call.payload["requestId"] == 5 for call in wire.script.calls if call.action in _ACTIONS)


@BOTH
@pytest.mark.parametrize(
    ("location", "end"), [("https://fail.example/cp", "DownloadFailed"), ("https://x/forged", "InvalidSignature")]
)
def test_an_update_that_goes_wrong_ends_where_it_does(version: Version, location: str, end: str) -> None:
    wire = Wire(version).boot()
    action, payload = _order(version, location, signed=True)

    wire.order(action, **payload)
    wire.run(100)

    assert _statuses(wire, *_ACTIONS)[-1] == end
    assert not wire.hang_ups


@BOTH
def test_an_update_waits_until_it_is_time_and_nobody_charges(version: Version) -> None:
    wire = Wire(version).boot()
    connector = wire.cp.connectors[0]
    later = timestamps.write(NOW.replace(hour=13))
    action, payload = _order(version, "https://x/cp", at=later)
    wire.order(action, **payload)

    wire.run(3500)
    before = _statuses(wire, *_ACTIONS)
    wire.act(lambda: sessions.arrive(wire.cp, connector, Token("TAG-1")))
    wire.run(500)
    meanwhile = _statuses(wire, *_ACTIONS)
    wire.act(lambda: sessions.stop(wire.cp, connector, "local"))
    wire.run(30)

    # Plain 1.6 has no word for an update that waits.
    scheduled = [] if version is V16 else ["DownloadScheduled"]
    assert (before, meanwhile) == (scheduled, [*scheduled, "Downloading", "Downloaded"])
    assert _statuses(wire, *_ACTIONS)[-1] == "Installing"


@BOTH
def test_an_installation_that_waits_for_its_time_says_so_once(version: Version) -> None:
    wire = Wire(version).boot()
    action, payload = _order(version, "https://x/cp", signed=True)
    payload["firmware"]["installDateTime"] = timestamps.write(NOW.replace(hour=13))
    wire.order(action, **payload)

    wire.run(3500)
    before = _statuses(wire, *_ACTIONS)
    wire.run(100)

    assert before == ["Downloading", "Downloaded", "SignatureVerified", "InstallScheduled"]
    assert _statuses(wire, *_ACTIONS)[len(before) :] == ["Installing"]


@BOTH
def test_nobody_comes_while_a_firmware_waits_for_the_last_car_or_is_installed(version: Version) -> None:
    wire = Wire(version).boot()
    one = wire.cp.connectors[0]
    wire.act(lambda: sessions.arrive(wire.cp, one, Token("TAG-1")))
    action, payload = _order(version, "https://x/cp")
    wire.order(action, **payload)
    wire.run(30)

    start, tag = (
        ("RemoteStartTransaction", {"connectorId": 2, "idTag": "TAG-2"}),
        {"idToken": "TAG-2", "type": "Central"},
    )
    if version is not V16:
        start = ("RequestStartTransaction", {"evseId": 2, "idToken": tag, "remoteStartId": 1})
    refused = wire.order(start[0], **start[1])
    wire.act(lambda: sessions.stop(wire.cp, one, "local"))
    wire.run(30)
    said = wire.script.said()
    wire.connect()

    assert refused == {"status": "Rejected"}
    assert said.index("2 Unavailable") < said.index("1 Unavailable")
    assert wire.script.said()[-4:-2] == ["1 Available", "2 Available"]


@BOTH
def test_a_second_update_takes_the_place_of_the_first(version: Version) -> None:
    wire = Wire(version).boot()
    action, payload = _order(version, "https://x/cp-2.0", signed=True)
    wire.order(action, **payload)
    wire.run(15)

    second = wire.order(action, **payload | {"requestId": 6})
    wire.run(60)
    wire.connect()

    assert second["status"] == "AcceptedCanceled"
    assert [call.payload["requestId"] for call in wire.script.calls if call.payload.get("status") == "Installed"] == [6]


@BOTH
def test_a_second_upload_takes_the_place_of_the_first(version: Version) -> None:
    wire = Wire(version).boot()
    wire.order("GetLog", logType="SecurityLog", requestId=8, log={"remoteLocation": "https://x"})

    second = wire.order("GetLog", logType="SecurityLog", requestId=9, log={"remoteLocation": "https://x"})
    wire.run(10)

    told = [(each["requestId"], each["status"]) for each in wire.script.payloads("LogStatusNotification")]
    cancelled = [] if version is V16 else [(8, "AcceptedCanceled")]  # which 1.6 has no word for
    assert second["status"] == "AcceptedCanceled"
    assert told == [(8, "Uploading"), *cancelled, (9, "Uploading"), (9, "Uploaded")]


def test_diagnostics_and_a_log_are_uploaded_beside_each_other() -> None:
    wire = Wire(V16).boot()

    wire.order("GetDiagnostics", location="ftp://logs.example")
    answer = wire.order("GetLog", logType="SecurityLog", requestId=9, log={"remoteLocation": "https://x"})
    wire.run(10)

    assert answer["status"] == "Accepted"
    assert _statuses(wire, "DiagnosticsStatusNotification") == ["Uploading", "Uploaded"]
    assert _statuses(wire, "LogStatusNotification") == ["Uploading", "Uploaded"]


@BOTH
def test_a_trigger_says_how_far_the_update_is(version: Version) -> None:
    wire = Wire(version).boot()
    action, payload = _order(version, "https://x/cp")
    wire.order("TriggerMessage", requestedMessage="FirmwareStatusNotification")

    wire.order(action, **payload)
    wire.run(1)
    wire.order("TriggerMessage", requestedMessage="FirmwareStatusNotification")

    assert _statuses(wire, *_ACTIONS) == ["Idle", "Downloading", "Downloading"]


@pytest.mark.parametrize(("version", "told"), [(V16, "Idle"), (V201, "DownloadFailed")], ids=str)
def test_a_trigger_after_an_update_that_went_wrong_says_what_the_version_wants(version: Version, told: str) -> None:
    wire = Wire(version).boot()
    action, payload = _order(version, "https://fail.example/cp")
    wire.order(action, **payload)
    wire.run(30)

    wire.order("TriggerMessage", requestedMessage="FirmwareStatusNotification")

    assert _statuses(wire, *_ACTIONS)[-1] == told


@BOTH
@pytest.mark.parametrize(("location", "end"), [("https://logs.example", "Uploaded"), ("ftp://fail", "UploadFailure")])
def test_a_log_is_uploaded_or_not(version: Version, location: str, end: str) -> None:
    wire = Wire(version).boot()

    answer = wire.order("GetLog", logType="SecurityLog", requestId=9, log={"remoteLocation": location})
    wire.run(10)

    assert answer["status"] == "Accepted"
    assert answer["filename"].startswith("CP001-")
    assert _statuses(wire, "LogStatusNotification") == ["Uploading", end]
    assert wire.script.payloads("LogStatusNotification")[0]["requestId"] == 9


def test_diagnostics_of_1_6_are_uploaded() -> None:
    wire = Wire(V16).boot()

    answer = wire.order("GetDiagnostics", location="ftp://logs.example")
    wire.run(10)

    assert answer["fileName"].endswith(".log")
    assert _statuses(wire, "DiagnosticsStatusNotification") == ["Uploading", "Uploaded"]


def test_a_fleet_rolls_out_a_firmware_to_everybody() -> None:
    fleet = Timeless(Plan(10, "firmware", duration_s=300, rate_per_s=10, pause_s=50, session_s=5))

    fleet.run(400)

    assert all(member.cp.firmware == "1.0.1" for member in fleet.members)
    assert fleet.csms.actions["BootNotification"] == 20
    assert not fleet.tally.errors
