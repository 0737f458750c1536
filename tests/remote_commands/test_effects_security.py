"""Whether credentials, certificates and lists are what a command made them: the next connect, or the next answer."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from domain import credentials, effects_security
from domain.models import Proven
from ocppj.versions import V16, V201, Version
from tests.certificates import Authority
from tests.remote_commands.desk import EPOCH
from tests.remote_commands.test_effects import Journey

OLD = credentials.hash_imported(b"old", b"whatever")
PASSWORD = {"key": "AuthorizationKey", "value": "000102030405060708090a0b0c0d0e0f10111213"}
VARIABLE = {"setVariableData": [{
    "component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}, "attributeValue": "x" * 16,
}]}  # fmt: skip
PROFILE = {"key": "SecurityProfile", "value": "2"}
ACCEPTED = {"status": "Accepted"}


def journey_of(version: Version, **facts: Any) -> Journey:
    return Journey(version, **{"password_hash": OLD} | facts)


@pytest.mark.parametrize(("version", "action", "payload"), [
    (V16, "ChangeConfiguration", PASSWORD), (V201, "SetVariables", VARIABLE),
])  # fmt: skip
@pytest.mark.parametrize(("is_new", "effect"), [(True, "confirmed"), (False, "not_observed")])
def test_a_password_is_changed_when_the_charge_point_comes_with_it(
    version: Version, action: str, payload: Any, is_new: bool, effect: str
) -> None:
    journey = journey_of(version)
    journey.command(action, payload)
    row = journey.desk.row("CP1")
    before = journey.effect

    # Its answer was lost: the password it uses is what counts.
    journey.reconnect(EPOCH + 1, Proven(1, row.next_password_hash if is_new else row.password_hash))

    assert (before, journey.effect) == ("pending", effect)
    assert journey.evidence["action"] == "Connect"


def test_an_accepted_password_is_no_changed_one_and_a_connect_by_certificate_shows_none() -> None:
    journey = journey_of(V16)
    journey.command("ChangeConfiguration", PASSWORD)
    journey.answer(ACCEPTED)
    answered = journey.effect

    journey.reconnect(EPOCH + 1, Proven(3))
    by_certificate = journey.effect
    journey.tick(700)

    assert (answered, by_certificate, journey.effect) == ("pending", "pending", "not_observed")


def test_a_password_that_takes_a_reboot_has_time_for_it() -> None:
    journey = journey_of(V201)
    journey.command("SetVariables", VARIABLE)
    result = {**VARIABLE["setVariableData"][0], "attributeStatus": "RebootRequired"}
    del result["attributeValue"]
    journey.answer({"setVariableResult": [result]})

    journey.tick(3600)

    assert journey.effect == "pending"


@pytest.mark.parametrize(("came_with", "effect"), [(2, "confirmed"), (1, "not_observed")])
def test_a_profile_is_switched_when_the_charge_point_comes_with_it(came_with: int, effect: str) -> None:
    journey = journey_of(V16, highest_profile=1)
    journey.command("ChangeConfiguration", PROFILE)
    journey.answer(ACCEPTED)
    before = journey.effect

    journey.reconnect(EPOCH + 1, Proven(came_with))

    assert (before, journey.effect) == ("pending", effect)
    assert journey.evidence["securityProfile"] == came_with


def test_other_settings_have_no_effect_to_wait_for() -> None:
    journey = journey_of(V16)
    journey.command("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "60"})

    assert journey.effect == "none"
    assert list(journey.desk.lines.waiting("effect#CP1")) == []


def test_c107_a_certificate_is_taken_when_the_charge_point_connects_with_it(tmp_path: Path) -> None:
    leaf = Authority(tmp_path).issue("SN-1")
    journey = journey_of(V16)
    journey.command("CertificateSigned", {"certificateChain": leaf.certificate.read_text()})
    journey.answer(ACCEPTED)
    journey.reconnect(EPOCH + 1, Proven(3), "1F")
    before = journey.effect

    journey.reconnect(EPOCH + 2, Proven(3), f"{leaf.serial_number:X}")

    assert (before, journey.effect) == ("pending", "confirmed")


@pytest.mark.parametrize(("version", "event"), [
    (V16, "InvalidChargePointCertificate"), (V201, "InvalidChargingStationCertificate"),
])  # fmt: skip
def test_c106_a_certificate_the_charge_point_calls_invalid_is_not_taken(version: Version, event: str) -> None:
    journey = journey_of(version)
    journey.command("CertificateSigned", {"certificateChain": "x"})
    journey.says("SecurityEventNotification", type="SettingSystemTime", timestamp="2026-11-21T12:00:01Z")
    before = journey.effect

    journey.says("SecurityEventNotification", type=event, timestamp="2026-11-21T12:00:02Z")

    assert (before, journey.effect) == ("pending", "not_observed")
    assert journey.evidence["type"] == event


def hash_data(pem: bytes, algorithm: str = "SHA256") -> dict[str, str]:
    certificate = x509.load_pem_x509_certificate(pem)
    issuer = hashlib.new(algorithm.lower(), certificate.issuer.public_bytes()).hexdigest()
    return {
        "hashAlgorithm": algorithm,
        "issuerNameHash": issuer,
        "issuerKeyHash": "0" * 64,
        "serialNumber": f"{certificate.serial_number:x}",
    }


def listed(version: Version, *data: dict[str, str]) -> dict[str, Any]:
    if version is V16:
        return {"status": "Accepted", "certificateHashData": list(data)}
    chain = [{"certificateType": "CSMSRootCertificate", "certificateHashData": each} for each in data]
    return {"status": "Accepted", "certificateHashDataChain": chain}


@pytest.mark.parametrize("version", [V16, V201])
@pytest.mark.parametrize(("is_listed", "effect"), [(True, "confirmed"), (False, "not_observed")])
def test_an_installed_certificate_is_one_that_is_listed(
    tmp_path: Path, version: Version, is_listed: bool, effect: str
) -> None:
    ours, other = (Authority(tmp_path, name).certificate.read_bytes() for name in ("Ours", "Other"))
    kind = {V16: "CentralSystemRootCertificate"}.get(version, "CSMSRootCertificate")
    journey = journey_of(version)
    journey.command("InstallCertificate", {"certificateType": kind, "certificate": ours.decode()})
    journey.answer(ACCEPTED)
    before = journey.effect
    journey.tick(1)
    journey.command("list-certificates", {"type": "manufacturer_root"})
    journey.answer(listed(version), "cmd-2")
    journey.tick(1)
    between = journey.effect
    journey.command("list-certificates", {"type": "csms_root"})

    journey.answer(listed(version, hash_data(other), *[hash_data(ours, "SHA512")][: int(is_listed)]), "cmd-3")

    assert (before, between, journey.effect) == ("none", "none", effect)


@pytest.mark.parametrize(("told", "effect"), [(5, "confirmed"), (4, "not_observed")])
def test_a_local_list_is_verified_by_its_version(told: int, effect: str) -> None:
    journey = journey_of(V16)
    journey.command("SendLocalList", {"listVersion": 5, "updateType": "Full"})
    journey.answer(ACCEPTED)
    before = journey.effect
    journey.tick(1)

    journey.command("get-local-list-version", {})
    journey.answer({"listVersion": told}, "cmd-2")

    assert (before, journey.effect) == ("none", effect)


def test_an_answer_to_what_was_asked_before_shows_nothing() -> None:
    journey = journey_of(V16)
    journey.command("get-local-list-version", {})
    journey.tick(1)
    journey.desk.post("/charge-points/CP1/commands/SendLocalList", {"listVersion": 5, "updateType": "Full"})

    journey.answer({"listVersion": 4})

    assert journey.desk.get("/commands/cmd-2").body["effect"] == "none"


def test_the_first_certificate_of_a_chain_is_read_whatever_its_key(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    for algorithm in ("rsa", "ec"):
        leaf = authority.issue(f"SN-{algorithm}", algorithm=algorithm)
        pem = leaf.certificate.read_text() + authority.certificate.read_text()

        found = effects_security.read(pem)

        known = x509.load_pem_x509_certificate(pem.encode())
        assert found == (known.serial_number, known.issuer.public_bytes())


@pytest.mark.parametrize("pem", ["", "x", "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----",
                                 "-----BEGIN CERTIFICATE-----\nMIIC\n-----END CERTIFICATE-----"])  # fmt: skip
def test_what_is_no_certificate_is_none(pem: str) -> None:
    assert effects_security.read(pem) is None
