"""A real MQTT broker for tests: mosquitto on free loopback ports, with a plain and a TLS listener.

    @pytest.mark.e2e
    def test_something(mosquitto):
        connect("127.0.0.1", mosquitto.port)

The TLS listener asks for a client certificate of the CA in `mosquitto.certificates`.
"""

import getpass
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

START_S = 10.0
MISSING = "mosquitto is not installed (Debian: apt-get install mosquitto): the link is not tested against a real broker"


@dataclass(frozen=True, slots=True)
class Certificates:
    """Paths of PEM files: a CA, and what it issued to `localhost` (the server) and to a client."""

    ca: Path
    server: Path
    server_key: Path
    client: Path
    client_key: Path


def make_certificates(directory: Path) -> Certificates:
    """Write a CA with a server and a client certificate, valid for a day."""
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test CA")])
    made = Certificates(*(directory / f"{name}.pem" for name in ("ca", "server", "server-key", "client", "client-key")))
    ca = _builder(ca_name, ca_name, ca_key).add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    made.ca.write_bytes(_pem(ca.add_extension(usage, True).sign(ca_key, hashes.SHA256())))
    for name, purpose, certificate, key_file in (
        ("localhost", ExtendedKeyUsageOID.SERVER_AUTH, made.server, made.server_key),
        ("client", ExtendedKeyUsageOID.CLIENT_AUTH, made.client, made.client_key),
    ):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = _builder(subject, ca_name, key).add_extension(x509.ExtendedKeyUsage([purpose]), False)
        names = [x509.DNSName(name), x509.IPAddress(IPv4Address("127.0.0.1"))]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), False)
        certificate.write_bytes(_pem(builder.sign(ca_key, hashes.SHA256())))
        key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
    return made


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def free_port() -> int:
    """A TCP port of the loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Mosquitto:
    """A mosquitto process; `start`, `stop`, `kill` and `restart` keep its ports."""

    def __init__(self, binary: str, directory: Path, *settings: str) -> None:
        self.host = "127.0.0.1"
        self.port = free_port()
        self.tls_port = free_port()
        self.certificates = make_certificates(directory)
        self.log = directory / "mosquitto.log"
        self._process: subprocess.Popen[bytes] | None = None
        config = directory / "mosquitto.conf"
        config.write_text("\n".join([*self._config(), *settings]) + "\n")
        self._command = [binary, "-c", str(config)]

    def _config(self) -> list[str]:
        made = self.certificates
        return [
            f"user {getpass.getuser()}",  # root would become `mosquitto`, who may not read our files
            "max_inflight_messages 1000",
            "max_queued_messages 0",
            "set_tcp_nodelay true",
            "log_type all",
            f"listener {self.port} 127.0.0.1",
            f"listener {self.tls_port} 127.0.0.1",
            f"cafile {made.ca}",
            f"certfile {made.server}",
            f"keyfile {made.server_key}",
            "require_certificate true",
            "use_identity_as_username true",
            "allow_anonymous true",
        ]

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
