"""Charge points through an administrator's hands: registered, changed, switched off and on, deleted.

The registry row comes first, then the IoT thing, whose event finds the row there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from domain import credentials, eviction
from domain.models import ChargePoint
from domain.ports import CsrRefusedError
from fleet import views
from fleet.ports import Ports
from ocppj import topics

# 20 bytes, 40 hex digits: an AuthorizationKey of 1.6 (J16 §6.2.2) and, as text, a passwordString of 2.0.1.
SECRET_SIZE = 20
SALT_SIZE = 16
GENERATE = "generate"
BY_CERTIFICATE = 3  # the security profile


class FleetError(Exception):
    """It can't be done; the text is one sentence, without its full stop."""


class AlreadyRegisteredError(FleetError):
    """There is a charge point of that id."""


class UnknownError(FleetError):
    """There is no charge point of that id."""


class NoAuthorityError(FleetError):
    """Nobody here signs certificates."""


class RefusedRequestError(FleetError):
    """A certificate signing request is not to be signed."""


@dataclass(frozen=True, slots=True)
class New:
    """A charge point to register; `password` is one, or the word generate, and `facts` are fields of its row."""

    charge_point_id: str
    password: str | None = field(default=None, repr=False)
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Registered:
    """What the administrator is told: a generated password is told here and never again."""

    charge_point_id: str
    thing_id: str
    password: str | None = field(default=None, repr=False)

    def as_json(self) -> dict[str, Any]:
        shown = {"chargePointId": self.charge_point_id, "thingId": self.thing_id}
        return shown | ({"password": self.password} if self.password else {})


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate, and its private key if it was made here: told here and never again."""

    certificate: str
    private_key: str | None = field(default=None, repr=False)


def register(new: New, ports: Ports) -> Registered:
    """Register a charge point.

    Raises:
        AlreadyRegisteredError: it is registered, or one whose id differs in case only; nothing was changed.
    """
    told, row = _made(new, ports)
    if not ports.registry.add(row):
        raise taken(new.charge_point_id, ports)
    return Registered(new.charge_point_id, complete(new.charge_point_id, ports), told)


def taken(charge_point_id: str, ports: Ports) -> AlreadyRegisteredError:
    """Why this id can't be registered."""
    other = ports.registry.find_in_any_case(charge_point_id)
    if other is not None and other.charge_point_id != charge_point_id:  # OCPP 2.x compares identities in any case
        return differs_in_case(charge_point_id, other)
    return AlreadyRegisteredError(
        f"{charge_point_id} is registered already: ids are unique in an account, whoever they belong to"
    )


def differs_in_case(charge_point_id: str, other: ChargePoint) -> AlreadyRegisteredError:
    """Why this id can't be registered beside the other."""
    return AlreadyRegisteredError(
        f"{charge_point_id} differs in case only from {other.charge_point_id}, which is registered"
    )


def register_many(news: Sequence[New], ports: Ports, before_each: Callable[[], None]) -> dict[str, Registered]:
    """Register charge points in a few requests, and one for each thing; their ids must differ in more than case.

    `before_each` is called before a thing is made, whose number a second is limited. Who is not in the result is
    registered already.
    """
    made = {new.charge_point_id: _made(new, ports) for new in news}
    added = ports.registrations.add([row for _, row in made.values()])
    thing_ids: dict[str, str] = {}
    for charge_point_id in filter(added.__contains__, made):
        before_each()
        thing_ids[charge_point_id] = ports.things.create(charge_point_id)
    ports.registrations.fill_in(thing_ids)
    return {name: Registered(name, thing_id, made[name][0]) for name, thing_id in thing_ids.items()}


def complete(charge_point_id: str, ports: Ports) -> str:
    """See that a row has its thing; returns the thing's id."""
    thing_id = ports.things.create(charge_point_id)
    ports.registry.add(ChargePoint(charge_point_id, thing_id=thing_id))
    return thing_id


def change(charge_point_id: str, changes: dict[str, Any], ports: Ports) -> ChargePoint:
    """Set fields of the row; whoever is disabled by that loses its socket.

    Raises:
        UnknownError: it is not registered.
    """
    row = ports.administration.change(charge_point_id, changes)
    if row is None:
        raise UnknownError(f"{charge_point_id} is not registered")
    if row.disabled:
        # Since this write no connect gets through, so whoever is connected now is the last.
        eviction.evict(row, ports.outbound)
    return row


