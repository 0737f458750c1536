"""Certificates: asked for, taken, installed, listed and deleted."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from adapters.local_ca import LocalCertificateAuthority
from charge_point_sim.certificates import MOST_INSTALLED
from ocppj.frames import Payload
from ocppj.versions import V16, V21, V201, Version
from tests.certificates import Authority
from tests.charge_point_sim.script import Wire

ALL = pytest.mark.parametrize("version", [V16, V201, V21], ids=str)
ACCEPTED, REJECTED, NOT_FOUND = {"status": "Accepted"}, {"status": "Rejected"}, {"status": "NotFound"}


def _ask(wire: Wire) -> str:
    is_old = wire.cp.dialect.version is V16
    action = "ExtendedTriggerMessage" if is_old else "TriggerMessage"
    what = "SignChargePointCertificate" if is_old else "SignChargingStationCertificate"
    assert wire.order(action, requestedMessage=what) == ACCEPTED
    return str(wire.script.payloads("SignCertificate")[-1]["csr"])


def _kind(version: Version) -> str:
    return "CentralSystemRootCertificate" if version is V16 else "CSMSRootCertificate"


def _install(wire: Wire, directory: Path, name: str = "Test CA") -> Payload:
    pem = Authority(directory, name).certificate.read_text()
    return wire.order("InstallCertificate", certificateType=_kind(wire.cp.dialect.version), certificate=pem)


def _installed(wire: Wire) -> list[Payload]:
    if wire.cp.dialect.version is V16:
        answer = wire.order("GetInstalledCertificateIds", certificateType=_kind(V16))
        return list(answer.get("certificateHashData", []))
    answer = wire.order("GetInstalledCertificateIds")
    return [each["certificateHashData"] for each in answer.get("certificateHashDataChain", [])]


@ALL
def test_a_trigger_makes_it_ask_for_a_certificate_with_a_key_of_its_own(version: Version) -> None:
    requests = [x509.load_pem_x509_csr(_ask(Wire(version).boot()).encode()) for _ in range(2)]

    assert all(request.is_signature_valid for request in requests)
    assert requests[0].public_key() != requests[1].public_key()
    assert "CN=SIM-CP001" in requests[0].subject.rfc4514_string()


@ALL
def test_what_was_signed_for_it_is_taken_and_what_was_signed_for_another_is_not(
    version: Version, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    signer = LocalCertificateAuthority(authority.certificate.read_bytes(), authority.key.read_bytes(), days=30)
    wire = Wire(version).boot()
    ours, theirs = _ask(wire), _ask(Wire(version).boot())

    wrong, right = (
        wire.order("CertificateSigned", certificateChain=signer.sign(csr, ["SIM-CP001"], datetime.now(UTC)))
        for csr in (theirs, ours)
    )

    kinds = [payload["type"] for payload in wire.script.payloads("SecurityEventNotification")]
    assert (wrong, right) == (REJECTED, ACCEPTED)
    assert kinds == ["InvalidChargePointCertificate" if version is V16 else "InvalidChargingStationCertificate"]


@ALL
def test_nonsense_is_no_certificate(version: Version) -> None:
    wire = Wire(version).boot()

    assert wire.order("CertificateSigned", certificateChain="nonsense") == REJECTED
    assert wire.order("InstallCertificate", certificateType=_kind(version), certificate="nonsense") == REJECTED


@ALL
def test_a_root_is_installed_once_listed_and_deleted_by_its_hashes(version: Version, tmp_path: Path) -> None:
    wire = Wire(version).boot()

    installed = [_install(wire, tmp_path), _install(wire, tmp_path)]
    (hashes,) = _installed(wire)
    shouted = hashes | {"issuerNameHash": hashes["issuerNameHash"].upper()}
    deleted = [wire.order("DeleteCertificate", certificateHashData=shouted) for _ in range(2)]

    assert installed == [ACCEPTED, ACCEPTED]
    assert deleted == [ACCEPTED, NOT_FOUND]
    assert _installed(wire) == []


def test_there_is_room_for_some_roots_only(tmp_path: Path) -> None:
    wire = Wire(V201).boot()

    answers = [_install(wire, tmp_path, f"CA {number}")["status"] for number in range(MOST_INSTALLED + 1)]

    assert answers == ["Accepted"] * MOST_INSTALLED + ["Failed"]


def test_another_kind_of_root_is_not_listed(tmp_path: Path) -> None:
    wire = Wire(V201).boot()
    _install(wire, tmp_path)

    assert wire.order("GetInstalledCertificateIds", certificateType=["V2GRootCertificate"]) == NOT_FOUND
