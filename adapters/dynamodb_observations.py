"""What is observed about a row of ChargePointTable, and told: its boot, its connectors, its connection.

Each is read, decided on, and written on condition that it is still what was read, together with its event.
`toldEpoch` is the newest connect that was told of: the gateway writes connects, and may die before anybody hears.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from adapters import dynamodb
from adapters.dynamodb_events import DynamoEvents
from adapters.dynamodb_items import Item, attribute, read, text, whole, without_large, write
from domain import events
from domain.events import News
from domain.models import Boot, Connection, ConnectorState

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

CONNECTOR = "connector#"
EXISTS = "attribute_exists(#chargePointId)"
IS_CURRENT = "#epoch = :epoch AND attribute_not_exists(#disconnectedAt)"

_IS_NONE = "attribute_not_exists(#{0})"
_IS_SAME = "#{0} = :before"


@dataclass(frozen=True, slots=True)
class _Change:
    """The expressions of an UpdateItem, and what it tells."""

    expressions: dict[str, Any]
    news: list[News]


class DynamoObservations:
    """What is common to the Observations port and the ones beside it on the same table."""

    def __init__(self, client: "DynamoDBClient", tables: dynamodb.Tables) -> None:
        self._client = client
        self._table = tables.charge_points
        self._events = DynamoEvents(client, tables)

    def booted(self, charge_point_id: str, boot: Boot) -> None:
        def change(item: Item) -> _Change | None:
            before = item.get("boot")
            known = read(Boot, before["M"]) if before else None
            if known is not None and known.at > boot.at:
                return None
            told = {"boot": {"M": without_large(write(boot))}}
            news = [events.of_boot(boot)] if known is None or known.at < boot.at else []
            return _Change(_unless_changed(told, "boot", before), news)

        self._change(charge_point_id, change)

    def connector(self, charge_point_id: str, connector: str, state: ConnectorState) -> bool:
        def change(item: Item) -> _Change | None:
            before = item.get(f"{CONNECTOR}{connector}")
            known = read(ConnectorState, before["M"]) if before else None
            if known is not None and known.at > state.at:
                return None
            is_news = known is None or replace(known, at=state.at) != state
            expressions = _unless_changed(
                {"connector": {"M": write(state)}}, "connector", before, {"connector": f"{CONNECTOR}{connector}"}
            )
            return _Change(expressions, [events.of_connector(connector, state)] if is_news else [])

        changed = self._change(charge_point_id, change)
        return changed is not None and bool(changed.news)

    def connected(self, charge_point_id: str, epoch: int) -> None:
        def change(item: Item) -> _Change | None:
            untold = _untold(item, epoch)
            return _Change(_told_epoch(item, {}, epoch, "#epoch = :epoch"), untold) if untold else None

        self._change(charge_point_id, change)

    def disconnected(self, charge_point_id: str, epoch: int, at: datetime, last_seen: datetime | None = None) -> bool:
        def change(item: Item) -> _Change | None:
            connection = connection_of(item)
            if connection is None or connection.epoch != epoch or connection.disconnected_at is not None:
                return None
            told = {"disconnectedAt": attribute(at)}
            if last_seen is not None:
                told["lastSeen"] = attribute(last_seen)
            expressions = _told_epoch(item, told, epoch, IS_CURRENT, remove=("gatewayLink",))
            return _Change(expressions, [*_untold(item, epoch), events.of_disconnect(connection, at)])

        return self._change(charge_point_id, change) is not None

    def _get(self, key: str) -> Item | None:
        found = self._client.get_item(TableName=self._table, Key=key_of(key), ConsistentRead=True)
        return found.get("Item")

    def _change(self, charge_point_id: str, change: Callable[[Item], _Change | None]) -> _Change | None:
        for _ in dynamodb.attempts(f"{charge_point_id}: row"):
            item = self._get(charge_point_id)
            changed = change(item) if item else None
            if item is None or changed is None or self._write(charge_point_id, item, changed):
                return changed
        raise AssertionError("attempts() ends with an exception")

    def _write(self, charge_point_id: str, item: Item, changed: _Change) -> bool:
        update: Any = {"TableName": self._table, "Key": key_of(charge_point_id), **changed.expressions}
        if changed.news:
            partner = text(item["partner"]) if "partner" in item else None
            return self._events.write(charge_point_id, changed.news, {"Update": update}, partner=partner)
        try:
            self._client.update_item(**update)
        except ClientError as error:
            if dynamodb.refused(error):
                return False
            raise
        return True


def key_of(charge_point_id: str) -> Item:
    """The key of a row."""
    return {"chargePointId": attribute(charge_point_id)}


def connection_of(item: Item) -> Connection | None:
    """The connection in a row."""
    return read(Connection, item) if "epoch" in item else None


def _untold(item: Item, epoch: int) -> list[News]:
    connection = connection_of(item)
    if connection is None or connection.epoch != epoch or _last_told(item) >= epoch:
        return []
    return [events.of_connect(connection)]


def _last_told(item: Item) -> int:
    return whole(item["toldEpoch"]) if "toldEpoch" in item else 0


def _told_epoch(item: Item, told: Item, epoch: int, condition: str, remove: tuple[str, ...] = ()) -> dict[str, Any]:
    is_same = _IS_SAME.format("toldEpoch") if "toldEpoch" in item else _IS_NONE.format("toldEpoch")
    values = {"epoch": attribute(epoch)} | ({"before": item["toldEpoch"]} if "toldEpoch" in item else {})
    return dynamodb.update(told | {"toldEpoch": attribute(epoch)}, f"{condition} AND {is_same}", values, remove=remove)


def _unless_changed(
    told: Item, name: str, before: dict[str, Any] | None, aliases: dict[str, str] | None = None
) -> dict[str, Any]:
    condition = f"{EXISTS} AND {(_IS_SAME if before else _IS_NONE).format(name)}"
    return dynamodb.update(told, condition, {"before": before} if before else {}, aliases=aliases)
