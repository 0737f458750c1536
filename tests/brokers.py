"""A real MQTT broker for tests: mosquitto on free loopback ports, with a plain and a TLS listener.

    @pytest.mark.e2e
    def test_something(mosquitto):
        connect("127.0.0.1", mosquitto.port)

The TLS listener is `localhost`, issued by the CA in `mosquitto.ca`, and wants a certificate such as `mosquitto.client`.
"""

import getpass
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.cloud import free_port
from tests.certificates import Authority

START_S = 10.0
MISSING = "mosquitto is not installed (Debian: apt-get install mosquitto): the link is not tested against a real broker"


class Mosquitto:
    """A mosquitto process; `start`, `stop`, `kill` and `restart` keep its ports."""

    def __init__(self, binary: str, directory: Path, log_types: tuple[str, ...] = ("all",)) -> None:
        self.host = "127.0.0.1"
        self.port = free_port()
        self.tls_port = free_port()
        authority = Authority(directory)
        self.ca = authority.certificate
        self.client = authority.issue("link")
        self._server = authority.issue("localhost", server=True)
        self.log = directory / "mosquitto.log"
        self._process: subprocess.Popen[bytes] | None = None
        config = directory / "mosquitto.conf"
        log_settings = [f"log_type {log_type}" for log_type in log_types or ("none",)]
        config.write_text("\n".join([*log_settings, *self._config()]) + "\n")
        self._command = [binary, "-c", str(config)]

    def _config(self) -> list[str]:
        return [
            f"user {getpass.getuser()}",  # root would become `mosquitto`, who may not read our files
            "max_inflight_messages 1000",
            "max_queued_messages 0",
            "set_tcp_nodelay true",
            f"listener {self.port} 127.0.0.1",
            f"listener {self.tls_port} 127.0.0.1",
            f"cafile {self.ca}",
            f"certfile {self._server.certificate}",
            f"keyfile {self._server.key}",
            "require_certificate true",
            "use_identity_as_username true",
            "allow_anonymous true",
        ]

    @property
    def pid(self) -> int:
        """Of the process that runs."""
        return self._process.pid if self._process is not None else 0

    def start(self) -> None:
        """Start it and wait until both listeners answer."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        deadline = time.monotonic() + START_S
        while not (_answers(self.port) and _answers(self.tls_port)):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"mosquitto does not start:\n{self.log.read_text()}")
            time.sleep(0.02)

    def stop(self) -> None:
        """End it as an operator would: it says goodbye to its clients."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(START_S)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(START_S)

    def restart(self) -> None:
        """Kill it and start it again."""
        self.kill()
        self.start()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def mosquitto_binary() -> str | None:
    """Where mosquitto is, also when /usr/sbin is not in the PATH, as for ordinary users of Debian."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A running mosquitto; the test is skipped, with the reason said, where it is not installed."""
    binary = mosquitto_binary()
    if binary is None:
        pytest.skip(MISSING)
    broker = Mosquitto(binary, tmp_path)
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()
