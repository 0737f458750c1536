"""Certificates of a charge point, as far as they can be acted out: it asks for one, and takes what looks like one."""

from charge_point_sim.charge_point import ChargePoint
from charge_point_sim.exchange import Message
from charge_point_sim.trains import security_event
from ocppj.frames import Payload
from ocppj.versions import V16, V21

# Everybody asks with the same key: nothing here ever speaks TLS with it.
CSR = """-----BEGIN CERTIFICATE REQUEST-----
MIHnMIGNAgEAMCsxFTATBgNVBAoMDG9jcHAtZ2F0ZXdheTESMBAGA1UEAwwJU0lN
VUxBVEVEMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE/qtfMRAJzCiQuYsLAXqr
1rDkW6C9Zr4MUPOSAr1gv7klXnppWEV5ZwT+Lm7Fq6nfFeynT+ze1LS++7US189Y
f6AAMAoGCCqGSM49BAMCA0kAMEYCIQDbdgEz4DgJ7YqoDzsgWkYr/dnL9tJLZORO
I8cDDt6XWQIhANY0WT/DrHzu8HKSGZ/muHugmJmpvqkDU/TAWeu0DbZ0
-----END CERTIFICATE REQUEST-----
"""
_BEGIN = "-----BEGIN CERTIFICATE-----"


def ask_for_one(cp: ChargePoint) -> bool:
    """SignCertificate."""
    more: Payload = {} if cp.dialect.version is V16 else {"certificateType": "ChargingStationCertificate"}
    if cp.dialect.version is V21:
        more["requestId"] = 1
    cp.exchange.put(Message("SignCertificate", {"csr": CSR, **more}, is_early=True))
    return True


def take(cp: ChargePoint, payload: Payload) -> Payload:
    """CertificateSigned: Accepted if it looks like a certificate; otherwise the CSMS hears of it as an event, too."""
    if _BEGIN in payload["certificateChain"]:
        return {"status": "Accepted"}
    is_old = cp.dialect.version is V16
    security_event(cp, "InvalidChargePointCertificate" if is_old else "InvalidChargingStationCertificate")
    return {"status": "Rejected"}
