"""Certificates, as far as they are acted out."""

import pytest

from charge_point_sim.certificates import CSR
from ocppj.versions import V16, V21, V201, Version
from tests.charge_point_sim.script import Wire

ALL = pytest.mark.parametrize("version", [V16, V201, V21], ids=str)


@ALL
def test_a_trigger_makes_it_ask_for_a_certificate(version: Version) -> None:
    wire = Wire(version).boot()
    action = "ExtendedTriggerMessage" if version is V16 else "TriggerMessage"
    what = "SignChargePointCertificate" if version is V16 else "SignChargingStationCertificate"
    wire.script.replies["SignCertificate"] = {"status": "Accepted"}

    answer = wire.order(action, requestedMessage=what)

    assert answer == {"status": "Accepted"}
    assert [payload["csr"] for payload in wire.script.payloads("SignCertificate")] == [CSR]


@ALL
@pytest.mark.parametrize(
    ("chain", "status", "events"), [("-----BEGIN CERTIFICATE-----\n", "Accepted", 0), ("nonsense", "Rejected", 1)]
)
def test_what_looks_like_a_certificate_is_taken(version: Version, chain: str, status: str, events: int) -> None:
    wire = Wire(version).boot()

    answer = wire.order("CertificateSigned", certificateChain=chain)

    assert answer == {"status": status}
    assert len(wire.script.payloads("SecurityEventNotification")) == events
