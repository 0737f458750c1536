"""The registry in DynamoDB: ChargePointTable, which also holds the gateways' leases as items `gateway#<gateway>`.

An item `name#<id in lower case>` says which charge point goes by that name: in OCPP 2.x identities compare in any case.

A connector's status is an attribute `connector#<connector>` of the row, so that connectors don't wait for each
other. `gatewayLink` is there only while a charge point is connected; the index on it says who is connected to whom.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any

import structlog
from botocore.exceptions import ClientError

from adapters import dynamodb
from adapters.dynamodb_items import Item, attribute, read, text, whole, without_large, write
from adapters.dynamodb_observations import (
    CONNECTOR,
    EXISTS,
    IS_CURRENT,
    DynamoObservations,
    connection_of,
    key_of,
)
from domain.models import Boot, ChargePoint, Connection, ConnectorState, Proven
from domain.ports import NOTHING_PROVEN, RowChangedError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

log = structlog.get_logger(__name__)

_INDEX = "byGatewayLink"
_LEASES_KEPT = timedelta(days=7)  # after the last renewal: the gateway's charge points are found by it
_GONE_KEPT = timedelta(days=21)  # an event waits 4 days in its queue and 14 among the dead letters
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LISTED = {"kind": attribute("chargePoint")}  # what rows have and other items lack: lists of rows go by it
IS_NEW = "attribute_not_exists(chargePointId)"
IS_FREE = "attribute_not_exists(#chargePointId) OR #name = :name"  # a name, or it stands for this charge point
LACKS_THING = f"{EXISTS} AND (attribute_not_exists(#thingId) OR #thingId = :none OR #thingId = :thingId)"
_ANYWAY = "attribute_exists(#chargePointId) OR attribute_not_exists(#chargePointId)"
_CREDENTIAL_NAMES = {
    "#chargePointId": "chargePointId",
    "#current": "passwordHash",
    "#next": "nextPasswordHash",
    "#awaits": "awaitsNextPassword",
    "#profile": "securityProfile",
    "#version": "credentialVersion",
}
_NEXT_VERSION = "#version = if_not_exists(#version, :zero) + :one"
_NO_CREDENTIALS_SINCE = "(attribute_not_exists(#credentialVersion) OR #credentialVersion = :seen)"


class DynamoRegistry(DynamoObservations):
    """The Admissions, Registry, Passwords and Observations ports."""

    def __init__(self, client: "DynamoDBClient", tables: dynamodb.Tables) -> None:
        super().__init__(client, tables)
        self._links: dict[str, int] = {}  # how many links we know the lease item to tell of, by gateway
        self._lock = Lock()

    def find(self, charge_point_id: str) -> ChargePoint | None:
        item = self._get(charge_point_id)
        return row_of(item) if item else None

    def find_in_any_case(self, charge_point_id: str) -> ChargePoint | None:
        named = self._get(folded(charge_point_id))
        return self.find(text(named["name"])) if named else None

    def connect(
        self, charge_point_id: str, connection: Connection, credential_version: int, proven: Proven = NOTHING_PROVEN
    ) -> Connection | None:
        self._tell_of_link(connection.gateway, connection.link)
        told = write(connection) | {"gatewayLink": _gateway_link(connection.gateway, connection.link)}
        removed = {"disconnectedAt", "lastSeen", "certificateName", "certificateSerial"} - told.keys()
        if proven.profile or proven.is_downgrade:
            told["highestProfile"] = attribute(proven.profile)
        if proven.is_downgrade:
            removed.add("allowDowngrade")
        if proven.password_hash is not None:
            told |= {
                "passwordHash": attribute(proven.password_hash),
                "credentialVersion": attribute(credential_version + 1),
            }
            removed |= {"nextPasswordHash", "awaitsNextPassword"}
        values = {"no": attribute(False), "seen": attribute(credential_version)}
        values |= {"yes": attribute(True)} if proven.is_downgrade else {"profile": attribute(proven.profile)}
        condition = _connect_condition(credential_version, proven)
        old = self._update(charge_point_id, dynamodb.update(told, condition, values, remove=sorted(removed)))
        if old is None:
            raise RowChangedError(f"{charge_point_id}: gone, disabled, changed or connected anew meanwhile")
        return connection_of(old)

    def seen(self, charge_point_id: str, epoch: int, at: datetime) -> None:
        told = {"lastSeen": attribute(at)}
        self._update(charge_point_id, dynamodb.update(told, IS_CURRENT, {"epoch": attribute(epoch)}))

    def renew_lease(self, gateway: str, until: datetime) -> None:
        told = {"leaseUntil": attribute(_ms(until)), "expiresAt": _expiry(until)}
        self._update(_lease(gateway), dynamodb.update(told, _ANYWAY))

    def find_many(self, charge_point_ids: Iterable[str]) -> dict[str, ChargePoint]:
        keys = [key_of(charge_point_id) for charge_point_id in dict.fromkeys(charge_point_ids)]
        rows = map(row_of, dynamodb.get_many(self._client, self._table, keys))
        return {row.charge_point_id: row for row in rows}

    def add(self, charge_point: ChargePoint) -> bool:
        # Who only brings the thing of a row that is there is done with one write.
        is_filled = charge_point.created_at is None and self._fill_in(charge_point)
        if not is_filled and not self._claim_name(charge_point.charge_point_id):
            return False
        is_added = not is_filled and self._put_new(charge_point)
        # A deletion may have been heard of before the creation: then the row goes again, filled in or new.
        if charge_point.thing_id and self._get(gone(charge_point.thing_id)):
            self._delete(charge_point.charge_point_id, charge_point.thing_id)
            return False
        return is_added

    def remove(self, charge_point_id: str, thing_id: str) -> ChargePoint | None:
        # First this, then the row; and who adds one puts the row first and then looks: none slips through.
        told = {"expiresAt": _expiry(datetime.now(UTC), _GONE_KEPT)}
        self._update(gone(thing_id), dynamodb.update(told, _ANYWAY))
        return self._delete(charge_point_id, thing_id)

    def rotate(self, charge_point_id: str, next_hash: str, *, until_used: bool = False) -> bool:
        change = f"SET #next = :new, #awaits = :awaits, {_NEXT_VERSION}"
        return self._change_credentials(charge_point_id, change, EXISTS, next_hash, awaits=until_used)

    def settle(self, charge_point_id: str, next_hash: str, is_accepted: bool | None) -> bool:
        if is_accepted is None:
            change = f"SET #awaits = :awaits, {_NEXT_VERSION}"
            return self._change_credentials(charge_point_id, change, "#next = :new", next_hash, awaits=True)
        kept = "SET #current = #next, " if is_accepted else "SET "
        change = f"{kept}{_NEXT_VERSION} REMOVE #next, #awaits"
        return self._change_credentials(charge_point_id, change, "#next = :new", next_hash)

    def expect_profile(self, charge_point_id: str, security_profile: int | None) -> bool:
        change = f"SET {_NEXT_VERSION}" + (" REMOVE #profile" if security_profile is None else ", #profile = :new")
        return self._change_credentials(charge_point_id, change, EXISTS, security_profile)

    def is_alive(self, gateway: str, now: datetime) -> bool:
        lease = self._get(_lease(gateway)) or {}
        return "leaseUntil" in lease and _ms(now) < whole(lease["leaseUntil"])

    def links_of(self, gateway: str) -> int:
        lease = self._get(_lease(gateway)) or {}
        return whole(lease["links"]) if "links" in lease else 0

    def connected_to(self, gateway: str, link: int) -> Iterator[ChargePoint]:
        found = dynamodb.query(
            self._client,
            TableName=self._table,
            IndexName=_INDEX,
            KeyConditionExpression="gatewayLink = :link",
            ExpressionAttributeValues={":link": _gateway_link(gateway, link)},
            ProjectionExpression="chargePointId",
        )
        # The index follows the rows with a delay, so it only says whom to look at.
        for row in self.find_many([item["chargePointId"]["S"] for item in found]).values():
            connection = row.connection
            if connection and (connection.gateway, connection.link, connection.disconnected_at) == (
                gateway,
                link,
                None,
            ):
                yield row

    def _put_new(self, charge_point: ChargePoint) -> bool:
        try:
            self._client.put_item(
                TableName=self._table, Item=item_of_row(charge_point), **_is_new_or_newer(charge_point)
            )
        except ClientError as error:
            if not dynamodb.refused(error):
                raise
            self._fill_in(charge_point)
            return False
        return True

    def _fill_in(self, charge_point: ChargePoint) -> bool:
        """Fill in the thing id of a row that has none; False if there is no such row."""
        told = {"thingId": attribute(charge_point.thing_id)}
        update = dynamodb.update(told, LACKS_THING, {"none": attribute("")})
        return self._update(charge_point.charge_point_id, update) is not None

    def _delete(self, charge_point_id: str, thing_id: str) -> ChargePoint | None:
        try:
            removed = self._client.delete_item(
                TableName=self._table,
                Key=key_of(charge_point_id),
                ConditionExpression="thingId = :thing",
                ExpressionAttributeValues={":thing": attribute(thing_id)},
                ReturnValues="ALL_OLD",
            )
        except ClientError as error:
            if dynamodb.refused(error):
                return None
            raise
        self._release_name(charge_point_id)
        return row_of(removed["Attributes"])

    def _update(self, charge_point_id: str, expressions: dict[str, Any]) -> Item | None:
        """What was there before, or None if the condition did not hold."""
        try:
            updated = self._client.update_item(
                TableName=self._table, Key=key_of(charge_point_id), ReturnValues="ALL_OLD", **expressions
            )
        except ClientError as error:
            if dynamodb.refused(error):
                return None
            raise
        return updated.get("Attributes", {})

    def _claim_name(self, charge_point_id: str) -> bool:
        """Have the name stand for this charge point in any case; False if it stands for another one."""
        key = folded(charge_point_id)
        told = {"name": attribute(charge_point_id)}
        if self._update(key, dynamodb.update(told, IS_FREE)) is not None:
            return True
        other = self.find_in_any_case(charge_point_id)
        if other is not None and other.charge_point_id != charge_point_id:
            log.warning(
                "not registered: differs from another in case only",
                charge_point_id=charge_point_id, other=other.charge_point_id,
            )  # fmt: skip
            return False
        # Whoever removed the other one did not get as far as releasing its name.
        self._update(key, dynamodb.update(told, _ANYWAY))
        return True

    def _release_name(self, charge_point_id: str) -> None:
        try:
            self._client.delete_item(
                TableName=self._table,
                Key=key_of(folded(charge_point_id)),
                ConditionExpression="#name = :name",
                ExpressionAttributeNames={"#name": "name"},
                ExpressionAttributeValues={":name": attribute(charge_point_id)},
            )
        except ClientError as error:
            if not dynamodb.refused(error):
                raise

    def _change_credentials(
        self, charge_point_id: str, change: str, condition: str, new: str | int | None, *, awaits: bool | None = None
    ) -> bool:
        values = {":zero": attribute(0), ":one": attribute(1)}
        if awaits is not None:
            values[":awaits"] = attribute(awaits)
        if new is not None:
            values[":new"] = attribute(new)
        expressions = {
            "UpdateExpression": change,
            "ConditionExpression": condition,
            "ExpressionAttributeNames": {
                name: attribute_name
                for name, attribute_name in _CREDENTIAL_NAMES.items()
                if name in change or name in condition
            },
            "ExpressionAttributeValues": values,
        }
        return self._update(charge_point_id, expressions) is not None

    def _tell_of_link(self, gateway: str, link: int) -> None:
        """Have the lease item say how many links there are, before the first row is found by one of them."""
        links = link + 1
        with self._lock:
            if self._links.get(gateway, 0) >= links:
                return
        told = {"links": attribute(links), "expiresAt": _expiry(datetime.now(UTC))}
        self._update(_lease(gateway), dynamodb.update(told, "attribute_not_exists(#links) OR #links < :links"))
        with self._lock:
            self._links[gateway] = max(links, self._links.get(gateway, 0))


def _connect_condition(credential_version: int, proven: Proven) -> str:
    # What a row lacks was never set: it is enabled, was never connected, has the first credentials.
    return " AND ".join((
        "attribute_exists(#chargePointId)",
        "(attribute_not_exists(#disabled) OR #disabled = :no)",
        "(attribute_not_exists(#epoch) OR #epoch < :epoch)",
        "#credentialVersion = :seen" if credential_version else _NO_CREDENTIALS_SINCE,
        "#allowDowngrade = :yes" if proven.is_downgrade
        else "(attribute_not_exists(#highestProfile) OR #highestProfile <= :profile)",
    ))  # fmt: skip


def _lease(gateway: str) -> str:
    return f"gateway#{gateway}"  # no charge point id has a #


def folded(charge_point_id: str) -> str:
    """The key of the item that says whose a name is, in any case."""
    return f"name#{charge_point_id.lower()}"


def _gateway_link(gateway: str, link: int) -> dict[str, Any]:
    return attribute(f"{gateway}#{link}")


def _is_new_or_newer(charge_point: ChargePoint) -> dict[str, Any]:
    """There is no row, or one of an earlier thing (domain.registry.is_superseded)."""
    if not charge_point.thing_id or charge_point.created_at is None:
        return {"ConditionExpression": IS_NEW}
    values = {"none": "", "thing": charge_point.thing_id, "at": charge_point.created_at}
    return {
        "ConditionExpression": f"{IS_NEW} OR (thingId <> :none AND thingId <> :thing AND createdAt < :at)",
        "ExpressionAttributeValues": {f":{name}": attribute(value) for name, value in values.items()},
    }


def _ms(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def gone(thing_id: str) -> str:
    """The key of the item that says that a thing was deleted."""
    return f"gone#{thing_id}"


def _expiry(alive_at: datetime, kept: timedelta = _LEASES_KEPT) -> dict[str, Any]:
    return attribute(_ms(alive_at + kept) // 1000)


def item_of_row(row: ChargePoint) -> Item:
    """The item of a row."""
    item = write(row, "connection", "boot", "connectors") | LISTED
    if row.connection:
        item |= write(row.connection)
        if row.connection.disconnected_at is None:
            item["gatewayLink"] = _gateway_link(row.connection.gateway, row.connection.link)
    if row.boot:
        item["boot"] = {"M": without_large(write(row.boot))}
    return item | {f"{CONNECTOR}{name}": {"M": write(state)} for name, state in row.connectors.items()}


def row_of(item: Any) -> ChargePoint:
    """The row in an item."""
    connectors = {
        name.removeprefix(CONNECTOR): read(ConnectorState, stored["M"])
        for name, stored in item.items()
        if name.startswith(CONNECTOR)
    }
    boot = read(Boot, item["boot"]["M"]) if "boot" in item else None
    return read(ChargePoint, item, connection=connection_of(item), boot=boot, connectors=connectors)
