"""A scripted cloud on an ordinary MQTT 5 client: it answers every CALL, sends commands, and writes down what it hears.

Its session outlives a connection, as the rules of AWS IoT outlive everything: what is published while it is away waits
at the broker. It sends a command again until it hears its end, as a client does whose QoS 1 publish nobody confirmed.
"""

import threading
import time
from collections import Counter
from typing import Any

import orjson
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

AGAIN_S = 1.0
VALID_S = 120


class Cloud:
    """Runs in a thread of its own between `start` and `stop`."""

    def __init__(self, port: int) -> None:
        self.calls: Counter[str] = Counter()  # how often each CALL was heard
        self.stops: set[tuple[str, int]] = set()  # transactions that charge points said were over
        self.ends: dict[str, list[Any]] = {}  # of each command, the frames that came back
        self.events: list[dict[str, Any]] = []
        self.is_silent = False
        self._commands: dict[str, tuple[str, bytes, int]] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._subscribed = threading.Event()
        self._port = port
        client = self._client = Client(CallbackAPIVersion.VERSION2, "cloud", protocol=MQTTProtocolVersion.MQTTv5)
        client.reconnect_delay_set(1, 1)
        client.max_inflight_messages_set(1_000)
        client.on_connect = self._on_connect
        client.on_subscribe = lambda *_: self._subscribed.set()
        client.on_message = self._on_message
        self._repeating = threading.Thread(target=self._repeat, daemon=True)

    def start(self) -> None:
        """Connect and subscribe."""
        session = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        session.SessionExpiryInterval = 3_600
        self._client.connect("127.0.0.1", self._port, clean_start=False, properties=session)
        self._client.loop_start()
        assert self._subscribed.wait(10)
        self._repeating.start()

    def stop(self) -> None:
        """Leave."""
        self._stopped.set()
        self._client.disconnect()
        self._client.loop_stop()

    def command(self, charge_point_id: str, command_id: str) -> None:
        """Send a command, and again until it has come back."""
        frame = orjson.dumps([2, command_id, "ClearCache", {}])
        deadline = int(time.time() * 1_000) + VALID_S * 1_000
        with self._lock:
            self._commands[command_id] = (charge_point_id, frame, deadline)
        self._send(charge_point_id, frame, deadline=deadline)

    @property
    def open_commands(self) -> set[str]:
        """The commands that have not come back."""
        return self._commands.keys() - self.ends.keys()

    def _on_connect(self, client: Client, *_: Any) -> None:
        client.subscribe([("+/in", 1), ("gateways/+/connected", 1), ("gateways/+/disconnected", 1)])

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        body = orjson.loads(message.payload)
        if message.topic.startswith("gateways/"):
            self.events.append(body)
        elif body[0] == 2:
            self.calls[body[1]] += 1
            if body[2] == "StopTransaction":
                self.stops.add((message.topic.removesuffix("/in"), body[3]["transactionId"]))
            if not self.is_silent:
                epoch = dict(getattr(message.properties, "UserProperty", [])).get("epoch", "0")
                self._send(message.topic.removesuffix("/in"), orjson.dumps([3, body[1], {}]), epoch=epoch)
        else:
            self.ends.setdefault(body[1], []).append(body)

    def _send(self, charge_point_id: str, frame: bytes, **properties: Any) -> None:
        told = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        told.UserProperty = [(name, str(value)) for name, value in properties.items()]
        self._client.publish(f"{charge_point_id}/out", frame, 1, properties=told)

    def _repeat(self) -> None:
        while not self._stopped.wait(AGAIN_S):
            if self._client.is_connected():
                with self._lock:
                    waiting = [self._commands[command_id] for command_id in self.open_commands]
                for charge_point_id, frame, deadline in waiting:
                    self._send(charge_point_id, frame, deadline=deadline)
