"""What an AWS account needs before the stack: `python -m infra.account --tag 1.2.0`, again whenever you like.

A bucket for code, a repository for the image, the certificate that gateways show to AWS IoT Core, and its secret.
Writes build/parameters.json for `aws cloudformation deploy`, and build/image: what to build and push.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from infra.package import key_of
from infra.wheels import BUILD, ZIP

NAME = "ocpp-gateway"
IDENTITY = f"{NAME}/gateway-identity"


def prepare(client: Callable[[str], Any], region: str, code: bytes, tag: str) -> dict[str, str]:
    """Make what is missing, upload the code, and return the stack's parameters."""
    account = client("sts").get_caller_identity()["Account"]
    bucket = f"{NAME}-code-{account}-{region}"
    key = upload(client("s3"), bucket, region, code)
    certificate_arn, secret_arn = _identity(client("iot"), client("secretsmanager"))
    return {
        "CodeBucket": bucket,
        "CodeKey": key,
        "Image": f"{_repository(client('ecr'))}:{tag}",
        "IotEndpoint": client("iot").describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"],
        "GatewayCertificateArn": certificate_arn,
        "GatewayIdentityArn": secret_arn,
    }


def upload(s3: Any, bucket: str, region: str, code: bytes) -> str:
    """Put the code into this bucket, which is made if there is none; returns its key."""
    if bucket not in {each["Name"] for each in s3.list_buckets()["Buckets"]}:
        # S3 takes no constraint for its first region. It is private and encrypted unless told otherwise.
        where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        s3.create_bucket(Bucket=bucket, **where)
    key = key_of(code)
    s3.put_object(Bucket=bucket, Key=key, Body=code)
    return key


def _repository(ecr: Any) -> str:
    try:
        (found,) = ecr.describe_repositories(repositoryNames=[NAME])["repositories"]
    except ecr.exceptions.RepositoryNotFoundException:
        found = ecr.create_repository(
            repositoryName=NAME, imageTagMutability="IMMUTABLE", imageScanningConfiguration={"scanOnPush": True}
        )["repository"]
    uri: str = found["repositoryUri"]
    return uri


def _identity(iot: Any, secrets: Any) -> tuple[str, str]:
    """(certificate, secret); the secret remembers which certificate it holds."""
    try:
        kept = secrets.get_secret_value(SecretId=IDENTITY)
        return json.loads(kept["SecretString"])["certificateArn"], kept["ARN"]
    except secrets.exceptions.ResourceNotFoundException:
        made = iot.create_keys_and_certificate(setAsActive=True)
    held = {
        "certificateArn": made["certificateArn"],
        "certificate": made["certificatePem"],
        "key": made["keyPair"]["PrivateKey"],
    }
    return made["certificateArn"], secrets.create_secret(Name=IDENTITY, SecretString=json.dumps(held))["ARN"]


def write(parameters: dict[str, str], directory: Path = BUILD) -> None:
    """Leave the parameters where `make deploy` looks for them."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "parameters.json").write_text(json.dumps([f"{name}={value}" for name, value in parameters.items()]))
    (directory / "image").write_text(parameters["Image"])
    (directory / "bucket").write_text(parameters["CodeBucket"])


def main() -> None:
    """Prepare the account that the environment names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tag", required=True, help="of the image, a new one for each version")
    tag = parser.parse_args().tag
    if tag.endswith("-dirty"):
        sys.exit("There are changes that are not committed: commit them, or give them a TAG of their own.")
    session = boto3.Session(region_name=os.environ.get("AWS_REGION") or None)  # boto3 itself does not read it
    if not session.region_name:
        sys.exit("Which region? Set AWS_REGION.")
    try:
        clients: Any = session.client
        write(prepare(clients, session.region_name, ZIP.read_bytes(), tag))
    except FileNotFoundError:
        sys.exit(f"{ZIP} is missing: run `make package` first.")
    except (BotoCoreError, ClientError) as error:
        sys.exit(f"The account can't be prepared: {error}")


if __name__ == "__main__":
    main()
