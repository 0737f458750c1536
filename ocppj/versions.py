"""The OCPP versions we speak: one row each."""

from dataclasses import dataclass
from typing import Any


class UnknownVersionError(ValueError):
    """No OCPP version of that name is spoken here."""


@dataclass(frozen=True, slots=True, eq=False)
class Version:
    """One OCPP version.

    `base` is the root of its family: 1.6 or 2.0.1. Handlers and error codes written for the base serve it too.
    """

    name: str
    subprotocol: str
    schema_folder: str
    request_suffix: str
    parent: "Version | None" = None

    @property
    def base(self) -> "Version":
        return self.parent or self

    def __repr__(self) -> str:
        return f"OCPP {self.name}"

    def __reduce__(self) -> str | tuple[Any, ...]:
        return of_subprotocol, (self.subprotocol,)


V16 = Version("1.6", "ocpp1.6", "v16", request_suffix="")
V201 = Version("2.0.1", "ocpp2.0.1", "v201", request_suffix="Request")
V21 = Version("2.1", "ocpp2.1", "v21", request_suffix="Request", parent=V201)

VERSIONS = (V16, V201, V21)
_BY_SUBPROTOCOL = {version.subprotocol: version for version in VERSIONS}


def of_subprotocol(subprotocol: str) -> Version:
    """The version a WebSocket subprotocol stands for, such as "ocpp2.0.1".

    Raises:
        UnknownVersionError: we don't speak it.
    """
    version = _BY_SUBPROTOCOL.get(subprotocol)
    if version is None:
        raise UnknownVersionError(f"{subprotocol!r} is none of {', '.join(_BY_SUBPROTOCOL)}")
    return version


def negotiate(offered: list[str]) -> Version | None:
    """The first version the client lists that we speak; unknown tokens are skipped (J16 §3.1.3, TC_088)."""
    return next((_BY_SUBPROTOCOL[token] for token in offered if token in _BY_SUBPROTOCOL), None)
