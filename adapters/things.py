"""IoT things and their classic shadows, as fleet administration needs them."""

import json
import random
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from adapters import aws
from domain.telemetry import Thing

if TYPE_CHECKING:
    from mypy_boto3_iot import IoTClient
    from mypy_boto3_iot_data import IoTDataPlaneClient

_THREADS = 8  # that ask about things at a time


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
    """The RegisteredThings port: asks AWS IoT about a name once in a while, and remembers what it was told.

    A cold start asks about every name of its first batch. That must not take so long that the function ends before it
    has told anybody: then the next one would begin anew.
    """

    def __init__(
        self, iot: "IoTClient", remember_s: float = 600, remember_missing_s: float = 60, patience_s: float = 5
    ) -> None:
        self._iot = iot
        self._remember_s = remember_s
        self._remember_missing_s = remember_missing_s
        self._patience_s = patience_s
        self._told: dict[str, tuple[Thing | None, float]] = {}

    def look_up(self, names: Iterable[str]) -> Mapping[str, Thing | None]:
        asked, now = set(names), time.monotonic()
        unknown = [name for name in asked if name not in self._told or self._told[name][1] <= now]
        if unknown:
            deadline = now + self._patience_s
            with ThreadPoolExecutor(_THREADS, "things") as threads:
                answers = threads.map(lambda name: self._ask(name, deadline), unknown)
                self._told.update((name, answer) for name, answer in zip(unknown, answers, strict=True) if answer)
        return {name: self._told[name][0] for name in asked if name in self._told}

    def _ask(self, name: str, deadline: float) -> tuple[Thing | None, float] | None:
        asked_at = time.monotonic()
        if asked_at > deadline:
            return None
        # Jittered: those of a batch shall not all be asked about again in the same one.
        jitter = random.uniform(0.8, 1)  # noqa: S311  no secret
        try:
            thing = self._iot.describe_thing(thingName=name)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in ("ResourceNotFoundException", "InvalidRequestException"):
                return None, asked_at + jitter * self._remember_missing_s
            raise
        return Thing(thing.get("attributes", {}).get("partner")), asked_at + jitter * self._remember_s


def known() -> KnownThings:
    """Those of this account."""
    return KnownThings(aws.session().client("iot", config=aws.config()))


def _is_missing(error: ClientError) -> bool:
    return error.response.get("Error", {}).get("Code") == "ResourceNotFoundException"


def connect(thing_type: str | None = None, *, is_patient: bool = False) -> IotThings:
    """On this account, or on the emulator where AWS_ENDPOINT_URL points to it."""
    session, config = aws.session(), aws.config(is_patient=is_patient)
    iot, iot_data = session.client("iot", config=config), session.client("iot-data", config=config)
    return IotThings(iot, iot_data, thing_type)
