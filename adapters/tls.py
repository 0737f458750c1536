"""Whom we believe when we connect somewhere: the system's authorities, or those of a file; alike on every Python."""

import ssl
from pathlib import Path


def trusting(ca: Path | None = None) -> ssl.SSLContext:
    """A context that verifies chain, validity and name.

    Raises:
        OSError: the file is missing, or no PEM.
    """
    context = ssl.create_default_context(cafile=ca)
    # Since 3.13 Python refuses what lacks key identifiers (RFC 5280 4.2.1.1), and the private authorities of many
    # brokers in the field were made without; and it takes any certificate of the file for a root, as others do.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context
