"""Remote start and stop: one body for all versions, rendered in the one the charge point speaks (conformance E.1)."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from ocppj.versions import V16, Version
from remote_commands.errors import InvalidRequestError, Wrong, wrong_fields

MAX_INT32 = 2**31 - 1

Body = TypeVar("Body", "RemoteStart", "RemoteStop")


@dataclass(frozen=True, slots=True)
class Wanted:
    """An action and its payload in one version.

    `sources` maps a JSON pointer into the payload to where the caller wrote it: what the schema finds wrong is
    told in the caller's words.
    """

    version: Version
    action: str
    payload: dict[str, Any]
    sources: dict[str, str] = field(default_factory=dict)

    def source(self, pointer: str) -> str:
        """Where the caller wrote what is at `pointer` of the payload."""
        return self.sources.get(pointer, pointer)


def _token_as_object(given: Any) -> Any:
    if given is None or isinstance(given, dict):
        return given
    if isinstance(given, str) and given:
        return {"value": given}
    raise PydanticCustomError("id_token", "an id token is a text that is not empty, or an object with idToken and type")


def _number_as_text(given: Any) -> Any:
    return str(given) if type(given) is int else given


class _Strict(BaseModel):
    # Strict, because "connectorId": "1" is a caller's mistake; nothing extra, because that catches typing errors.
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, alias_generator=to_camel)


class GivenIdToken(_Strict):
    """An id token with its type; only 2.x has types, and a remote start's is Central (conformance E.1)."""

    value: str = Field(min_length=1, validation_alias=AliasChoices("idToken", "value"))
    type: str = "Central"


ConnectorNumber = Annotated[int, Field(ge=1, le=MAX_INT32)]  # 0 is the whole charge point, which can't charge
ChargePointId = Annotated[str, Field(min_length=1)]


class RemoteStart(_Strict):
    """The body of POST /remote-start-transaction."""

    charge_point_id: ChargePointId
    id_tag: str | None = Field(default=None, min_length=1)
    id_token: Annotated[GivenIdToken | None, BeforeValidator(_token_as_object)] = None
    connector_id: ConnectorNumber | None = None
    evse_id: ConnectorNumber | None = None
    charging_profile: dict[str, Any] | None = None


class RemoteStop(_Strict):
    """The body of POST /remote-stop-transaction; the id as the charge point's version has it, number or text."""

    charge_point_id: ChargePointId
    transaction_id: Annotated[str, BeforeValidator(_number_as_text), Field(min_length=1)]


def read(kind: type[Body], given: Any) -> Body:
    """Read a body.

    Raises:
        InvalidRequestError: names every field that is wrong.
    """
    wrong = _wrong_together(given) if kind is RemoteStart and isinstance(given, dict) else []
    try:
        body = kind.model_validate(given)
    except ValidationError as error:
        raise InvalidRequestError(wrong_fields(error) + wrong) from error
    if wrong:
        raise InvalidRequestError(wrong)
    return body


def start(body: RemoteStart, version: Version, remote_start_id: Callable[[], int]) -> Wanted:
    """A remote start in this version; only 2.x asks for a `remote_start_id`."""
    return _start_16(body) if version.base is V16 else _start_2x(body, version, remote_start_id())


def stop(body: RemoteStop, version: Version) -> Wanted:
    """A remote stop in this version.

    Raises:
        InvalidRequestError: 1.6 numbers its transactions, and this is no number.
    """
    if version.base is not V16:
        return Wanted(version, "RequestStopTransaction", {"transactionId": body.transaction_id})
    if not re.fullmatch(r"[0-9]{1,10}", body.transaction_id) or int(body.transaction_id) > MAX_INT32:
        raise InvalidRequestError(
            [Wrong("/transactionId", "a transaction of an OCPP 1.6 charge point is a whole number")]
        )
    return Wanted(version, "RemoteStopTransaction", {"transactionId": int(body.transaction_id)})


def _start_16(body: RemoteStart) -> Wanted:
    # Callers who think in 2.x name the EVSE; in 1.6 there is nothing but connectors.
    connector = body.connector_id or body.evse_id
    payload = {"idTag": _token(body).value, "connectorId": connector, "chargingProfile": body.charging_profile}
    sources = {"/idTag": _token_source(body), "/connectorId": "/connectorId" if body.connector_id else "/evseId"}
    return Wanted(V16, "RemoteStartTransaction", _given(payload), sources)


def _start_2x(body: RemoteStart, version: Version, remote_start_id: int) -> Wanted:
    # 2.x starts on an EVSE; who names only a connector means the EVSE of that number, for most have one connector.
    evse = body.evse_id or body.connector_id
    token = _token(body)
    payload = {
        "idToken": {"idToken": token.value, "type": token.type},
        "remoteStartId": remote_start_id,
        "evseId": evse,
        "chargingProfile": body.charging_profile,
    }
    sources = {"/idToken/idToken": _token_source(body), "/evseId": "/evseId" if body.evse_id else "/connectorId"}
    return Wanted(version, "RequestStartTransaction", _given(payload), sources)


def _token(body: RemoteStart) -> GivenIdToken:
    return body.id_token or GivenIdToken(value=body.id_tag or "")


def _token_source(body: RemoteStart) -> str:
    return "/idToken" if body.id_token else "/idTag"


def _given(payload: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in payload.items() if value is not None}


def _wrong_together(given: dict[str, Any]) -> list[Wrong]:
    """What no single field shows."""
    tokens = [name for name in ("idTag", "idToken") if given.get(name) is not None]
    wrong = [Wrong(f"/{name}", "idTag or idToken, not both") for name in tokens if len(tokens) == 2]
    if not tokens:
        wrong.append(Wrong("/idTag", "idTag or idToken is required"))
    profile = given.get("chargingProfile")
    return wrong + (_wrong_profile(profile) if isinstance(profile, dict) else [])


def _wrong_profile(profile: dict[str, Any]) -> list[Wrong]:
    # There is no transaction yet: only a TxProfile, and without a transactionId (conformance D.2).
    wrong = []
    if profile.get("chargingProfilePurpose") != "TxProfile":
        wrong.append(Wrong("/chargingProfile/chargingProfilePurpose", "a remote start takes a TxProfile only"))
    if "transactionId" in profile:
        wrong.append(Wrong("/chargingProfile/transactionId", "a transaction that is to start has no id yet"))
    return wrong
