"""Remote start and stop: one body for all versions, rendered in the one the charge point speaks (conformance E.1)."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from ocppj.versions import V16
from remote_commands import limits
from remote_commands.fields import Body, ChargePointId, ConnectorNumber, GivenIdToken, token_as_object
from remote_commands.rendering import Making, Wanted, given
from web.fields import MAX_INT32, Text
from web.problems import InvalidRequestError, Wrong


def _number_as_text(found: Any) -> Any:
    return str(found) if type(found) is int else found


class Start(Body):
    """Who charges, where, and how fast."""

    id_tag: str | None = Field(default=None, min_length=1)
    id_token: Annotated[
        GivenIdToken | None, BeforeValidator(token_as_object, json_schema_input_type=str | GivenIdToken | None)
    ] = None
    connector_id: ConnectorNumber | None = None
    evse_id: ConnectorNumber | None = None
    charging_profile: dict[str, Any] | None = None


class Stop(Body):
    """The transaction's id as the charge point's version has it, number or text."""

    transaction_id: Annotated[Text, BeforeValidator(_number_as_text, json_schema_input_type=str | int)]


class RemoteStart(Start):
    """The body of POST /remote-start-transaction."""

    charge_point_id: ChargePointId


class RemoteStop(Stop):
    """The body of POST /remote-stop-transaction."""

    charge_point_id: ChargePointId


def start_16(body: Start, making: Making) -> Wanted:
    """RemoteStartTransaction."""
    _check_profile(body, making)
    # Callers who think in 2.x name the EVSE; in 1.6 there is nothing but connectors.
    payload = given(
        idTag=_token(body).value,
        connectorId=body.connector_id or body.evse_id,
        chargingProfile=body.charging_profile,
    )
    sources = {"/idTag": _token_source(body), "/connectorId": "/connectorId" if body.connector_id else "/evseId"}
    return Wanted(V16, "RemoteStartTransaction", payload, sources)


def start_2x(body: Start, making: Making) -> Wanted:
    """RequestStartTransaction, with a number of ours to know the transaction by."""
    _check_profile(body, making)
    token = _token(body)
    payload = given(
        idToken={"idToken": token.value, "type": token.type},
        remoteStartId=making.number(),
        # 2.x starts on an EVSE; who names only a connector means the EVSE of that number, for most have one connector.
        evseId=body.evse_id or body.connector_id,
        chargingProfile=body.charging_profile,
    )
    sources = {"/idToken/idToken": _token_source(body), "/evseId": "/evseId" if body.evse_id else "/connectorId"}
    return Wanted(making.version, "RequestStartTransaction", payload, sources)


def stop_16(body: Stop, _: Making) -> Wanted:
    """RemoteStopTransaction.

    Raises:
        InvalidRequestError: 1.6 numbers its transactions, and this is no number.
    """
    if not re.fullmatch(r"[0-9]{1,10}", body.transaction_id) or int(body.transaction_id) > MAX_INT32:
        raise InvalidRequestError(
            [Wrong("/transactionId", "a transaction of an OCPP 1.6 charge point is a whole number")]
        )
    return Wanted(V16, "RemoteStopTransaction", {"transactionId": int(body.transaction_id)})


def stop_2x(body: Stop, making: Making) -> Wanted:
    """RequestStopTransaction."""
    return Wanted(making.version, "RequestStopTransaction", {"transactionId": body.transaction_id})


def wrong_together(found: dict[str, Any]) -> list[Wrong]:
    """What no single field of a start shows."""
    tokens = [name for name in ("idTag", "idToken") if found.get(name) is not None]
    wrong = [Wrong(f"/{name}", "idTag or idToken, not both") for name in tokens if len(tokens) == 2]
    if not tokens:
        wrong.append(Wrong("/idTag", "idTag or idToken is required"))
    profile = found.get("chargingProfile")
    return wrong + (_wrong_profile(profile) if isinstance(profile, dict) else [])


def _check_profile(body: Start, making: Making) -> None:
    if body.charging_profile is not None:
        at = "/chargingProfile"
        limits.check_profile(body.charging_profile, making, f"{at}/stackLevel", f"{at}/chargingSchedule")


def _token(body: Start) -> GivenIdToken:
    return body.id_token or GivenIdToken(value=body.id_tag or "")


def _token_source(body: Start) -> str:
    return "/idToken" if body.id_token else "/idTag"


def _wrong_profile(profile: dict[str, Any]) -> list[Wrong]:
    # There is no transaction yet: only a TxProfile, and without a transactionId (conformance D.2).
    wrong = []
    if profile.get("chargingProfilePurpose") != "TxProfile":
        wrong.append(Wrong("/chargingProfile/chargingProfilePurpose", "a remote start takes a TxProfile only"))
    if "transactionId" in profile:
        wrong.append(Wrong("/chargingProfile/transactionId", "a transaction that is to start has no id yet"))
    return wrong
