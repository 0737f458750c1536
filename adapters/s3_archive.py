"""The archive in an S3 bucket."""

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from adapters import aws

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_THREADS = 16  # that read files at a time
_REMOVED_AT_ONCE = 1000  # what DeleteObjects takes


class S3Archive:
    """The Archive port."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, key: str, body: bytes) -> None:
        self._client.put_object(Bucket=self._bucket, Key=key, Body=body)

    def keys(self, prefix: str) -> Iterator[str]:
        for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix):
            yield from (each["Key"] for each in page.get("Contents", ()))

    def get_many(self, keys: Sequence[str]) -> Iterable[bytes]:
        with ThreadPoolExecutor(_THREADS, "archive") as threads:
            yield from (body for body in threads.map(self._get, keys) if body is not None)

    def remove(self, keys: Sequence[str]) -> None:
        for start in range(0, len(keys), _REMOVED_AT_ONCE):
            batch = keys[start : start + _REMOVED_AT_ONCE]
            self._client.delete_objects(Bucket=self._bucket, Delete={"Objects": [{"Key": key} for key in batch]})

    def _get(self, key: str) -> bytes | None:
        try:
            return self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "NoSuchKey":
                return None  # compacted since it was listed
            raise


def connect() -> S3Archive:
    """The bucket of the house: OCPPGW_ARCHIVE_BUCKET, or the one the template makes in this account and region."""
    return S3Archive(aws.session().client("s3", config=aws.config(30)), bucket())


def bucket() -> str:
    """The name of the bucket."""
    return os.environ.get("OCPPGW_ARCHIVE_BUCKET") or _of_this_account()


def _of_this_account() -> str:
    session = aws.session()
    account = session.client("sts", config=aws.config()).get_caller_identity()["Account"]
    return f"ocpp-gateway-archive-{account}-{session.region_name}"
