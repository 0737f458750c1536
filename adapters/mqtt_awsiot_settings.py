"""How a link to AWS IoT Core connects: a value, made by hand or from a URL. Without the AWS runtime itself."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from adapters.mqtt_settings import AWS_ALPN_PORT, MqttSettings, tls_context

_SCHEME = "awsiot"
_AMAZONS = re.compile(r"\.iot\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?$")


@dataclass(frozen=True, slots=True)
class AwsIotSettings(MqttSettings):
    """Settings of a link to AWS IoT Core; `tls` of the others is not used.

    With `certificate` and `key` (PEM) the link uses mutual TLS. Without, it uses MQTT over WebSocket, signed for
    `region` with `credentials` (an `awscrt.auth.AwsCredentialsProvider`), or what the AWS SDKs' default chain finds.
    `ca` (PEM) replaces the system's authorities. `server_name` is the Host that a WebSocket asks for.
    Only an emulator is reached without `is_encrypted`.
    """

    region: str = ""
    ca: bytes | None = None
    certificate: bytes | None = None
    key: bytes | None = field(default=None, repr=False)
    credentials: Any = field(default=None, repr=False)
    is_encrypted: bool = True


def from_url(
    url: str,
    client_id: str,
    *,
    ca: Path | None = None,
    cert: Path | None = None,
    key: Path | None = None,
    region: str | None = None,
    **settings: Any,
) -> AwsIotSettings:
    """Settings for `awsiot://<endpoint>[:443]`, the endpoint being what `aws iot describe-endpoint` says.

    With `cert` and `key` the link uses them, without it signs with AWS credentials for `region`, which the name of the
    endpoint tells if it is Amazon's. `settings` are other fields of `AwsIotSettings`.

    Raises:
        ValueError: one sentence about what is wrong with the URL or the files.
    """
    host, port = _split(url)
    tls_context(port, ca, cert, key)  # it says what is wrong with the files better than the runtime does
    region = region or _region(host)
    if cert is None and not region:
        raise ValueError(f"The region of {host} is not in its name: set it, or use a client certificate.")
    return AwsIotSettings(
        host,
        port,
        client_id,
        region=region,
        ca=None if ca is None else ca.read_bytes(),
        certificate=None if cert is None else cert.read_bytes(),
        key=None if key is None else key.read_bytes(),
        **settings,
    )


def _split(url: str) -> tuple[str, int]:
    example = f"{_SCHEME}://abc123-ats.iot.eu-central-1.amazonaws.com"
    try:
        parts = urlsplit(url)
        port = parts.port
        (parts.hostname or "").encode("idna")  # as whoever looks it up will do
    except ValueError as error:
        raise ValueError(f"This is no URL such as {example}: {error}.") from error
    shown = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() or "Nothing"
    if parts.scheme != _SCHEME or not parts.hostname or port == 0:
        raise ValueError(f"{shown} is no URL such as {example}.")
    if parts.username is not None or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(f"{shown} has more than an endpoint and a port, but {_SCHEME}:// URLs have no more.")
    return parts.hostname, port or AWS_ALPN_PORT


def _region(host: str) -> str:
    # <account's prefix>-ats.iot.<region>.amazonaws.com, in China .ats.iot.<region>.amazonaws.com.cn
    found = _AMAZONS.search(host)
    return found[1] if found else ""
