"""An operator and a fleet admin of the house, for journeys: HTTP to the front, boto3 to the emulator."""

import asyncio
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from typing import Any
from uuid import uuid4

from boto3.dynamodb.conditions import Key

from tests.house import House

DEMO_TAG = "DEMO-TAG-1"


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer with a JSON body."""

    status: int
    headers: Message  # whatever the case of their names
    body: dict[str, Any]


class Operator:
    """Speaks HTTP as `curl` would, and looks into the tables."""

    def __init__(self, house: House, token: str | None = None) -> None:
        self.house = house
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._dynamodb = house.aws.resource("dynamodb")

    def register(self) -> str:
        """A new charge point, as plain boto3 registers it; returns when the thing event has made the row."""
        charge_point_id = f"CP-{uuid4().hex[:8]}"
        self.house.aws.client("iot").create_thing(thingName=charge_point_id)
        until(lambda: self.row(charge_point_id) is not None)
        return charge_point_id

    def row(self, charge_point_id: str) -> dict[str, Any] | None:
        """The registry row."""
        item: dict[str, Any] | None = (
            self._dynamodb.Table("ChargePointTable")
            .get_item(Key={"chargePointId": charge_point_id}, ConsistentRead=True)
            .get("Item")
        )
        return item

    def transaction(self, charge_point_id: str, transaction_id: Any) -> dict[str, Any]:
        """A transaction as stored."""
        key = {"chargePointId": charge_point_id, "transactionId": str(transaction_id)}
        item: dict[str, Any] = self._dynamodb.Table("TransactionTable").get_item(Key=key, ConsistentRead=True)["Item"]
        return item

    def open_transaction(self, charge_point_id: str) -> str:
        """The id of the one transaction that has not ended."""
        found = self._dynamodb.Table("TransactionTable").query(
            KeyConditionExpression=Key("chargePointId").eq(charge_point_id), ConsistentRead=True
        )["Items"]
        (only,) = (item for item in found if "startedAt" in item and "endedAt" not in item)
        return str(only["transactionId"])

    def shadow(self, charge_point_id: str) -> dict[str, Any]:
        """What the shadow reports; empty without one."""
        data = self.house.aws.client("iot-data")
        try:
            document = json.loads(data.get_thing_shadow(thingName=charge_point_id)["payload"].read())
        except data.exceptions.ResourceNotFoundException:
            return {}
        reported: dict[str, Any] = document["state"]["reported"]
        return reported

    def post(self, path: str, body: Any, wait: int | None = None) -> Reply:
        """POST, with `Prefer: wait` if given."""
        headers = self._headers | {"Content-Type": "application/json"} | ({"Prefer": f"wait={wait}"} if wait else {})
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self._exchange(urllib.request.Request(self.house.http_url + path, data, headers))  # noqa: S310

    def get(self, path: str) -> Reply:
        """GET."""
        return self._exchange(urllib.request.Request(self.house.http_url + path, headers=self._headers))  # noqa: S310

    async def post_async(self, path: str, body: Any, wait: int | None = None) -> Reply:
        """POST while the event loop runs, for charge points on it must answer."""
        return await asyncio.to_thread(self.post, path, body, wait)

    @staticmethod
    def _exchange(request: urllib.request.Request) -> Reply:
        try:
            with urllib.request.urlopen(request, timeout=40) as response:  # noqa: S310 - our own front
                return Reply(response.status, response.headers, json.loads(response.read()))
        except urllib.error.HTTPError as error:
            with error:
                return Reply(error.code, error.headers, json.loads(error.read()))


PATIENCE_S = 45.0  # for a machine that does much else: who is there earlier is not kept waiting


def until(is_so: Callable[[], bool], within_s: float = PATIENCE_S) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline, f"not so within {within_s:g} s"
        time.sleep(0.05)


async def until_async(is_so: Callable[[], bool], within_s: float = PATIENCE_S) -> None:
    """Wait until it is so, with the event loop running."""
    await asyncio.to_thread(until, is_so, within_s)
