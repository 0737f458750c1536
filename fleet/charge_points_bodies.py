"""What callers say of charge points: the same for HTTP, the command line and files."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from domain.models import Registration
from fleet.charge_points import New
from ocppj import topics, versions
from ocppj.errors import IdentityError
from ocppj.versions import Version
from web.fields import Strict, Text
from web.problems import InvalidRequestError, Wrong

SUBPROTOCOLS = Literal["ocpp1.6", "ocpp2.0.1", "ocpp2.1"]


def _escaped(identity: str) -> str:
    try:
        topics.escape(identity)
    except IdentityError as error:
        raise PydanticCustomError("identity", "{why}", {"why": str(error)}) from error
    return identity


Identity = Annotated[str, AfterValidator(_escaped)]
Partner = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,40}$")]
Word = Annotated[str, Field(min_length=1, max_length=100)]
Profile = Annotated[int, Field(ge=0, le=3)]
Password = Annotated[str, Field(min_length=8, max_length=64)]


class Change(Strict):
    """PATCH /charge-points/{id}: what is named is set, null is none."""

    partner: Partner | None = None
    site: Word | None = None
    vendor_profile: Word | None = None
    security_profile: Profile | None = None
    allow_downgrade: bool = False
    common_name: Word | None = None  # of its certificate
    certificate_names: Annotated[tuple[Word, ...], Field(strict=False)] = ()  # JSON has lists only
    default_version: SUBPROTOCOLS | None = None
    ping_interval_seconds: Annotated[int, Field(ge=0, le=86_400)] | None = None
    command_timeout_seconds: Annotated[int, Field(ge=1, le=3600)] | None = None  # for its answer to a command
    tariff_id: Word | None = None
    registration: Literal["Accepted", "Pending", "Rejected"] = "Accepted"

    def changes(self) -> dict[str, Any]:
        """The fields of the row that are named, as `Administration.change` takes them."""
        return {_ROW.get(name, name): _value(name, getattr(self, name)) for name in sorted(self.model_fields_set)}


class Register(Change):
    """POST /charge-points. `identity` is what the charge point writes in its URL, after the `idPrefix`."""

    identity: Identity
    id_prefix: Text | None = None
    password: Password | None = None

    def new(self) -> New:
        """The charge point to register.

        Raises:
            InvalidRequestError: the id gets too long, or the profile has nothing to prove itself with.
        """
        try:
            charge_point_id = topics.escape((self.id_prefix or "") + self.identity)
        except IdentityError as error:
            raise InvalidRequestError([Wrong("/idPrefix", str(error))]) from error
        if self.security_profile in (1, 2) and self.password is None:
            needs = f'security profile {self.security_profile} needs a password, or "generate"'
            raise InvalidRequestError([Wrong("/password", needs)])
        named = {"identity", "id_prefix", "password"}
        facts = {name: value for name, value in self.changes().items() if name not in named and value is not None}
        return New(charge_point_id, self.password, facts)


class RotatePassword(Strict):
    """POST /charge-points/{id}/rotate-password. `atOnce`: the old one counts no more, used or not."""

    password: Password = "generate"  # noqa: S105  the word, not a password
    at_once: bool = False


class Certificate(Strict):
    """POST /charge-points/{id}/certificates: a certificate signing request, as PEM."""

    csr: Text | None = None


_ROW = {
    "common_name": "serial_number",
    "ping_interval_seconds": "ping_interval_s",
    "command_timeout_seconds": "command_timeout_s",
}


def _value(name: str, value: Any) -> Any:
    if value is None:
        return None
    convert: dict[str, Any] = {"certificate_names": tuple, "registration": Registration, "default_version": _version}
    return convert.get(name, lambda same: same)(value)


def _version(subprotocol: str) -> Version:
    return versions.of_subprotocol(subprotocol)
