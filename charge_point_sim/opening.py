"""How a charge point opens a connection: the URL, the version it offers, and who it says it is."""

import base64
from urllib.parse import quote

from charge_point_sim.charge_point import ChargePoint

_WITH_PASSWORD = (1, 2)


def address(url: str, identity: str) -> str:
    """The URL of a charge point: the endpoint and its identity, percent-encoded, unless it is there already."""
    segment = quote(identity, safe="")
    endpoint = url.rstrip("/")
    return endpoint if endpoint.endswith(f"/{segment}") else f"{endpoint}/{segment}"


def offered(cp: ChargePoint) -> str | None:
    """The subprotocol it offers, if it offers any."""
    return None if "no-subprotocol" in cp.setup.quirks else cp.dialect.version.subprotocol


def is_common(cp: ChargePoint, chosen: str | None) -> bool:
    """Whether it can go on with what the other side chose."""
    return chosen == offered(cp)


def identity(cp: ChargePoint) -> str:
    """Who it says it is: a network profile may give it another name."""
    return cp.networks.now.identity or cp.setup.identity


def authorization(cp: ChargePoint) -> str | None:
    """The Authorization header, if it has a password, and its security profile one of those that prove it."""
    network = cp.networks.now
    password = network.password or cp.password
    if password is None or network.security_profile not in _WITH_PASSWORD:
        return None
    if "hex-password" in cp.setup.quirks:
        password = password.hex().encode()
    credentials = b"%s:%s" % (identity(cp).encode(), password)
    return f"Basic {base64.b64encode(credentials).decode()}"
