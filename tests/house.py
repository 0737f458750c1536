"""A running house for tests: `ocppgw up` as a user starts it, on free ports, without demo charge points.

    @pytest.mark.e2e
    def test_something(house):
        house.aws.client("iot").create_thing(thingName="CP-001")
        connect(f"{house.ws_url}/CP-001")

It is started once for the whole run and shared: use charge points of your own.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from infra.local.cloud import AWS, free_port

PORTS = ("OCPPGW_WS_PORT", "OCPPGW_HTTP_PORT", "OCPPGW_ADMIN_PORT", "OCPPGW_AWS_PORT", "OCPPGW_MQTT_PORT")
START_S = 180.0  # on a machine that does much else
STOP_S = 10.0
# The shadow of a charge point that went away says so after this; an hour's worth of tests must not wait a minute.
DISCONNECT_DELAY_S = 2


def free_ports() -> dict[str, str]:
    """The variables of the ports, each with one that nobody listens on now."""
    chosen: set[int] = set()
    while len(chosen) < len(PORTS):
        chosen.add(free_port())
    return {name: str(port) for name, port in zip(PORTS, chosen, strict=True)}


class House:
    """`ocppgw up` in a process of its own; leaving a `with` of it ends it, whatever happened."""

    def __init__(self, state: Path, **environment: str) -> None:
        self.state = state
        chosen = free_ports()
        shared = {"OCPPGW_STATE_DIR": str(state), "OCPPGW_DEMO": "0"}
        delay = {"OCPPGW_DISCONNECT_DELAY_S": str(DISCONNECT_DELAY_S)}
        self.environment = chosen | shared | delay | environment
        self.output: list[str] = []
        self._ready = threading.Event()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cli", "up"],
            env=os.environ | self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            process_group=0,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def aws(self) -> AWS:
        """The emulator: `house.aws.client("dynamodb")`."""
        ports = self.environment
        return AWS(int(ports["OCPPGW_AWS_PORT"]), int(ports["OCPPGW_MQTT_PORT"]), self.state)

    @property
    def ws_url(self) -> str:
        """The charge points' URL, without the identity."""
        return f"ws://127.0.0.1:{self.environment['OCPPGW_WS_PORT']}/ocpp"

    @property
    def http_url(self) -> str:
        """The HTTP front."""
        return f"http://127.0.0.1:{self.environment['OCPPGW_HTTP_PORT']}"

    @property
    def admin_url(self) -> str:
        """The gateway's metrics and health."""
        return f"http://127.0.0.1:{self.environment['OCPPGW_ADMIN_PORT']}"

    def wait_until_ready(self) -> None:
        """Wait for the line `ready`."""
        deadline = time.monotonic() + START_S
        while not self._ready.wait(0.05):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise AssertionError("the house is not ready:\n" + "".join(self.output))

    def stop(self, number: signal.Signals = signal.SIGTERM) -> float:
        """Stop it with a signal and return how many seconds that took."""
        began = time.monotonic()
        self.process.send_signal(number)
        try:
            self.process.wait(STOP_S + 5)
        finally:
            self.kill()
        return time.monotonic() - began

    def kill(self) -> None:
        """End the house at once; what it started follows."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join(1)

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self.output.append(line)
                if line == "ready\n":
                    self._ready.set()


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A running house."""
    with House(tmp_path_factory.mktemp("house")) as running:
        running.wait_until_ready()
        yield running
        running.stop()
