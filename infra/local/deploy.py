"""Puts the house on the emulator as an operator would put it on AWS: bucket, code, stack, thing events, certificate."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError, WaiterError

from infra.account import upload
from infra.local.cloud import AWS, CloudError
from infra.package import pack

STACK = "ocpp-gateway"
BUCKET = "ocpp-gateway-code"
TEMPLATE = Path(__file__).parents[1] / "template.json"
CONCURRENCY = 2  # the least that Lambda allows: every one more is another Python process
_DONE = ("CREATE_COMPLETE", "UPDATE_COMPLETE")


@dataclass(frozen=True, slots=True)
class Certificate:
    """The gateway's certificate for AWS IoT Core, as PEM files."""

    certificate: Path
    key: Path


def deploy(
    aws: AWS, code: bytes | None = None, disconnect_delay_s: int = 60, template: Path = TEMPLATE
) -> dict[str, str]:
    """Create the stack, or update it in place, and return its outputs; `code` is the zip, ours unless given.

    Raises:
        CloudError: CloudFormation did not accept or not finish it.
    """
    parameters = {
        "CodeBucket": BUCKET,
        "CodeKey": upload(aws.client("s3"), BUCKET, aws.region, pack() if code is None else code),
        "DisconnectDelaySeconds": str(disconnect_delay_s),
    }
    cloudformation = aws.client("cloudformation")
    changed = _create_or_update(cloudformation, _upload_template(aws, template), parameters)
    stack = cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]
    if changed and stack["StackStatus"] not in _DONE:
        reason = _first_failure(cloudformation)
        raise CloudError(f"The stack is {stack['StackStatus']}: {reason} Stop, remove {aws.state} and start again.")
    _limit_concurrency(aws.client("lambda"))
    # A setting of the account, hence not in the template.
    aws.client("iot").update_event_configurations(eventConfigurations={"THING": {"Enabled": True}})
    return {output["OutputKey"].removesuffix("Output"): output["OutputValue"] for output in stack["Outputs"]}


def gateway_certificate(aws: AWS, policy: str) -> Certificate:
    """The gateway's certificate, made once and kept as long as AWS IoT knows it."""
    directory = aws.state / "gateway"
    kept = Certificate(directory / "certificate.pem", directory / "key.pem")
    identity = directory / "certificate-id"
    iot = aws.client("iot")
    if not (identity.exists() and _is_active(iot, identity.read_text())):
        directory.mkdir(parents=True, exist_ok=True)
        made = iot.create_keys_and_certificate(setAsActive=True)
        kept.key.touch(mode=0o600)
        kept.key.write_text(made["keyPair"]["PrivateKey"])
        kept.certificate.write_text(made["certificatePem"])
        iot.attach_policy(policyName=policy, target=made["certificateArn"])
        identity.write_text(made["certificateId"])
    return kept


def _upload_template(aws: AWS, template: Path) -> str:
    """The URL of the template: CloudFormation takes 51,200 bytes from a request, and 1 MB from S3."""
    body = template.read_bytes()
    key = f"template/{hashlib.sha256(body).hexdigest()[:32]}.json"
    aws.client("s3").put_object(Bucket=BUCKET, Key=key, Body=body)
    return f"https://s3.amazonaws.com/{BUCKET}/{key}"  # the emulator reads no other form


def _create_or_update(cloudformation: Any, template_url: str, parameters: dict[str, str]) -> bool:
    """Create or update the stack; whether there was anything to do."""
    request = {
        "StackName": STACK,
        "TemplateURL": template_url,
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        "Capabilities": ["CAPABILITY_IAM"],
    }
    exists = _exists(cloudformation)
    try:
        (cloudformation.update_stack if exists else cloudformation.create_stack)(**request)
    except ClientError as error:
        if "No updates are to be performed" in str(error):
            return False
        raise CloudError(f"CloudFormation refuses the stack: {error}") from error
    _wait(cloudformation, "stack_update_complete" if exists else "stack_create_complete")
    return True


def _limit_concurrency(functions: Any) -> None:
    # Not a parameter of the template: the emulator would take its value for a string.
    for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
        if (
            ":sqs:" in mapping["EventSourceArn"]
            and mapping.get("ScalingConfig", {}).get("MaximumConcurrency") != CONCURRENCY
        ):
            scaling = {"MaximumConcurrency": CONCURRENCY}
            functions.update_event_source_mapping(UUID=mapping["UUID"], ScalingConfig=scaling)


def _wait(cloudformation: Any, event: str) -> None:
    try:
        cloudformation.get_waiter(event).wait(StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    except WaiterError:
        return  # the stack's state says what happened


def _exists(cloudformation: Any) -> bool:
    try:
        cloudformation.describe_stacks(StackName=STACK)
    except ClientError:
        return False
    return True


def _first_failure(cloudformation: Any) -> str:
    events = cloudformation.describe_stack_events(StackName=STACK)["StackEvents"]
    failures = [event for event in events if event["ResourceStatus"].endswith("_FAILED")]
    if not failures:
        return "it does not say why."
    first = min(failures, key=lambda event: event["Timestamp"])
    return f"{first['LogicalResourceId']}: {first.get('ResourceStatusReason', 'no reason given')}."


def _is_active(iot: Any, certificate_id: str) -> bool:
    try:
        described = iot.describe_certificate(certificateId=certificate_id)["certificateDescription"]
    except iot.exceptions.ResourceNotFoundException:
        return False
    return bool(described["status"] == "ACTIVE")
