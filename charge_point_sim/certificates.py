"""Certificates of a charge point: it asks for one with its own key, takes what fits it, and keeps roots.

`cryptography` is in the extra `local` and is imported when it is needed.
"""

from typing import TYPE_CHECKING

from charge_point_sim.charge_point import ChargePoint
from charge_point_sim.exchange import Message
from charge_point_sim.kept import Installed, Own
from charge_point_sim.trains import security_event
from ocppj.frames import Payload
from ocppj.versions import V16, V21

if TYPE_CHECKING:
    from cryptography import x509

MOST_INSTALLED = 10
_OWN, _BY_CERTIFICATE = "ChargingStationCertificate", 3


def ask_for_one(cp: ChargePoint) -> bool:
    """SignCertificate, with a new key; the common name is the serial number (2.0.1 part 2 A00.FR.511)."""
    more: Payload = {} if cp.dialect.version is V16 else {"certificateType": "ChargingStationCertificate"}
    if cp.dialect.version is V21:
        more["requestId"] = 1
    cp.exchange.put(Message("SignCertificate", {"csr": _request(cp), **more}, is_early=True))
    return True


def take(cp: ChargePoint, payload: Payload) -> Payload:
    """CertificateSigned: Accepted if it is for our key; otherwise the CSMS hears of it as an event, too."""
    chain = payload["certificateChain"]
    leaf = _read(chain)
    if leaf and (cp.kept.key is None or _is_for(leaf, cp.kept.key)):
        if cp.kept.key and payload.get("certificateType", _OWN) == _OWN:
            _use(cp, chain, cp.kept.key)
        return {"status": "Accepted"}
    is_old = cp.dialect.version is V16
    security_event(cp, "InvalidChargePointCertificate" if is_old else "InvalidChargingStationCertificate")
    return {"status": "Rejected"}


def _use(cp: ChargePoint, chain: str, key: bytes) -> None:
    """Connect with it, if that is how this charge point connects; else it is there for when that is wanted."""
    is_shown = cp.networks.now.security_profile == _BY_CERTIFICATE
    cp.kept.own = Own(chain, key, cp.kept.own if is_shown else None)
    if is_shown:
        cp.reconnect()


def install(cp: ChargePoint, payload: Payload) -> Payload:
    """InstallCertificate: Rejected if it is no certificate, Failed if there is no room (M05)."""
    certificate = _read(payload["certificate"])
    if certificate is None:
        return {"status": "Rejected"}
    new = Installed(payload["certificateType"], _hashes(certificate))
    if new not in cp.kept.certificates:
        if len(cp.kept.certificates) >= MOST_INSTALLED:
            return {"status": "Failed"}
        cp.kept.certificates.append(new)
    return {"status": "Accepted"}


def delete(cp: ChargePoint, payload: Payload) -> Payload:
    """DeleteCertificate: the hashes are compared in any case of their hexadecimal digits."""
    wanted = _folded(payload["certificateHashData"])
    left = [each for each in cp.kept.certificates if _folded(each.hashes) != wanted]
    is_found = len(left) < len(cp.kept.certificates)
    cp.kept.certificates = left
    return {"status": "Accepted" if is_found else "NotFound"}


def installed_v16(cp: ChargePoint, payload: Payload) -> Payload:
    """GetInstalledCertificateIds of 1.6."""
    found = [each.hashes for each in cp.kept.certificates if each.kind == payload["certificateType"]]
    return {"status": "Accepted", "certificateHashData": found} if found else {"status": "NotFound"}


def installed_v201(cp: ChargePoint, payload: Payload) -> Payload:
    """GetInstalledCertificateIds of 2.x; without types it is about all."""
    kinds = payload.get("certificateType")
    found = [
        {"certificateType": each.kind, "certificateHashData": each.hashes}
        for each in cp.kept.certificates
        if kinds is None or each.kind in kinds
    ]
    return {"status": "Accepted", "certificateHashDataChain": found} if found else {"status": "NotFound"}


def _request(cp: ChargePoint) -> str:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    cp.kept.key = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    # The organisation is the operator's: CpoName in 1.6, OrganizationName in 2.x.
    names = {NameOID.ORGANIZATION_NAME: cp.variables.text("organization"), NameOID.COMMON_NAME: cp.setup.serial}
    subject = x509.Name([x509.NameAttribute(name, value) for name, value in names.items() if value])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode()


def _read(text: str) -> "x509.Certificate | None":
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificate(text.encode())
    except ValueError:
        return None


def _is_for(leaf: "x509.Certificate", key: bytes) -> bool:
    from cryptography.hazmat.primitives import serialization

    return serialization.load_pem_private_key(key, None).public_key() == leaf.public_key()


def _hashes(certificate: "x509.Certificate") -> Payload:
    # What OCPP calls CertificateHashData is what OCSP asks with (RFC 6960 §4.1.1); a root is its own issuer.
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.x509.ocsp import OCSPRequestBuilder

    asked = OCSPRequestBuilder().add_certificate(certificate, certificate, SHA256()).build()
    return {
        "hashAlgorithm": "SHA256",
        "issuerNameHash": asked.issuer_name_hash.hex(),
        "issuerKeyHash": asked.issuer_key_hash.hex(),
        "serialNumber": f"{asked.serial_number:x}",
    }


def _folded(hashes: Payload) -> Payload:
    return {name: value.casefold() for name, value in hashes.items() if isinstance(value, str)}
