"""AWS on this machine: starts ministack as a child process and hands out what is needed to reach it.

    with running(tmp_path) as aws:
        aws.client("iot").create_thing(thingName="CP-001")

Everything listens on 127.0.0.1 only. The state survives in the directory: saved every 20 s and at the end.
"""

import importlib.util
import os
import secrets
import shutil
import socket
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from infra.local.children import Child

LOOPBACK = "127.0.0.1"
SAVE_EVERY_S = 20.0
START_S = 30.0
CA_S = 20.0  # it is made when it is first asked for
STOP_S = 6.0
_POLL_S = 0.05
_PORTS = range(10_000, 32_768)  # outgoing connections take those above (net.ipv4.ip_local_port_range)


class CloudError(Exception):
    """The emulator can't do what was asked; the text is a sentence for the console."""


@dataclass(frozen=True, slots=True)
class AWS:
    """Where AWS is: what clients, Lambdas, the gateway and tests need to reach it."""

    port: int
    mqtt_port: int  # MQTT over TLS
    state: Path
    region: str = "us-east-1"

    @property
    def endpoint_url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def mqtt_url(self) -> str:
        # By name: the broker's certificate is issued to it.
        return f"mqtts://localhost:{self.mqtt_port}"

    @property
    def ca(self) -> Path:
        """The PEM file that verifies the broker."""
        return self.state / "ca.pem"

    @property
    def logs(self) -> Path:
        """Where processes that belong together write what they say."""
        return self.state / "logs"

    @property
    def temporary(self) -> Path:
        """Where the emulator unpacks Lambda code."""
        return self.state / "tmp"

    def client(self, service: str) -> Any:
        """A boto3 client of a service, such as "iot"."""
        return self._session().client(service, endpoint_url=self.endpoint_url, config=Config(proxies={}))

    def resource(self, service: str) -> Any:
        """A boto3 resource of a service, such as "dynamodb"."""
        return self._session().resource(service, endpoint_url=self.endpoint_url, config=Config(proxies={}))

    def _session(self) -> Any:  # the stubs want a literal name of the service
        return boto3.Session(aws_access_key_id="local", aws_secret_access_key="local", region_name=self.region)  # noqa: S106

    def environment(self) -> dict[str, str]:
        """The environment of a process that is to find AWS here, and never the one on the internet."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        loopback = f"localhost,{LOOPBACK}"
        return inherited | {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,  # the one that boto3 reads
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": ",".join(filter(None, [os.environ.get("NO_PROXY"), loopback])),
            "no_proxy": ",".join(filter(None, [os.environ.get("no_proxy"), loopback])),
            "PYTHONUNBUFFERED": "1",
        }


def start(aws: AWS, say: Callable[[str], None] | None = None, save_every_s: float = SAVE_EVERY_S) -> Child:
    """Start the emulator and wait until it serves; its serious log lines go to `say`.

    Raises:
        CloudError: it did not start.
    """
    if importlib.util.find_spec("ministack") is None:
        raise CloudError("The AWS emulator is not installed: pip install 'ocpp-gateway[local]', or `make run`.")
    shutil.rmtree(aws.temporary, ignore_errors=True)
    aws.temporary.mkdir(parents=True)
    command = [sys.executable, "-m", "infra.local.emulator", str(aws.port), str(save_every_s)]
    emulator = Child("aws", command, aws.environment() | _settings(aws), aws.logs / "aws.log", say)
    try:
        _wait_until_ready(aws, emulator)
        _fetch_ca(aws, emulator)
    except BaseException:
        emulator.stop(0)
        raise
    return emulator


@contextmanager
def running(state: Path, aws_port: int = 0, mqtt_port: int = 0, region: str = "us-east-1") -> Iterator[AWS]:
    """Run the emulator on these ports, or on free ones, for the time of a `with`."""
    aws = AWS(aws_port or free_port(), mqtt_port or free_port(), state.absolute(), region)
    emulator = start(aws)
    try:
        yield aws
    finally:
        emulator.stop(STOP_S)


def free_port() -> int:
    """A TCP port of the loopback that nobody listens on now.

    None of those that the system gives to outgoing connections: one of them may have it by the time it is used.
    """
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind((LOOPBACK, port))
            return port


def _settings(aws: AWS) -> dict[str, str]:
    saved = aws.state / "aws"
    return {
        # Not the port it listens on: queues are saved under URLs with this one, and only found again under the same.
        "GATEWAY_PORT": "4566",
        "IOT_MTLS_PORT": str(aws.mqtt_port),
        "MINISTACK_REGION": aws.region,
        "PERSIST_STATE": "1",
        "STATE_DIR": str(saved),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(saved / "s3"),
        "TMPDIR": str(aws.temporary),
        "LAMBDA_EXECUTOR": "local",
        "SFTP_ENABLED": "0",
        "DOCKER_HOST": "unix:///nonexistent",  # this machine's containers are none of our business
        "LOG_LEVEL": "WARNING",
        "PYTHONDONTWRITEBYTECODE": "",  # Lambdas are unpacked once and started often
    }


def _wait_until_ready(aws: AWS, emulator: Child) -> None:
    deadline = time.monotonic() + START_S
    while not _is_ready(aws):
        if emulator.exit_code() is not None:
            raise CloudError(f"The AWS emulator ended with code {emulator.exit_code()}; see {emulator.log}.")
        if time.monotonic() > deadline:
            raise CloudError(f"The AWS emulator did not start within {START_S:.0f} s; see {emulator.log}.")
        time.sleep(_POLL_S)


def _fetch_ca(aws: AWS, emulator: Child) -> None:
    try:
        aws.ca.write_bytes(_get(f"{aws.endpoint_url}/_ministack/iot/ca.pem", CA_S))
    except OSError as error:
        raise CloudError(f"The AWS emulator did not make its CA within {CA_S:.0f} s; see {emulator.log}.") from error


def answers(url: str) -> bool:
    """Whether a URL on this machine answers 200."""
    try:
        _get(url)
    except OSError:  # refused, reset, or an HTTP error
        return False
    return True


def _is_ready(aws: AWS) -> bool:
    if not answers(f"{aws.endpoint_url}/_ministack/ready"):
        return False
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, aws.mqtt_port)) == 0


def _get(url: str, timeout_s: float = 1) -> bytes:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=timeout_s) as response:
        body: bytes = response.read()
        return body
