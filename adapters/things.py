"""IoT things and their classic shadows, as fleet administration needs them."""

import json
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from adapters import aws

if TYPE_CHECKING:
    from mypy_boto3_iot import IoTClient
    from mypy_boto3_iot_data import IoTDataPlaneClient


class IotThings:
    """The things of this account and region; with a type, those that are charge points."""

    def __init__(self, iot: "IoTClient", iot_data: "IoTDataPlaneClient", thing_type: str | None = None) -> None:
        self._iot = iot
        self._iot_data = iot_data
        self._type = thing_type

    def create(self, charge_point_id: str) -> str:
        """Create the thing, or find the one of that name; returns its id. Either way it has the type."""
        if self._type is None:
            # CreateThing with the same attributes again is answered like the first time.
            return self._iot.create_thing(thingName=charge_point_id)["thingId"]
        try:
            return self._iot.create_thing(thingName=charge_point_id, thingTypeName=self._type)["thingId"]
        except self._iot.exceptions.ResourceAlreadyExistsException:
            self._iot.update_thing(thingName=charge_point_id, thingTypeName=self._type)
            return self._iot.describe_thing(thingName=charge_point_id)["thingId"]

    def find(self, charge_point_id: str) -> str | None:
        """The id of the thing of that name, if there is one."""
        try:
            return self._iot.describe_thing(thingName=charge_point_id)["thingId"]
        except ClientError as error:
            if _is_missing(error):
                return None
            raise

    def names(self) -> Iterator[str]:
        """The names of all things of the type."""
        pages = self._iot.get_paginator("list_things")
        for page in pages.paginate() if self._type is None else pages.paginate(thingTypeName=self._type):
            yield from (thing["thingName"] for thing in page["things"])

    def delete(self, charge_point_id: str) -> None:
        """Delete the thing, if there is one."""
        self._iot.delete_thing(thingName=charge_point_id)  # deleting nothing is no error of AWS IoT's

    def shadow(self, charge_point_id: str) -> dict[str, Any] | None:
        """The reported state of its classic shadow, if it has one."""
        try:
            document = json.loads(self._iot_data.get_thing_shadow(thingName=charge_point_id)["payload"].read())
        except ClientError as error:
            if _is_missing(error):
                return None
            raise
        reported: dict[str, Any] = document.get("state", {}).get("reported", {})
        return reported


class KnownThings:
    """The RegisteredThings port: asks AWS IoT about a name once in a while, and remembers what it was told."""

    def __init__(self, iot: "IoTClient", remember_s: float = 60) -> None:
        self._iot = iot
        self._remember_s = remember_s
        self._told: dict[str, tuple[bool, float]] = {}

    def existing(self, names: Iterable[str]) -> set[str]:
        return {name for name in names if self._exists(name)}

    def _exists(self, name: str) -> bool:
        exists, until = self._told.get(name, (False, 0.0))
        now = time.monotonic()
        if now >= until:
            exists = self._ask(name)
            self._told[name] = exists, now + self._remember_s
        return exists

    def _ask(self, name: str) -> bool:
        try:
            self._iot.describe_thing(thingName=name)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in ("ResourceNotFoundException", "InvalidRequestException"):
                return False
            raise
        return True


def known() -> KnownThings:
    """Those of this account."""
    return KnownThings(aws.session().client("iot", config=aws.config()))


def _is_missing(error: ClientError) -> bool:
    return error.response.get("Error", {}).get("Code") == "ResourceNotFoundException"


def connect(thing_type: str | None = None) -> IotThings:
    """On this account, or on the emulator where AWS_ENDPOINT_URL points to it."""
    session = aws.session()
    iot, iot_data = session.client("iot", config=aws.config()), session.client("iot-data", config=aws.config())
    return IotThings(iot, iot_data, thing_type)
