"""Whom we trust when we speak TLS."""

import ssl


class TlsError(ValueError):
    """A file with certificates that can't be used; says why."""


def context(url: str, ca: str | None) -> ssl.SSLContext | None:
    """How to speak TLS, if the URL asks for it.

    Raises:
        TlsError: the file is missing, or no certificates are in it.
    """
    if not url.lower().startswith("wss://"):
        return None
    try:
        return ssl.create_default_context(cafile=ca)
    except OSError as error:
        raise TlsError(f"{ca}: {error.strerror or error}") from error
