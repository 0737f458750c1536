"""The bodies of the version-neutral commands (conformance E.1), named as callers think of them.

`connectorId` and `evseId` stand in for each other: 1.6 knows connectors only, and most EVSEs have one connector.
"""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from remote_commands.fields import Body, ConnectorNumber, GivenIdToken, Place, token_as_object
from web.fields import Moment, Number, Strict, Text
from web.problems import Wrong

Message = Literal[
    "BootNotification", "DiagnosticsStatusNotification", "FirmwareStatusNotification", "Heartbeat",
    "LogStatusNotification", "MeterValues", "PublishFirmwareStatusNotification", "SignChargePointCertificate",
    "SignChargingStationCertificate", "SignCombinedCertificate", "SignV2GCertificate", "StatusNotification",
    "TransactionEvent",
]  # fmt: skip
Purpose = Literal["station_max", "tx_default", "tx"]
RateUnit = Literal["A", "W"]
RootCertificate = Literal["csms_root", "manufacturer_root", "v2g_root", "mo_root"]
Token = Annotated[GivenIdToken, BeforeValidator(token_as_object, json_schema_input_type=str | GivenIdToken)]


class Nothing(Body):
    """A command without fields."""


class Reset(Body):
    """`graceful` waits for transactions where the version can; `force` doesn't."""

    type: Literal["graceful", "force"] = "graceful"
    evse_id: ConnectorNumber | None = None


class Unlock(Body):
    """Unlock a connector."""

    connector_id: ConnectorNumber | None = None
    evse_id: ConnectorNumber | None = None

    @model_validator(mode="after")
    def _somewhere(self) -> "Unlock":
        if self.connector_id is None and self.evse_id is None:
            raise PydanticCustomError("connector", "connectorId or evseId is required")
        return self


class ChangeAvailability(Body):
    """Without a connector or EVSE, or with 0, the whole charge point."""

    status: Literal["operative", "inoperative"]
    connector_id: Place | None = None
    evse_id: Place | None = None


class Component(Strict):
    """A variable of 2.x in its own words."""

    component: dict[str, Any]
    variable: dict[str, Any]


class GetConfiguration(Body):
    """Keys of 1.6 or `Component.Variable` of 2.x, translated where both have them; none is all of them."""

    keys: list[Text | Component] = Field(default_factory=list)


class SetConfiguration(Body):
    """Key to value; keys as in GetConfiguration, numbers and booleans as OCPP writes them."""

    values: dict[Text, str | int | float | bool] = Field(min_length=1)


class TriggerMessage(Body):
    """Have the charge point send a message now."""

    message: Message
    connector_id: Place | None = None
    evse_id: Place | None = None


class UpdateFirmware(Body):
    """Signed if it comes with a certificate and a signature; `retrieveAt` is now if nobody says otherwise."""

    location: Text
    retrieve_at: Moment | None = None
    install_at: Moment | None = None
    signing_certificate: Text | None = None
    signature: Text | None = None
    retries: Number | None = None
    retry_interval_seconds: Number | None = None

    @model_validator(mode="after")
    def _signed_wholly(self) -> "UpdateFirmware":
        if (self.signing_certificate is None) is not (self.signature is None):
            raise PydanticCustomError("signed", "signingCertificate and signature come together")
        return self


class GetLog(Body):
    """Have a log uploaded to `location`."""

    location: Text
    type: Literal["diagnostics", "security"] = "diagnostics"
    oldest: Moment | None = None
    latest: Moment | None = None
    retries: Number | None = None
    retry_interval_seconds: Number | None = None


class ListEntry(Strict):
    """One token of a local list; `remove` takes it off in a differential update."""

    id_token: Token
    status: Text = "Accepted"
    expires_at: Moment | None = None
    group_id: Text | None = None
    remove: bool = False


