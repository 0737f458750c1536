"""Id tokens through an administrator's hands, and the unknown ones that were presented: how cards are onboarded."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from domain import unknown_tokens
from domain.models import IdToken
from fleet.charge_points import FleetError
from fleet.charge_points_bodies import Partner
from fleet.ports import Ports
from ocppj import timestamps
from web.fields import Moment, Strict


class UnknownTokenError(FleetError):
    """There is no such token."""


Token = Annotated[str, Field(min_length=1, max_length=255)]
Group = Annotated[str, Field(min_length=1, max_length=36)]
Place = Annotated[str, Field(min_length=1, max_length=140)]
Status = Literal["Accepted", "Blocked", "Invalid", "NoCredit"]


class Settings(Strict):
    """PATCH /id-tokens/{idToken}: what is named is set, null is none."""

    status: Status = "Accepted"
    expires_at: Moment | None = None
    group_id: Group | None = None
    type: Annotated[str, Field(min_length=1, max_length=20)] | None = None
    allowed: Annotated[tuple[Place, ...], Field(strict=False)] = ()  # JSON has lists only
    is_prepaid: bool = False
    tariff_id: Annotated[str, Field(min_length=1, max_length=100)] | None = None

    def on(self, id_token: IdToken) -> IdToken:
        """The token with what is named."""
        named = {_FIELDS.get(name, name): getattr(self, name) for name in self.model_fields_set}
        if named.get("expires_at"):
            named["expires_at"] = timestamps.parse(named["expires_at"])
        return replace(id_token, **named)


class Add(Settings):
    """POST /id-tokens, and a row of a file."""

    id_token: Token
    partner: Partner | None = None

    def token(self) -> IdToken:
        """The token."""
        plain = Settings.model_construct(self.model_fields_set - {"id_token", "partner"}, **dict(self))
        return plain.on(IdToken(self.id_token.lower(), partner=self.partner))


_FIELDS = {"type": "kind"}


def change(id_token: str, partner: str | None, changes: dict[str, Any], ports: Ports) -> IdToken:
    """Set fields of a token.

    Raises:
        UnknownTokenError: there is no such token.
    """
    found = ports.id_tokens.find(id_token, partner)
    if found is None:
        raise UnknownTokenError(f"there is no id token {id_token!r}{f' of {partner}' if partner else ''}")
    changed = replace(found, **changes)
    ports.id_tokens.put(changed)
    return changed


def remove(id_token: str, partner: str | None, ports: Ports) -> None:
    """Remove a token: it is unknown from now on.

    Raises:
        UnknownTokenError: there is no such token.
    """
    if not ports.id_tokens.remove(id_token, partner):
        raise UnknownTokenError(f"there is no id token {id_token!r}{f' of {partner}' if partner else ''}")


def unknown(partner: str | None, since: datetime, ports: Ports, limit: int = 100) -> Sequence[dict[str, Any]]:
    """The tokens nobody added that were presented since then, the latest first; what is known by now is left out."""
    presented = unknown_tokens.presented(partner, ports.reports)
    recent = [each for each in presented if timestamps.parse(each["presentedAt"]) >= since]
    return [each for each in recent[:limit] if ports.id_tokens.find(each["idToken"], partner) is None]


def as_json(id_token: IdToken) -> dict[str, Any]:
    """An id token as callers see it."""
    return {
        "idToken": id_token.id_token,
        "partner": id_token.partner,
        "status": id_token.status,
        "expiresAt": timestamps.write(id_token.expires_at) if id_token.expires_at else None,
        "groupId": id_token.group_id,
        "type": id_token.kind,
        "allowed": list(id_token.allowed),
        "isPrepaid": id_token.is_prepaid,
        "tariffId": id_token.tariff_id,
    }
