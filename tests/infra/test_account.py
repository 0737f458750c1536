"""What an account needs before the stack, on the emulator."""

import json
from pathlib import Path

import pytest

from infra.account import IDENTITY, prepare, write
from infra.local.cloud import AWS

pytestmark = pytest.mark.e2e


def test_an_account_is_prepared_once_and_left_alone_then(aws: AWS) -> None:
    first = prepare(aws.client, aws.region, b"zip", "1")

    again = prepare(aws.client, aws.region, b"zip", "1")

    assert first == again
    assert first.keys() == {
        "CodeBucket", "CodeKey", "Image", "IotEndpoint", "GatewayCertificateArn", "GatewayIdentityArn",
    }  # fmt: skip


def test_the_secret_holds_the_certificate_that_aws_iot_knows(aws: AWS) -> None:
    parameters = prepare(aws.client, aws.region, b"zip", "1")

    held = json.loads(aws.client("secretsmanager").get_secret_value(SecretId=IDENTITY)["SecretString"])

    certificate_id = parameters["GatewayCertificateArn"].rpartition("/")[2]
    known = aws.client("iot").describe_certificate(certificateId=certificate_id)["certificateDescription"]
    assert held["certificate"] == known["certificatePem"]
    assert "PRIVATE KEY" in held["key"]
    assert known["status"] == "ACTIVE"


def test_other_code_is_uploaded_beside_the_old(aws: AWS) -> None:
    old = prepare(aws.client, aws.region, b"old", "1")

    new = prepare(aws.client, aws.region, b"new", "2")

    kept = [aws.client("s3").get_object(Bucket=each["CodeBucket"], Key=each["CodeKey"]) for each in (old, new)]
    assert [each["Body"].read() for each in kept] == [b"old", b"new"]
    assert (old["Image"].rpartition(":")[2], new["Image"].rpartition(":")[2]) == ("1", "2")


def test_parameters_are_written_as_cloudformation_deploy_reads_them(tmp_path: Path) -> None:
    write({"CodeBucket": "b", "Image": "r:1"}, tmp_path)

    assert json.loads((tmp_path / "parameters.json").read_text()) == ["CodeBucket=b", "Image=r:1"]
    assert (tmp_path / "image").read_text() == "r:1"
