"""The link to AWS IoT Core over the AWS Common Runtime: with a certificate, or with AWS credentials alone.

It is the convenient way in: the role of a task is enough. A publish costs 31 us of CPU, and 6.6 us over `mqtt_link` and
a certificate. The runtime speaks MQTT itself. Here our packets become its operations, and its callbacks packets, so
that everything else of a link (order, window, resending, back-off, pace) is `mqtt_link`'s, on this way as on the other:
a client of the runtime serves one connection, and never queues, resends or connects again by itself.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import awscrt.mqtt5 as crt  # type: ignore[import-untyped]
import mqtt5
from awscrt.exceptions import AwsCrtError  # type: ignore[import-untyped]
from mqtt5 import ConnAckReasonCode, DisconnectReasonCode, PubAckReasonCode, QoS, SubAckReasonCode

from adapters import mqtt_awscrt
from adapters.mqtt_awsiot_settings import AwsIotSettings
from adapters.mqtt_connection import BrokerError, OnPacket
from adapters.mqtt_link import MqttLink

_STOP_S = 1.0  # after that we don't wait for the runtime to say that it has stopped
_MAX_ID = 65_535

# The two ways in which the runtime says that it can't send what we gave it, now or ever.
_NOT_SENDABLE = ("AWS_ERROR_MQTT5_PUBLISH_OPTIONS_VALIDATION", "AWS_ERROR_MQTT5_PACKET_VALIDATION")
_CONNECTION_IS_GONE = "AWS_ERROR_MQTT5_OPERATION_FAILED_DUE_TO_OFFLINE_QUEUE_POLICY"

Code = TypeVar("Code", ConnAckReasonCode, DisconnectReasonCode, PubAckReasonCode, SubAckReasonCode)


class AwsIotLink(MqttLink):
    """A `domain.ports.Link` to AWS IoT Core. `on_state` hears of every connect and every loss."""

    def __init__(self, settings: AwsIotSettings, on_state: Callable[[bool], None] | None = None) -> None:
        super().__init__(settings, on_state, partial(CrtConnection, settings))


class CrtConnection:
    """A `mqtt_connection.Wire` of the AWS Common Runtime.

    The runtime calls back on threads of its own: what it says goes to our loop, everything of one turn together.
    """

    def __init__(self, settings: AwsIotSettings, on_packet: OnPacket) -> None:
        self._loop = asyncio.get_running_loop()
        self._settings = settings
        self._on_packet = on_packet
        self._client: Any = None
        self._events: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque()
        self._is_drain_due = False
        self._reason: str | None = None
        self._giving_up: asyncio.TimerHandle | None = None
        self._unacknowledged: dict[int, Any] = {}
        self._last_id = 0
        self._senders: dict[type, Callable[[Any], None]] = {
            mqtt5.PublishPacket: self._publish,
            mqtt5.PubAckPacket: self._acknowledge,
            mqtt5.SubscribePacket: self._subscribe,
            mqtt5.UnsubscribePacket: self._unsubscribe,
            mqtt5.PingReqPacket: self._ping,
        }
        self.lost: asyncio.Future[str] = self._loop.create_future()
        self.has_sent = self.has_received = False

    async def open(self) -> None:
        """Start connecting."""
        options = mqtt_awscrt.client_options(self._settings)
        options.on_publish_callback_fn = self._heard
        options.on_lifecycle_event_connection_success_fn = self._connected
        options.on_lifecycle_event_connection_failure_fn = self._not_connected
        options.on_lifecycle_event_disconnection_fn = self._disconnected
        options.on_lifecycle_event_stopped_fn = lambda _: self._post(self._end)
        self._client = crt.Client(options)
        self._client.start()

    def send(self, data: bytes) -> None:
        """Send a packet; after the end, do nothing."""
        if self._client is None or self._reason is not None:
            return
        packet, _ = mqtt5.read(memoryview(data))
        self.has_sent = True
        self._senders[type(packet)](packet)

    send_soon = send  # the runtime collects by itself

    def fail(self, reason: str, code: DisconnectReasonCode | None = None) -> None:
        """End it for this reason; the broker is told the code, or nothing at all (so that it publishes the will)."""
        if self._reason is not None:
            return
        self._reason = reason
        if self._client is None:
            self._end()
            return
        self._client.stop(None if code is None else crt.DisconnectPacket(crt.DisconnectReasonCode(int(code))))
        self._giving_up = self._loop.call_later(_STOP_S, self._end)

    def disconnect(self) -> None:
        """End it in good order: the broker forgets the will."""
        self.fail("disconnected", DisconnectReasonCode.NORMAL_DISCONNECTION)

    def _end(self) -> None:
        self._client = None  # it holds our callbacks, and us, for as long as we hold it
        if self._giving_up is not None:
            self._giving_up.cancel()
        if not self.lost.done():
            self.lost.set_result(self._reason or "the AWS runtime stopped")

    def _publish(self, packet: mqtt5.PublishPacket) -> None:
        outgoing = crt.PublishPacket(
            topic=packet.topic,
            payload=packet.payload,
            qos=crt.QoS.AT_LEAST_ONCE,
            message_expiry_interval_sec=packet.message_expiry_interval,
            user_properties=[crt.UserProperty(name, value) for name, value in packet.user_properties],
        )
        self._start(self._client.publish, outgoing, self._on_published, packet.packet_id)

    def _subscribe(self, packet: mqtt5.SubscribePacket) -> None:
        filters = [
            crt.Subscription(
                topic_filter.pattern,
                crt.QoS.AT_LEAST_ONCE,
                retain_handling_type=crt.RetainHandlingType(int(topic_filter.retain_handling)),
            )
            for topic_filter in packet.topic_filters
        ]
        self._start(self._client.subscribe, crt.SubscribePacket(filters), self._on_subscribed, packet.packet_id)

    def _unsubscribe(self, packet: mqtt5.UnsubscribePacket) -> None:
        outgoing = crt.UnsubscribePacket(packet.patterns)
        self._start(self._client.unsubscribe, outgoing, self._on_unsubscribed, packet.packet_id)

    def _ping(self, _: mqtt5.PingReqPacket) -> None:
        # The runtime pings, and ends the connection if nobody answers.
        self._loop.call_soon(self._receive, mqtt5.PingRespPacket())

    def _acknowledge(self, packet: mqtt5.PubAckPacket) -> None:
        control = self._unacknowledged.pop(packet.packet_id)
        with suppress(AwsCrtError):  # its connection is gone, which we shall hear next: the message comes again
            self._client.invoke_publish_acknowledgement(control)

    def _start(self, operation: Callable[[Any], Any], packet: Any, done: Callable[..., None], packet_id: Any) -> None:
        try:
            started = operation(packet)
        except AwsCrtError as error:
            started = Future()
            started.set_exception(error)
        started.add_done_callback(lambda finished: self._post(done, packet_id, finished))

    def _on_published(self, packet_id: int, finished: Any) -> None:
        error = finished.exception()
        if error is None:
            answer = finished.result().puback
            code = _code(PubAckReasonCode, answer.reason_code, PubAckReasonCode.UNSPECIFIED_ERROR)
            self._receive(mqtt5.PubAckPacket(packet_id, reason_code=code, reason_str=answer.reason_string))
        elif getattr(error, "name", "") in _NOT_SENDABLE:
            code = PubAckReasonCode.IMPLEMENTATION_SPECIFIC_ERROR
            self._receive(mqtt5.PubAckPacket(packet_id, reason_code=code, reason_str=str(error)))
        else:
            self._failed(error)

    def _on_subscribed(self, packet_id: int, finished: Any) -> None:
        error = finished.exception()
        if error is None:
            answers = finished.result().reason_codes
            codes = [_code(SubAckReasonCode, code, SubAckReasonCode.UNSPECIFIED_ERROR) for code in answers]
            self._receive(mqtt5.SubAckPacket(packet_id, codes))
        else:
            self._failed(error)

    def _on_unsubscribed(self, packet_id: int, finished: Any) -> None:
        error = finished.exception()
        if error is None:
            self._receive(mqtt5.UnsubAckPacket(packet_id, []))
        else:
            self._failed(error)

    def _failed(self, error: BaseException) -> None:
        if getattr(error, "name", "") != _CONNECTION_IS_GONE:  # else we shall hear why
            self.fail(str(error))

    def _on_message(self, message: Any, control: Any) -> None:
        packet_id = None
        if control is not None:
            packet_id = self._free_id()
            self._unacknowledged[packet_id] = control
        properties = [(one.name, one.value) for one in message.user_properties or ()]
        self._receive(
            mqtt5.PublishPacket(
                message.topic,
                message.payload or b"",
                qos=QoS.AT_MOST_ONCE if control is None else QoS.AT_LEAST_ONCE,
                packet_id=packet_id,
                user_properties=properties,
            )
        )

    def _on_connected(self, agreed: Any) -> None:
        self._receive(
            mqtt5.ConnAckPacket(
                receive_max=agreed.receive_maximum_from_server,
                max_packet_size=agreed.maximum_packet_size_to_server,
                max_qos=QoS(int(agreed.maximum_qos)),
                server_keep_alive=agreed.server_keep_alive_sec,
            )
        )

    def _on_not_connected(self, packet: Any, error: BaseException) -> None:
        code = None if packet is None else _code(ConnAckReasonCode, packet.reason_code, None)
        if code is None or code == ConnAckReasonCode.SUCCESS:
            self.fail(str(error) or type(error).__name__)
        else:
            self._receive(mqtt5.ConnAckPacket(reason_code=code, reason_str=packet.reason_string))

    def _on_disconnected(self, packet: Any, error: BaseException) -> None:
        code = None if packet is None else _code(DisconnectReasonCode, packet.reason_code, None)
        if code is None:
            self.fail(str(error) or type(error).__name__)
        else:
            self._receive(mqtt5.DisconnectPacket(reason_code=code, reason_str=packet.reason_string))

    def _receive(self, packet: mqtt5.Packet) -> None:
        if self._reason is not None:
            return
        self.has_received = True
        try:
            self._on_packet(packet)
        except BrokerError as error:
            self.fail(str(error), error.code)

    def _free_id(self) -> int:
        packet_id = self._last_id % _MAX_ID + 1
        while packet_id in self._unacknowledged:
            packet_id = packet_id % _MAX_ID + 1
        self._last_id = packet_id
        return packet_id

    # From here on: called on the runtime's threads.

    def _post(self, callback: Callable[..., None], *args: Any) -> None:
        self._events.append((callback, args))
        if not self._is_drain_due:
            self._is_drain_due = True
            with suppress(RuntimeError):  # the loop is closed: there is nobody to hear it
                self._loop.call_soon_threadsafe(self._drain)

    def _heard(self, data: Any) -> None:
        acquire = data.acquire_publish_acknowledgement_control  # None for QoS 0
        self._post(self._on_message, data.publish_packet, None if acquire is None else acquire())

    def _connected(self, data: Any) -> None:
        self._post(self._on_connected, data.negotiated_settings)

    def _not_connected(self, data: Any) -> None:
        self._post(self._on_not_connected, data.connack_packet, data.exception)

    def _disconnected(self, data: Any) -> None:
        self._post(self._on_disconnected, data.disconnect_packet, data.exception)

    # And from here on: our own thread again.

    def _drain(self) -> None:
        self._is_drain_due = False
        for _ in range(len(self._events)):
            callback, args = self._events.popleft()
            callback(*args)


def _code(kind: type[Code], number: int | None, otherwise: Any) -> Any:
    """The reason code as our codec knows it; the runtime's own is None for one it does not know."""
    if number is None:
        return otherwise
    try:
        return kind(int(number))
    except ValueError:
        return otherwise
