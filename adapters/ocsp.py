"""OCSP (RFC 6960): whether a certificate was revoked, asked of the responders that the house allows.

Charge points name the responder, and could name any address: only those under the prefixes of the settings are asked.
An answer goes back to a charge point as it came, for it verifies it itself; we believe it only if it is signed by
the certificate's issuer, or by whom that issuer lets sign, and leads to a root we trust. `cryptography` and urllib3's
pool are imported and made when they are needed: they would slow every cold start.
"""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

import structlog
import urllib3

from adapters.tls import trusting
from domain.models import Revocation

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
    from cryptography.x509.ocsp import OCSPResponse, OCSPSingleResponse

log = structlog.get_logger(__name__)

TIMEOUT_S = 4.0  # there may be four to ask, and a charge point waits 30 s
_LARGEST = 64 * 1024
_SKEW = timedelta(minutes=5)
_TYPE = "application/ocsp-request"


class OcspResponders:
    """The Responders port: prefixes of URLs, and the PEM roots (or other authorities) that are trusted."""

    def __init__(self, prefixes: Collection[str], roots: bytes = b"") -> None:
        self._prefixes = tuple(prefix.lower() for prefix in prefixes)
        self._pem = roots

    def ask(self, certificate: dict[str, Any], url: str) -> bytes | None:
        from cryptography.x509 import ocsp

        if not url.lower().startswith(self._prefixes):
            log.warning("OCSP responder not asked, it is none of ours", url=url)
            return None
        request = _request(certificate)
        answer = self._post(url, request) if request else None
        try:
            is_answer = (
                answer is not None
                and ocsp.load_der_ocsp_response(answer).response_status is ocsp.OCSPResponseStatus.SUCCESSFUL
            )
        except ValueError:
            is_answer = False
        if not is_answer:
            log.warning("no answer of an OCSP responder", url=url)
        return answer if is_answer else None

    def judge(self, certificate: dict[str, Any], url: str, now: datetime) -> Revocation:
        from cryptography.x509 import ocsp

        answer = self.ask(certificate, url)
        if answer is None:
            return Revocation.FAILED
        response = ocsp.load_der_ocsp_response(answer)
        single = next((one for one in response.responses if _is_of(one, certificate, now)), None)
        if single is None or not self._is_signed(response, single, now):
            log.warning("answer of an OCSP responder not believed", url=url)
            return Revocation.FAILED
        return Revocation(single.certificate_status.name.capitalize())

    def _post(self, url: str, body: bytes) -> bytes | None:
        headers = {"Content-Type": _TYPE}
        try:
            answer = self._pool.request("POST", url, body=body, headers=headers, redirect=False, preload_content=False)
            read = answer.read(_LARGEST + 1)
            answer.release_conn()
        except urllib3.exceptions.HTTPError:
            return None
        return read if answer.status == 200 and len(read) <= _LARGEST else None

    def _is_signed(self, response: "OCSPResponse", single: "OCSPSingleResponse", now: datetime) -> bool:
        from cryptography.exceptions import InvalidSignature

        for signer in [*response.certificates, *self._roots]:
            try:
                _verify(signer, response)
            except InvalidSignature:
                continue
            is_valid = signer.not_valid_before_utc <= now <= signer.not_valid_after_utc
            return is_valid and self._may_sign(signer, single, response.certificates)
        return False

    def _may_sign(
        self, signer: "x509.Certificate", single: "OCSPSingleResponse", sent: "list[x509.Certificate]"
    ) -> bool:
        """Whether it is the issuer itself, or one to whom the issuer left it (RFC 6960, 4.2.2.2)."""
        from cryptography import x509
        from cryptography.x509.oid import ExtendedKeyUsageOID

        if _is_key_of(signer, single):
            return self._is_trusted(signer, sent)
        try:
            usages = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        except x509.ExtensionNotFound:
            return False
        issuers = [one for one in (*sent, *self._roots) if _is_key_of(one, single) and _issued(signer, one)]
        return ExtendedKeyUsageOID.OCSP_SIGNING in usages and any(self._is_trusted(one, sent) for one in issuers)

    def _is_trusted(self, authority: "x509.Certificate", sent: "list[x509.Certificate]", depth: int = 4) -> bool:
        if authority in self._roots:
            return True
        above = [
            one for one in (*self._roots, *sent) if one != authority and _is_authority(one) and _issued(authority, one)
        ]
        return depth > 0 and any(self._is_trusted(one, sent, depth - 1) for one in above)

    @cached_property
    def _roots(self) -> "list[x509.Certificate]":
        from cryptography import x509

        return x509.load_pem_x509_certificates(self._pem) if self._pem else []

    @cached_property
    def _pool(self) -> urllib3.PoolManager:
        timeout = urllib3.Timeout(connect=2.0, total=TIMEOUT_S)
        return urllib3.PoolManager(num_pools=4, retries=False, timeout=timeout, ssl_context=trusting())


