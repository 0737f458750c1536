"""The native MQTT 5 link: one connection that comes back by itself, without a task, queue or lock per message.

`mqtt_connection` knows bytes, `mqtt_outbox` what we publish, `mqtt_subscriptions` what we hear, `mqtt_keepalive`
when to give up; here they meet the loop.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import mqtt5
import structlog
from mqtt5 import DisconnectReasonCode, PubAckReasonCode, QoS

from adapters import mqtt_publish
from adapters.mqtt_connection import BrokerError, Connection, OnPacket, Wire
from adapters.mqtt_keepalive import Keepalive
from adapters.mqtt_outbox import Outbox
from adapters.mqtt_pace import PublishPace
from adapters.mqtt_publish import Header
from adapters.mqtt_settings import MqttSettings
from adapters.mqtt_subscriptions import Subscription, Subscriptions
from domain.ports import Message, Sender

log = structlog.get_logger()

_GOODBYE_S = 1.0
# So long others may join a SUBSCRIBE: those who come together are answered together, in one turn of the loop.
_GATHER_S = 0.002
# Looked up once: a member of an enumeration takes its time.
_EXACTLY_ONCE, _SUCCESS, _QUOTA_EXCEEDED = QoS.EXACTLY_ONCE, PubAckReasonCode.SUCCESS, PubAckReasonCode.QUOTA_EXCEEDED
_REFUSED = 0x80  # this reason code and those above are errors; mqtt5's codes are no ints, whatever its stub says


class MqttLink:
    """A `domain.ports.Link` to any MQTT 5 broker.

    `on_state` hears of every connect and every loss; `wire` makes a connection, TCP or TLS unless told otherwise.
    """

    def __init__(
        self,
        settings: MqttSettings,
        on_state: Callable[[bool], None] | None = None,
        wire: Callable[[OnPacket], Wire] | None = None,
    ) -> None:
        self._settings = settings
        self._on_state = on_state
        self._wire = wire or partial(Connection, settings)
        self._log = log.bind(client_id=settings.client_id, broker=f"{settings.host}:{settings.port}")
        self._outbox = Outbox(settings.max_messages, settings.max_bytes, settings.max_packet_size, _now)
        self._subscriptions = Subscriptions(settings.filters_per_subscribe)
        self._keepalive = Keepalive(settings.keepalive_s)
        self._pace: PublishPace | None = None
        self._take = self._outbox.take
        if settings.publish_rate or settings.byte_rate:
            self._pace = PublishPace(settings.publish_rate, settings.byte_rate, _now)
            self._take = partial(self._take_in_time, self._pace)
        self._connection: Wire | None = None
        self._is_connected = self._is_closing = self._is_closed = False
        self._drained = asyncio.Event()
        self._scope: asyncio.Timeout | None = None
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._handlers: dict[type, Callable[[Any], None]] = {
            mqtt5.PubAckPacket: self._on_puback,
            mqtt5.PublishPacket: self._on_publish,
            mqtt5.SubAckPacket: self._on_suback,
            mqtt5.UnsubAckPacket: self._on_unsuback,
            mqtt5.PingRespPacket: lambda _: None,
        }

    @property
    def is_connected(self) -> bool:
        """Whether the broker has accepted the connection and it is still up."""
        return self._is_connected

    @property
    def outstanding(self) -> int:
        """How many messages are not acknowledged yet, in flight or waiting."""
        return len(self._outbox)

    def publish(
        self,
        topic: str,
        payload: bytes,
        properties: Sequence[tuple[str, str]] = (),
        acknowledged: Callable[[], None] | None = None,
        expires_in_s: int | None = None,
    ) -> bool:
        """Hand a message over, see the port; what expires before it can be sent is dropped, which is logged.

        Raises:
            PacketTooLargeError: the broker would not take it.
            ValueError: topic or properties are not legal in MQTT.
        """
        return self._put(Header(topic, properties), payload, acknowledged, expires_in_s)

    def sender(self, topic: str, properties: Sequence[tuple[str, str]] = ()) -> Sender:
        """A way to publish that encodes topic and properties now, see the port.

        Raises:
            ValueError: topic or properties are not legal in MQTT.
        """
        return partial(self._put, Header(topic, properties))

    def subscribe(
        self, topic: str, on_message: Callable[[Message], None], subscribed: Callable[[], None] | None = None
    ) -> None:
        """Subscribe to one topic, see the port; what is subscribed within a moment shares packets."""
        self._subscriptions.add(Subscription(topic, on_message, subscribed))
        self._subscribe_soon()

    def unsubscribe(self, topic: str) -> None:
        """Stop, see the port."""
        self._subscriptions.remove(topic)
        self._subscribe_soon()

    async def run(self) -> None:
        """Connect and stay connected until `close`; whatever the broker does, try again."""
        failures = 0
        try:
            async with asyncio.timeout(None) as self._scope:
                while not self._is_closed:
                    began = _now()
                    reason = await self._stay_connected()
                    if not self._is_closed:
                        failures = 1 if _now() - began >= self._settings.stable_s else failures + 1
                        await self._back_off(reason, failures)
        except TimeoutError:
            pass  # `close` ended the scope
        finally:
            self._scope = None

    async def close(self, flush_s: float) -> None:
        """Wait at most `flush_s` for outstanding acknowledgements, then disconnect without a last will."""
        self._is_closing = True
        if self._outbox and self._scope is not None and not self._is_closed:
            try:
                await asyncio.wait_for(self._drained.wait(), flush_s)
            except TimeoutError:
                self._log.warning("mqtt link closed with messages left", messages=len(self._outbox))
        self._is_closed = True
        if self._connection is not None:
            self._connection.disconnect()
            await asyncio.wait([self._connection.lost], timeout=_GOODBYE_S)
        if self._scope is not None:
            self._scope.reschedule(_now())

    async def _stay_connected(self) -> str:
        """One connection from beginning to end; returns why it ended."""
        settings = self._settings
        connection = self._connection = self._wire(self._on_packet)
        try:
            async with asyncio.timeout(settings.connect_timeout_s):
                await connection.open()
            if not self._is_connected:  # a fast broker's CONNACK may be here already
                self._later("tick", settings.connect_timeout_s, lambda: connection.fail("no CONNACK"))
            return await connection.lost
        except TimeoutError:
            return "the broker does not answer"
        except OSError as error:
            return f"{type(error).__name__}: {error}"
        finally:
            connection.fail("given up")
            self._went_down()

    async def _back_off(self, reason: str, failures: int) -> None:
        first_s, last_s = self._settings.backoff_s
        # Full jitter: when a broker comes back, all its links don't arrive at the same moment.
        pause_s = random.uniform(0, min(last_s, first_s * 2 ** min(failures - 1, 16)))  # noqa: S311  # no secret
        self._log.warning("mqtt link down", reason=reason, retry_in_s=round(pause_s, 1))
        await asyncio.sleep(pause_s)

    def _went_up(self, packet: mqtt5.ConnAckPacket) -> None:
        settings = self._settings
        window = min(settings.window, packet.receive_max)
        self._is_connected = True
        # Where there is a pace to keep, or messages are left from before, they leave by `_pump`.
        send = self._send if self._pace is None else None
        self._outbox.connected(window, min(settings.max_packet_size, packet.max_packet_size or 268_435_460), send)
        self._subscriptions.connected()
        self._keepalive = Keepalive(min(settings.keepalive_s, packet.server_keep_alive or settings.keepalive_s))
        self._later("tick", self._keepalive.tick_s, self._tick)
        self._log.info("mqtt link up", window=window, keepalive_s=self._keepalive.keepalive_s)
        self._tell(self._on_state, True)
        self._send_subscriptions()
        self._pump()

    def _went_down(self) -> None:
        was_connected = self._is_connected
        self._is_connected = False
        self._connection = None
        self._outbox.disconnected()
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        if was_connected:
            self._tell(self._on_state, False)

    def _on_packet(self, packet: mqtt5.Packet) -> None:
        handler = self._handlers.get(type(packet))
        if handler is not None and self._is_connected:
            handler(packet)
        elif isinstance(packet, mqtt5.ConnAckPacket) and not self._is_connected:
            self._on_connack(packet)
        elif isinstance(packet, mqtt5.DisconnectPacket):
            raise BrokerError(_reason("the broker disconnected", packet), None)
        else:
            raise BrokerError(f"an unexpected {type(packet).__name__}")

    def _on_connack(self, packet: mqtt5.ConnAckPacket) -> None:
        if int(packet.reason_code) >= _REFUSED:
            raise BrokerError(_reason("the broker refused the connection", packet), None)
        if packet.max_qos == QoS.AT_MOST_ONCE:
            raise BrokerError("the broker has no QoS 1", DisconnectReasonCode.QOS_NOT_SUPPORTED)
        self._went_up(packet)

    def _on_publish(self, packet: mqtt5.PublishPacket) -> None:
        if packet.qos is _EXACTLY_ONCE:
            raise BrokerError("a message of QoS 2", DisconnectReasonCode.QOS_NOT_SUPPORTED)
        if self._pace is not None:
            self._pace.take(len(packet.payload))
        topic = packet.topic
        subscription = self._subscriptions.wanted.get(topic)
        if subscription is not None:
            self._tell(subscription.on_message, Message(topic, packet.payload, dict(packet.user_properties)))
        packet_id = packet.packet_id
        if packet_id is not None and self._connection is not None:
            self._connection.send_soon(mqtt_publish.puback(packet_id))

    def _on_puback(self, packet: mqtt5.PubAckPacket) -> None:
        code = packet.reason_code
        if code is _QUOTA_EXCEEDED:
            # AWS IoT throttles this way. Dropping the frame would lose a transaction; pausing costs a second.
            self._outbox.put_back(packet.packet_id)
            self._later("retry", self._settings.retry_s[0], self._pump)
            return
        settled = self._outbox.settle(packet.packet_id)
        if settled is not None:
            if code is not _SUCCESS and int(code) >= _REFUSED:
                self._log.warning("publish refused", reason=_reason("PUBACK", packet), bytes=len(settled.data))
            elif settled.acknowledged is not None:
                self._tell(settled.acknowledged)
        if self._outbox.is_waiting or self._is_closing:
            self._pump()

    def _on_suback(self, packet: mqtt5.SubAckPacket) -> None:
        answered = self._subscriptions.answered(packet)
        if answered is None:
            raise BrokerError("a SUBACK that doesn't fit its SUBSCRIBE")
        for subscription, code in answered:
            if int(code) >= _REFUSED:
                self._subscribe_later(subscription, code.name)
            else:
                subscription.failures = 0
                subscribed, subscription.subscribed = subscription.subscribed, None
                self._tell(subscribed)
        self._subscribe_soon()

    def _on_unsuback(self, packet: mqtt5.UnsubAckPacket) -> None:
        self._subscriptions.forget(packet.packet_id)
        self._subscribe_soon()

    def _subscribe_later(self, subscription: Subscription, code: str) -> None:
        first_s, last_s = self._settings.retry_s
        pause_s = min(last_s, first_s * 2 ** min(subscription.failures, 16))
        subscription.failures += 1
        self._log.warning("subscribe refused", topic=subscription.topic, reason=code, retry_in_s=pause_s)

        def again() -> None:
            self._subscriptions.again(subscription)
            self._subscribe_soon()

        self._later(f"subscribe {subscription.topic}", pause_s, again)

    def _subscribe_soon(self, delay_s: float = 0.0) -> None:
        if self._is_connected and "subscribe" not in self._timers:
            self._later("subscribe", max(delay_s, _GATHER_S), self._send_subscriptions)

    def _send_subscriptions(self) -> None:
        while (packet := self._subscriptions.next_unsubscribe()) is not None:
            self._send(packet)
        while (count := self._subscriptions.due()) > 0:
            pause_s = self._settings.pace(count)
            if pause_s > 0:
                self._subscribe_soon(pause_s)
                return
            self._send(self._subscriptions.next_subscribe())

    def _pump(self) -> None:
        if "retry" not in self._timers:
            while self._is_connected and (data := self._take()) is not None:
                self._send(data)
        if self._is_closing and not self._outbox:
            self._drained.set()

    def _take_in_time(self, pace: PublishPace) -> bytes | None:
        if not self._outbox.is_waiting:
            return None
        wait_s = pace.wait_s()
        if wait_s > 0:
            self._later("retry", wait_s, self._pump)
            return None
        data = self._outbox.take()
        if data is not None:
            pace.take(len(data))
        return data

    def _tick(self) -> None:
        connection = self._connection
        if connection is None:
            return
        dead = self._keepalive.verdict(connection.has_received, (self._outbox.oldest(), self._subscriptions.oldest()))
        if dead is not None:
            connection.fail(dead)
            return
        if self._keepalive.is_ping_due(connection.has_sent, connection.has_received):
            self._send(mqtt5.PingReqPacket().write())
        connection.has_sent = connection.has_received = False
        self._later("tick", self._keepalive.tick_s, self._tick)

    def _put(
        self,
        header: Header,
        payload: bytes,
        acknowledged: Callable[[], None] | None = None,
        expires_in_s: int | None = None,
    ) -> bool:
        if self._is_closing or not self._outbox.put(header, payload, acknowledged, expires_in_s):
            return False
        if self._is_connected and self._outbox.is_waiting:
            self._pump()
        return True

    def _send(self, data: bytes) -> None:
        if self._connection is not None:
            self._connection.send(data)

    def _later(self, name: str, delay_s: float, callback: Callable[[], None]) -> None:
        def fire() -> None:
            del self._timers[name]
            callback()

        if name in self._timers:
            self._timers[name].cancel()
        self._timers[name] = asyncio.get_running_loop().call_later(delay_s, fire)

    def _tell(self, callback: Callable[..., None] | None, *args: object) -> None:
        if callback is None:
            return
        try:
            callback(*args)
        except Exception:
            # The outermost loop of whoever is called back: one charge point's bug must not cut off all the others.
            self._log.exception("callback failed")


def _now() -> float:
    return asyncio.get_running_loop().time()


def _reason(text: str, packet: mqtt5.ConnAckPacket | mqtt5.DisconnectPacket | mqtt5.PubAckPacket) -> str:
    return f"{text}: {packet.reason_code.name}" + (f" ({packet.reason_str})" if packet.reason_str else "")
