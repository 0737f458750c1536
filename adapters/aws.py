"""How we talk to AWS, or to the emulator where boto3's own AWS_ENDPOINT_URL points to one."""

import os
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session

if TYPE_CHECKING:
    import boto3

DEFAULT_REGION = "us-east-1"

# What a call raises that AWS refused, or that did not get there.
FAILURES = (BotoCoreError, ClientError)


def session() -> "boto3.Session":
    """A session in the region of AWS_REGION, which boto3 itself doesn't read."""
    return cast("boto3.Session", _session(os.environ.get("AWS_REGION") or DEFAULT_REGION))


@cache
def _session(region: str) -> "_Session":
    # One for all clients: each session reads botocore's data files anew, 50 ms that a cold Lambda doesn't have.
    return _Session(region)


class _Session:
    """What of boto3.Session is used here. The rest, resources and transfers to S3, is a tenth of a cold start."""

    def __init__(self, region_name: str) -> None:
        self.region_name = region_name
        self._session = Session()

    def client(self, service_name: str, **options: Any) -> Any:
        return self._session.create_client(service_name, region_name=self.region_name, **options)

    def get_credentials(self) -> Any:
        return self._session.get_credentials()


def aim_at_local() -> None:
    """Mean the house on this machine, unless boto3's own variables say otherwise."""
    os.environ.setdefault("AWS_ENDPOINT_URL", f"http://127.0.0.1:{os.environ.get('OCPPGW_AWS_PORT', '4566')}")
    os.environ.setdefault("AWS_ACCESS_KEY_ID", "local")  # the emulator takes any keys
    os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "local")


def config(read_timeout_s: float = 5, *, is_patient: bool = False) -> Config:
    """Short time-outs and few tries: whoever waits (a socket, a caller, a queue) has a time-out of its own.

    Whom nobody waits for may be patient: it tries for longer, and slows down to what AWS lets through.
    """
    retries: Any = {"mode": "standard", "total_max_attempts": 4}
    if is_patient:
        retries = {"mode": "adaptive", "total_max_attempts": 12}
    return Config(
        connect_timeout=2,
        read_timeout=read_timeout_s,
        retries=retries,
        max_pool_connections=32,
        tcp_keepalive=True,
    )
