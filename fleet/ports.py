"""Everything fleet administration needs of the world, in one hand."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from domain.administration import Administration, IdTokenLists, Registrations
from domain.ports import Admissions, CertificateSigner, Outbound, Passwords, Registry, Reports
from fleet.reading import Reading


class Rows(Admissions, Registry, Passwords, Protocol):
    """The registry."""


class Things(Protocol):
    """IoT things, and the shadows they have."""

    def create(self, charge_point_id: str) -> str:
        """Create the thing, or find the one of that name; returns its id."""

    def find(self, charge_point_id: str) -> str | None:
        """The id of the thing of that name, if there is one."""

    def delete(self, charge_point_id: str) -> None:
        """Delete the thing, if there is one."""

    def names(self) -> Iterator[str]:
        """The names of all things."""

    def shadow(self, charge_point_id: str) -> dict[str, Any] | None:
        """The reported state of its classic shadow, if it has one."""


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports, a clock, and where secrets come from.

    `make_request` makes a private key and a certificate signing request (PEM both) for a common name.
    """

    reading: Reading
    registry: Rows
    administration: Administration
    registrations: Registrations
    things: Things
    id_tokens: IdTokenLists
    reports: Reports
    outbound: Outbound
    now: Callable[[], datetime]
    random_bytes: Callable[[int], bytes]
    pepper: bytes = field(default=b"", repr=False)
    signer: CertificateSigner | None = None
    make_request: Callable[[str], tuple[str, str]] | None = None
