"""How we talk to AWS, or to the emulator where boto3's own AWS_ENDPOINT_URL points to one."""

import os
from functools import cache

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

DEFAULT_REGION = "us-east-1"

# What a call raises that AWS refused, or that did not get there.
FAILURES = (BotoCoreError, ClientError)


def session() -> boto3.Session:
    """A session in the region of AWS_REGION, which boto3 itself doesn't read."""
    return _session(os.environ.get("AWS_REGION") or DEFAULT_REGION)


@cache
def _session(region: str) -> boto3.Session:
    # One for all clients: each session reads boto3's data files anew, 50 ms that a cold Lambda doesn't have.
    return boto3.Session(region_name=region)


def aim_at_local() -> None:
    """Mean the house on this machine, unless boto3's own variables say otherwise."""
    os.environ.setdefault("AWS_ENDPOINT_URL", f"http://127.0.0.1:{os.environ.get('OCPPGW_AWS_PORT', '4566')}")
    os.environ.setdefault("AWS_ACCESS_KEY_ID", "local")  # the emulator takes any keys
    os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "local")


def config(read_timeout_s: float = 5) -> Config:
    """Short time-outs and few tries: whoever waits (a socket, a caller, a queue) has a time-out of its own."""
    return Config(
        connect_timeout=2,
        read_timeout=read_timeout_s,
        retries={"mode": "standard", "total_max_attempts": 4},
        max_pool_connections=32,
        tcp_keepalive=True,
    )