def of_chain(chain: str) -> Iterator[tuple[dict[str, Any], str]]:
    """What to ask, and whom, of each certificate of a PEM chain that names a responder and whose issuer is in it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509 import ocsp
    from cryptography.x509.oid import AuthorityInformationAccessOID

    certificates = x509.load_pem_x509_certificates(chain.replace("\\n", "\n").encode())
    for certificate in certificates:
        try:
            access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
        except x509.ExtensionNotFound:
            continue
        by_ocsp = [each for each in access if each.access_method == AuthorityInformationAccessOID.OCSP]
        issuer = next((one for one in certificates if one != certificate and _issued(certificate, one)), None)
        if not by_ocsp or issuer is None:
            continue
        asked = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, hashes.SHA256()).build()
        yield {
            "hashAlgorithm": "SHA256", "issuerNameHash": asked.issuer_name_hash.hex(),
            "issuerKeyHash": asked.issuer_key_hash.hex(), "serialNumber": f"{asked.serial_number:x}",
        }, by_ocsp[0].access_location.value  # fmt: skip


def _request(certificate: dict[str, Any]) -> bytes | None:
    """The request for a certificate as 2.x describes it (CertificateHashDataType); None if it can't be one."""
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509 import ocsp

    try:
        name, key = bytes.fromhex(certificate["issuerNameHash"]), bytes.fromhex(certificate["issuerKeyHash"])
        serial_number = int(certificate["serialNumber"], 16)
        builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(name, key, serial_number, _algorithm(certificate))
        return builder.build().public_bytes(Encoding.DER)
    except ValueError:
        return None


def _algorithm(certificate: dict[str, Any]) -> "SHA256 | SHA384 | SHA512":
    from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512

    match certificate["hashAlgorithm"]:
        case "SHA384":
            return SHA384()
        case "SHA512":
            return SHA512()
        case _:
            return SHA256()


def _is_of(single: "OCSPSingleResponse", certificate: dict[str, Any], now: datetime) -> bool:
    is_same = (
        single.serial_number == int(certificate["serialNumber"], 16)
        and single.issuer_key_hash == bytes.fromhex(certificate["issuerKeyHash"])
        and single.issuer_name_hash == bytes.fromhex(certificate["issuerNameHash"])
    )
    ends = single.next_update_utc
    return is_same and single.this_update_utc <= now + _SKEW and (ends is None or now - _SKEW <= ends)


def _is_key_of(authority: "x509.Certificate", single: "OCSPSingleResponse") -> bool:
    from cryptography.x509 import ocsp

    builder = ocsp.OCSPRequestBuilder().add_certificate(authority, authority, single.hash_algorithm)
    return builder.build().issuer_key_hash == single.issuer_key_hash and _is_authority(authority)


def _is_authority(certificate: "x509.Certificate") -> bool:
    from cryptography import x509

    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _issued(certificate: "x509.Certificate", issuer: "x509.Certificate") -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _verify(signer: "x509.Certificate", response: "OCSPResponse") -> None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

    key, algorithm = signer.public_key(), response.signature_hash_algorithm
    if algorithm is None:
        raise InvalidSignature
    if isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(response.signature, response.tbs_response_bytes, ec.ECDSA(algorithm))
    elif isinstance(key, rsa.RSAPublicKey):
        key.verify(response.signature, response.tbs_response_bytes, padding.PKCS1v15(), algorithm)
    else:
        raise InvalidSignature