def rotate_password(charge_point_id: str, password: str, ports: Ports, *, at_once: bool = False) -> str | None:
    """Give it another password (or the word generate); returns a generated one.

    The old one counts until the new one is used, or no longer (`at_once`).

    Raises:
        UnknownError: it is not registered.
    """
    told, hashed = secret(password, ports)
    row = ports.registry.find(charge_point_id)
    if row is None:
        raise UnknownError(f"{charge_point_id} is not registered")
    if at_once or row.password_hash is None:
        change(charge_point_id, {"password_hash": hashed}, ports)
    elif not ports.registry.rotate(charge_point_id, hashed, until_used=True):
        raise UnknownError(f"{charge_point_id} is not registered")
    return told


def issue_certificate(charge_point_id: str, csr: str | None, ports: Ports) -> Issued:
    """Sign a certificate for a charge point, which is to connect by it from now on (security profile 3).

    Without a signing request a key is made for it, too.

    Raises:
        UnknownError: it is not registered.
        NoAuthorityError: nobody here signs.
        RefusedRequestError: the request is none, or not this charge point's.
    """
    row = ports.registry.find(charge_point_id)
    if row is None:
        raise UnknownError(f"{charge_point_id} is not registered")
    if ports.signer is None:
        raise NoAuthorityError("Nobody signs certificates here: set OCPPGW_CA_CERTIFICATE and OCPPGW_CA_KEY")
    identity = topics.unescape(charge_point_id)
    names = {identity, *row.certificate_names, *filter(None, [row.serial_number])}
    common_name, key = row.serial_number or identity, None
    if csr is None:
        if ports.make_request is None:
            raise RefusedRequestError("send a certificate signing request: keys are not made here")
        key, csr = ports.make_request(common_name)
    try:
        certificate = ports.signer.sign(csr, names, ports.now())
    except CsrRefusedError as error:
        raise RefusedRequestError(f"the certificate signing request was refused: {error}") from error
    missing = () if row.serial_number or identity in row.certificate_names else (identity,)
    names_now = (*row.certificate_names, *missing)
    change(charge_point_id, {"security_profile": BY_CERTIFICATE, "certificate_names": names_now}, ports)
    return Issued(certificate, key)


def delete(charge_point_id: str, ports: Ports) -> None:
    """Delete the thing and the row, and close the socket.

    Raises:
        UnknownError: it is not registered.
    """
    row = ports.registry.find(charge_point_id)
    if row is None:
        raise UnknownError(f"{charge_point_id} is not registered")
    # The thing first: whatever goes wrong after that, its event or `reconcile` ends what was begun here.
    ports.things.delete(charge_point_id)
    eviction.strike_off(charge_point_id, row.thing_id, ports.registry, ports.outbound)


def secret(password: str, ports: Ports) -> tuple[str | None, str]:
    """What to tell of a password, or of the one made for the word generate, and its hash."""
    if password == GENERATE:
        return generate(ports.random_bytes, ports.pepper)
    return None, credentials.hash_imported(password.encode(), ports.random_bytes(SALT_SIZE))


def generate(random_bytes: Callable[[int], bytes], pepper: bytes) -> tuple[str, str]:
    """A new password as hex text, and its hash. 1.6 charge points present its bytes, others its text."""
    made = random_bytes(SECRET_SIZE)
    return made.hex(), credentials.hash_generated(made, pepper, random_bytes(SALT_SIZE))


def _made(new: New, ports: Ports) -> tuple[str | None, ChargePoint]:
    """A generated password, and the row."""
    told, hashed = secret(new.password, ports) if new.password else (None, None)
    return told, ChargePoint(new.charge_point_id, created_at=ports.now(), password_hash=hashed, **new.facts)


def shown(row: ChargePoint, ports: Ports, *, with_shadow: bool = False) -> dict[str, Any]:
    """A charge point as callers see it; `shadow` is what its shadow reports, which is asked for at AWS IoT."""
    told = views.charge_point(row, is_online=is_online(row, ports, {}))
    return told | ({"shadow": ports.things.shadow(row.charge_point_id)} if with_shadow else {})


def is_online(row: ChargePoint, ports: Ports, alive: dict[str, bool]) -> bool:
    """Whether its socket is open and its gateway alive; `alive` remembers gateways."""
    connection = row.connection
    if connection is None or connection.disconnected_at is not None:
        return False
    if connection.gateway not in alive:
        alive[connection.gateway] = ports.registry.is_alive(connection.gateway, ports.now())
    return alive[connection.gateway]
