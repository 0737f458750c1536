"""What charge points send to have signed, and what they get back: read and written alike for every authority.

`cryptography` is imported when it is needed: it would slow every cold start.
"""

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from domain.ports import CsrRefusedError

if TYPE_CHECKING:
    from cryptography import x509


def read(csr: str, names: Collection[str], organization: str | None) -> "x509.CertificateSigningRequest":
    """A PEM request for one of these common names, and for this organization if there is one.

    Raises:
        CsrRefusedError: it is another's, or none.
    """
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    try:
        # Some charge points send it on one line, some without its last line's end.
        request = x509.load_pem_x509_csr(csr.replace("\\n", "\n").encode())
        is_signed = request.is_signature_valid
    except ValueError as error:
        raise CsrRefusedError("it is no certificate signing request") from error
    if not is_signed:
        raise CsrRefusedError("it is not signed with its own key")
    common_name = _name(request, NameOID.COMMON_NAME)
    if common_name not in names:
        raise CsrRefusedError(f"the common name {common_name!r} is not the charge point's")
    if organization and _name(request, NameOID.ORGANIZATION_NAME) != organization:
        raise CsrRefusedError(f"the organization is not {organization!r}")
    return request


def chain(certificates: "Iterable[x509.Certificate]") -> str:
    """The PEM chain of a CertificateSigned: leaf first, without the root, which the charge point has (C-103)."""
    from cryptography.hazmat.primitives.serialization import Encoding

    return "".join(one.public_bytes(Encoding.PEM).decode() for one in certificates if one.subject != one.issuer)


def _name(request: "x509.CertificateSigningRequest", oid: "x509.ObjectIdentifier") -> str:
    found = request.subject.get_attributes_for_oid(oid)
    return str(found[0].value) if found else ""
