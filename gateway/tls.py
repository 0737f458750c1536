"""TLS for the listener: what OCPP asks of a server, in one context (conformance A-41 to A-48)."""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

WATCH_S = 5.0

# a CSMS has to offer all four of these, so it needs an RSA and an ECDSA certificate, and static-RSA key
# exchange for charge points that know nothing else. The ECDHE-RSA suites are for everybody else with TLS 1.2.
_SUITES = ":".join((
    "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384",
    "AES128-GCM-SHA256", "AES256-GCM-SHA384",
    "@SECLEVEL=2",  # RSA keys of 2048 bits and EC keys of 224 at least, no SHA-1 signatures; both ends
))  # fmt: skip

log = structlog.get_logger()


class TlsError(ValueError):
    """The certificates can't be used; the sentence names the file."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files: chains with their keys (one RSA, one ECDSA), and what client certificates are checked against."""

    certificates: Sequence[tuple[Path, Path]]
    client_ca: Path | None = None
    crl: Path | None = None

    def all(self) -> list[Path]:
        """Every file, to watch for changes."""
        pairs = [file for pair in self.certificates for file in pair]
        return [*pairs, *(file for file in (self.client_ca, self.crl) if file is not None)]


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """What a verified client certificate says: its subject's common name and organisation, its number (hexadecimal)."""

    common_name: str
    organization: str
    serial_number: str | None = None


def server_context(files: TlsFiles) -> ssl.SSLContext:
    """The listener's context: TLS 1.2 and 1.3, no compression, no renegotiation, client certificates if there is a CA.

    A client certificate is asked for, not demanded: charge points of profile 2 and 3 may share a listener, and
    admission decides by the registry row. One that is presented must be valid and not revoked.

    Raises:
        TlsError: a file is missing, is no PEM, or a key doesn't belong to its certificate.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_ciphers(_SUITES)
    context.num_tickets = 1  # who resumes needs one; OpenSSL makes two, at 17 us each
    for certificate, key in files.certificates:
        with _naming(certificate, key):
            context.load_cert_chain(certificate, key, password=_no_password)
    if files.client_ca is not None:
        with _naming(files.client_ca):
            context.load_verify_locations(files.client_ca)
        context.verify_mode = ssl.CERT_OPTIONAL
        if files.crl is not None:
            with _naming(files.crl):
                context.load_verify_locations(files.crl)
            context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF
    return context


def client_certificate(peer: Mapping[str, object] | None) -> ClientCertificate | None:
    """The names in a verified peer certificate as `ssl` describes it (`getpeercert()`)."""
    if not peer:
        return None
    subject = peer.get("subject", ())
    names = {key: value for relative in subject for key, value in relative}  # type: ignore[attr-defined]
    number = peer.get("serialNumber")
    number = f"{int(number, 16):X}" if isinstance(number, str) else None
    return ClientCertificate(names.get("commonName", ""), names.get("organizationName", ""), number)


class Certificates:
    """The context new connections take. `reload` and `watch` swap it; connections that are open keep theirs.

    Raises:
        TlsError: the files can't be used.
    """

    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self._stamps = _stamps(files)
        self.context = server_context(files)

    def reload(self) -> None:
        """Read the files again; if they can't be used, what was read before stays."""
        self._stamps = _stamps(self._files)
        try:
            self.context = server_context(self._files)
        except TlsError as error:
            log.error("certificates not read, those read before stay", reason=str(error))
        else:
            log.info("certificates read again", files=[str(file) for file in self._files.all()])

    async def watch(self, every_s: float = WATCH_S) -> None:
        """Reload whenever files have changed, for ever."""
        seen = self._stamps
        while True:
            await asyncio.sleep(every_s)
            before, seen = seen, await asyncio.to_thread(_stamps, self._files)
            # Certificate and key are two files: wait until nobody is writing any more.
            if seen == before != self._stamps:
                await asyncio.to_thread(self.reload)


def _stamps(files: TlsFiles) -> list[tuple[int, ...]]:
    return [_stamp(file) for file in files.all()]


def _stamp(file: Path) -> tuple[int, ...]:
    try:
        stat = file.stat()
    except OSError:
        return ()
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


class _EncryptedError(Exception):
    """A key needs a password."""


def _no_password() -> str:
    raise _EncryptedError  # else OpenSSL would ask at the terminal


class _naming:  # noqa: N801 - reads as a clause: `with _naming(file):`
    """Turns what `ssl` and the file system raise into one sentence with the file's name."""

    def __init__(self, *files: Path) -> None:
        self._files = files

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        names = " and ".join(str(file) for file in self._files)
        if isinstance(error, OSError):  # ssl.SSLError is one
            raise TlsError(f"{names}: {error.strerror or error}") from error
        if isinstance(error, _EncryptedError):
            raise TlsError(f"{names}: the key is encrypted; it must not be") from error
