"""Whom we trust when we speak TLS, and who we are ourselves."""

import ssl
from pathlib import Path
from tempfile import TemporaryDirectory

from charge_point_sim.kept import Own


class TlsError(ValueError):
    """A file with certificates that can't be used; says why."""


def context(url: str, ca: str | None, own: Own | None = None) -> ssl.SSLContext | None:
    """How to speak TLS, if the URL asks for it; with a certificate of our own if the other side wants to see one.

    Raises:
        TlsError: a file is missing, or what should be in it is not.
    """
    if not url.lower().startswith("wss://"):
        return None
    try:
        found = trusting(ca)
    except OSError as error:
        raise TlsError(f"{ca}: {error.strerror or error}") from error
    if own:
        _show(found, own)
    return found


def trusting(ca: str | Path | None) -> ssl.SSLContext:
    """A context that verifies chain, validity and name, by the system's authorities or those of a file.

    Raises:
        OSError: the file is missing, or no PEM.
    """
    found = ssl.create_default_context(cafile=ca)
    # As on every Python before 3.13, and in charge points: a certificate without key identifiers will do (RFC 5280
    # 4.2.1.1 wants them). Any certificate of the file is believed, as since 3.13.
    found.verify_flags &= ~ssl.VERIFY_X509_STRICT
    found.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return found


def own(certificate: str, key: str) -> Own:
    """Our own certificate, with the chain it may have, and its key, from files.

    Raises:
        TlsError: a file is missing, or what should be in it is not.
    """
    try:
        found = Own(Path(certificate).read_text(), Path(key).read_bytes())
    except OSError as error:
        raise TlsError(f"{error.filename}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise TlsError(f"{certificate} is no PEM file") from error
    _show(ssl.create_default_context(), found)
    return found


def _show(tls: ssl.SSLContext, own: Own) -> None:
    # OpenSSL by way of Python reads them from files only.
    with TemporaryDirectory() as directory:
        both = Path(directory) / "own.pem"
        both.touch(mode=0o600)
        both.write_bytes(own.key + b"\n" + own.chain.encode())
        try:
            tls.load_cert_chain(both)
        except (ssl.SSLError, OSError) as error:
            raise TlsError(f"the certificate of our own does not do: {error}") from error
