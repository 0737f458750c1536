"""AWS IoT Core over HTTPS: messages to charge points and gateways, and device shadows."""

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from adapters import aws
from domain import tracing
from domain.models import Route
from domain.ports import PacketTooLargeError
from ocppj import topics

if TYPE_CHECKING:
    from mypy_boto3_iot_data import IoTDataPlaneClient

MAX_MESSAGE = 128 * 1024  # AWS IoT Core's; the emulator has none
EVICT_EXPIRES_IN_S = 60  # a gateway that is away longer has no sockets left to close

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class IotOutbound:
    """The Outbound port: the broker has a message when the HTTP call returns."""

    def __init__(self, client: "IoTDataPlaneClient") -> None:
        self._client = client

    def publish(
        self,
        charge_point_id: str,
        frame: str,
        route: Route,
        *,
        epoch: int | None = None,
        deadline: datetime | None = None,
        expires_in_s: int,
    ) -> None:
        properties = {} if epoch is None else {"epoch": str(epoch)}
        if deadline is not None:
            properties["deadline"] = str(int((deadline - _EPOCH).total_seconds() * 1000))
        self._publish(topics.outbound(charge_point_id), frame.encode(), properties, expires_in_s)

    def evict(self, gateway: str, charge_point_id: str, epoch: int) -> None:
        order = orjson.dumps({"id": charge_point_id, "epoch": epoch})
        self._publish(f"gateways/{gateway}/evict", order, {}, EVICT_EXPIRES_IN_S)

    def _publish(self, topic: str, payload: bytes, properties: dict[str, str], expires_in_s: int) -> None:
        with tracing.handing_on(f"publish {topic}", topic=topic) as traceparent:
            if traceparent:
                properties = properties | {tracing.PROPERTY: traceparent}
            self._send(topic, payload, properties, expires_in_s)

    def _send(self, topic: str, payload: bytes, properties: dict[str, str], expires_in_s: int) -> None:
        if len(payload) > MAX_MESSAGE:
            raise PacketTooLargeError(f"{topic}: {len(payload)} bytes, the broker takes {MAX_MESSAGE}")
        # The stubs say str, but botocore itself makes JSON and base64 of it: text would be encoded twice.
        pairs: Any = [{name: value} for name, value in properties.items()]
        more = {"userProperties": pairs} if pairs else {}
        self._client.publish(topic=topic, payload=payload, qos=1, messageExpiry=max(expires_in_s, 1), **more)


class IotShadows:
    """The Shadows port."""

    def __init__(self, client: "IoTDataPlaneClient") -> None:
        self._client = client

    def report(self, charge_point_id: str, reported: dict[str, Any]) -> None:
        document = orjson.dumps({"state": {"reported": reported}})
        self._client.update_thing_shadow(thingName=charge_point_id, payload=document)


def connect(endpoint: str | None = None) -> "IoTDataPlaneClient":
    """A client of the account's own endpoint, such as "abc-ats.iot.eu-central-1.amazonaws.com".

    Without an endpoint it is asked for; but where boto3's AWS_ENDPOINT_URL points to an emulator, that is it.
    """
    session = aws.session()
    if endpoint is None and not _is_emulated():
        iot = session.client("iot", config=aws.config())
        endpoint = iot.describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"]
    url = f"https://{endpoint}" if endpoint and "://" not in endpoint else endpoint
    return session.client("iot-data", endpoint_url=url, config=aws.config())


def _is_emulated() -> bool:
    return bool(os.environ.get("AWS_ENDPOINT_URL_IOT_DATA_PLANE") or os.environ.get("AWS_ENDPOINT_URL"))