class SendLocalList(Body):
    """A local list or changes to it; cut into as many messages as the charge point needs.

    Every message has a version one higher than the one before; the first has `version`.
    """

    version: Annotated[int, Field(ge=1, le=2**31 - 1)]
    update: Literal["full", "differential"]
    entries: list[ListEntry] = Field(default_factory=list)
    items_per_message: ConnectorNumber | None = None

    @model_validator(mode="after")
    def _full_removes_nothing(self) -> "SendLocalList":
        if self.update == "full" and any(entry.remove for entry in self.entries):
            raise PydanticCustomError("remove", "a full update removes what it doesn't name: leave `remove` out")
        return self


class Period(Strict):
    """From `startSeconds` of the schedule on, at most `limit`."""

    start_seconds: Number
    limit: float = Field(ge=0)
    phases: Annotated[int, Field(ge=1, le=3)] | None = None


class SetChargingProfile(Body):
    """One charging profile with one schedule; without a connector or EVSE it is for the whole charge point."""

    id: Number
    stack_level: Number = 0
    purpose: Purpose
    kind: Literal["Absolute", "Recurring", "Relative"] = "Absolute"
    recurrency: Literal["Daily", "Weekly"] | None = None
    valid_from: Moment | None = None
    valid_to: Moment | None = None
    transaction_id: Annotated[str | int, Field()] | None = None
    connector_id: Place | None = None
    evse_id: Place | None = None
    rate_unit: RateUnit = "A"
    periods: list[Period] = Field(min_length=1)
    duration_seconds: Number | None = None
    start_at: Moment | None = None
    min_rate: float | None = Field(default=None, ge=0)


def wrong_profile(found: dict[str, Any]) -> list[Wrong]:
    """What no single field of a charging profile shows (conformance D.2)."""
    purpose, is_placed = found.get("purpose"), bool(found.get("evseId") or found.get("connectorId"))
    is_tx, periods = purpose == "tx", found.get("periods")
    first = periods[0] if isinstance(periods, list) and periods and isinstance(periods[0], dict) else {}
    is_vague = found.get("kind") == "Recurring" and found.get("recurrency") is None
    checks = [
        ("/transactionId", is_tx and found.get("transactionId") is None, "a profile of a transaction names it"),
        ("/connectorId", is_tx and not is_placed, "a profile of a transaction names its connector or EVSE"),
        ("/purpose", purpose == "station_max" and is_placed, "station_max is for the whole charge point"),
        ("/recurrency", is_vague, "Recurring says how often"),
        ("/periods/0/startSeconds", first.get("startSeconds", 0) != 0, "the first period starts at 0"),
    ]
    return [Wrong(pointer, why) for pointer, is_wrong, why in checks if is_wrong]


class ClearChargingProfile(Body):
    """What all given criteria hold for; none of them is every profile, which only 1.6 can."""

    id: Number | None = None
    purpose: Purpose | None = None
    stack_level: Number | None = None
    connector_id: Place | None = None
    evse_id: Place | None = None


class GetCompositeSchedule(Body):
    """What the charge point will allow in the next `durationSeconds`; 0 or nothing is the whole charge point."""

    duration_seconds: Number
    rate_unit: RateUnit | None = None
    connector_id: Place | None = None
    evse_id: Place | None = None


class Reserve(Body):
    """Without a connector or EVSE, any of them."""

    id_token: Token
    expires_at: Moment
    reservation_id: Number | None = None
    group_id: Text | None = None
    connector_id: Place | None = None
    evse_id: Place | None = None
    connector_type: Text | None = None


class CancelReservation(Body):
    """Cancel a reservation."""

    reservation_id: Number


class DataTransfer(Body):
    """Vendor content; 1.6 carries text only, so anything else goes as JSON there."""

    vendor_id: Text
    message_id: Text | None = None
    data: Any = None


class InstallCertificate(Body):
    """Install a root certificate, PEM."""

    type: RootCertificate
    certificate: Text


class ListCertificates(Body):
    """List installed certificates; 1.6 lists one type at a time, csms_root unless told."""

    type: RootCertificate | None = None


class DeleteCertificate(Body):
    """The hashes as the charge point listed them."""

    hash_algorithm: Literal["SHA256", "SHA384", "SHA512"]
    issuer_name_hash: Text
    issuer_key_hash: Text
    serial_number: Text
