"""One MQTT connection on the wire: bytes to packets and back. Knows packets' edges, not what they mean."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any, Protocol, cast

import mqtt5
from mqtt5 import DisconnectReasonCode, QoS

from adapters.mqtt_settings import MqttSettings

_ABORT_S = 1.0  # a broker that does not take our last bytes in this time won't
_GOODBYE_S = 1.0
# An acknowledgement waits so long for something to go with: a segment of its own costs more than all else about it.
# So many don't wait, as a broker's window may be small (mosquitto's is 20 unless told otherwise).
_SOON_S, _SOON = 0.002, 8

OnPacket = Callable[[mqtt5.Packet], None]


class BrokerError(Exception):
    """The broker sent what ends the connection; `code` tells it why, None if it knows."""

    def __init__(self, reason: str, code: DisconnectReasonCode | None = DisconnectReasonCode.PROTOCOL_ERROR) -> None:
        super().__init__(reason)
        self.code = code


class Wire(Protocol):
    """What a link needs of a connection; it is opened once.

    `lost` is resolved with the reason when the connection is gone. Every packet, CONNACK first, goes to the `OnPacket`
    it was made with, which may raise `BrokerError`. `has_sent` and `has_received` are for keepalive: whoever reads
    them resets them.
    """

    lost: asyncio.Future[str]
    has_sent: bool
    has_received: bool

    async def open(self) -> None:
        """Connect, and send CONNECT; an `OSError` says that there is nobody."""

    def send(self, data: bytes) -> None:
        """Send a packet; after the end, do nothing."""

    def send_soon(self, data: bytes) -> None:
        """Send a packet that may wait a moment for others to go with."""

    def fail(self, reason: str, code: DisconnectReasonCode | None = None) -> None:
        """End it for this reason; the broker is told the code, or nothing at all (so that it publishes the will)."""

    def disconnect(self) -> None:
        """End it in good order: the broker forgets the will."""


class Connection(asyncio.Protocol):
    """A `Wire` over TCP or TLS; it collects what is sent in one turn of the loop."""

    def __init__(self, settings: MqttSettings, on_packet: OnPacket) -> None:
        self._loop = asyncio.get_running_loop()
        self._settings = settings
        self._on_packet = on_packet
        self._transport: asyncio.Transport | None = None
        self._rest = bytearray()
        self._needed = 0
        self._out: list[bytes] = []
        self._is_flush_due = False
        self._soon: asyncio.TimerHandle | None = None
        self._reason: str | None = None
        self.lost: asyncio.Future[str] = self._loop.create_future()
        self.has_sent = self.has_received = False

    async def open(self) -> None:
        """Connect."""
        settings = self._settings
        tls: dict[str, Any] = {}
        if settings.tls is not None:
            tls = {
                "ssl": settings.tls,
                "server_hostname": settings.server_name or settings.host,
                "ssl_shutdown_timeout": _GOODBYE_S,
            }
        await self._loop.create_connection(lambda: self, settings.host, settings.port, **tls)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin with CONNECT."""
        self._transport = cast(asyncio.Transport, transport)
        if self._reason is not None:  # given up while it was being opened
            self._transport.abort()
            return
        # A frame is one small write: Nagle's algorithm would hold it back until the last one is acknowledged.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.send(_connect(self._settings))

    def data_received(self, data: bytes) -> None:
        """Take bytes, whole packets or not."""
        if self._reason is not None:
            return
        self.has_received = True
        if self._rest:
            self._rest += data
            if len(self._rest) < self._needed:
                return
            data = bytes(self._rest)
            self._rest.clear()
        try:
            self._read(memoryview(data))
        except BrokerError as error:
            self.fail(str(error), error.code)

    def connection_lost(self, exc: Exception | None) -> None:
        """Say why it ended."""
        self._transport = None
        self._out.clear()
        if not self.lost.done():
            self.lost.set_result(self._reason or (str(exc) if exc else "the broker closed the connection"))

    def send(self, data: bytes) -> None:
        """Send with everything else of this turn of the loop; after the end, do nothing."""
        self._out.append(data)
        if not self._is_flush_due:
            self._is_flush_due = True
            self._loop.call_soon(self._flush)

    def send_soon(self, data: bytes) -> None:
        """Send with the next packet, or a moment later."""
        if len(self._out) >= _SOON:
            self.send(data)
            return
        self._out.append(data)
        if self._soon is None and not self._is_flush_due:
            self._soon = self._loop.call_later(_SOON_S, self._flush_late)

    def fail(self, reason: str, code: DisconnectReasonCode | None = None) -> None:
        """End it for this reason; the broker is told the code, or nothing at all (so that it publishes the will)."""
        if self._reason is None:
            self._reason = reason
            if code is not None:
                self.send(mqtt5.DisconnectPacket(reason_code=code).write())
            self._end(at_once=code is None)

    def disconnect(self) -> None:
        """End it in good order: the broker forgets the will."""
        self.fail("disconnected", DisconnectReasonCode.NORMAL_DISCONNECTION)

    def _end(self, at_once: bool) -> None:
        if self._transport is None:
            self.connection_lost(None)
            return
        if at_once:
            self._transport.abort()
            return
        self._flush()
        self._transport.close()
        self._loop.call_later(_ABORT_S, self._transport.abort)

    def _flush_late(self) -> None:
        self._soon = None
        self._flush()

    def _flush(self) -> None:
        self._is_flush_due = False
        if self._out and self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"".join(self._out))
            self.has_sent = True
        self._out.clear()

    def _read(self, view: memoryview) -> None:
        while view and self._reason is None:
            try:
                packet, used = mqtt5.read(view)
            except IndexError:
                self._keep(view)
                return
            except ValueError as error:
                raise BrokerError(f"malformed packet: {error}", DisconnectReasonCode.MALFORMED_PACKET) from error
            except BaseException as error:
                _raise_if_malformed(error)
                raise
            self._on_packet(packet)
            view = view[used:]

    def _keep(self, view: memoryview) -> None:
        self._needed = _size(view)
        if self._needed <= len(view):
            raise BrokerError("malformed packet: longer inside than outside", DisconnectReasonCode.MALFORMED_PACKET)
        if self._needed > self._settings.max_packet_size:
            raise BrokerError(f"a packet of {self._needed} bytes", DisconnectReasonCode.PACKET_TOO_LARGE)
        self._rest += view


def _connect(settings: MqttSettings) -> bytes:
    will = None
    if settings.will is not None:
        topic, payload = settings.will
        will = mqtt5.Will(topic, payload=payload, qos=QoS.AT_LEAST_ONCE)
    return mqtt5.ConnectPacket(
        settings.client_id,
        clean_start=True,
        username=settings.username,
        password=settings.password,
        will=will,
        keep_alive=settings.keepalive_s,
        receive_max=settings.receive_maximum,
        max_packet_size=settings.max_packet_size,
    ).write()


def _raise_if_malformed(error: BaseException) -> None:
    # The codec panics at strings that are no UTF-8, and a Rust panic is no Exception.
    if type(error).__name__ == "PanicException":
        raise BrokerError(f"malformed packet: {error}", DisconnectReasonCode.MALFORMED_PACKET) from error


def _size(view: memoryview) -> int:
    """What the fixed header says the packet measures; one more than there is while the header is incomplete."""
    length = 0
    for index in range(1, 5):
        if index >= len(view):
            return index + 1
        length |= (view[index] & 0x7F) << 7 * (index - 1)
        if view[index] < 0x80:
            break
    return 1 + index + length
