"""The templates that the CDK code makes, once for the whole run: jsii and node take most of the time."""

import importlib.util
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

NO_CDK = "aws-cdk-lib is not installed (make infra): nobody looks at what the CDK code makes"
NO_NODE = "node is not installed: nobody looks at what the CDK code makes"
DOMAIN = "{name: ocpp.example.com, zone: example.com, hosted_zone_id: Z0123456789ABC}"
# Between them every option has another value than in dev.
OPTIONS = {
    "passthrough": f"""
preset: prod
availability_zones: 3
egress: endpoints
tls: gateway
client_certificates: true
plain: true
domain: {DOMAIN}
processors: workers
basic_ingest: false
heartbeats: forward
charge_points_per_link: 1
thing_type: null
recovery_days: 7
glacier_after_days: 30
retention:
  transactions_days: 400
  frames_days: 7
webhooks: 5
alarm_email: ops@example.com
signer: arn:aws:acm-pca:eu-central-1:123456789012:certificate-authority/11111111-2222-3333-4444-555555555555
contract_roots: arn:aws:secretsmanager:eu-central-1:123456789012:secret:roots-AbCdEf
""",
    "balanced": f"""
preset: prod
egress: nat
tls: load_balancer
domain: {DOMAIN}
allowed_cidrs: [203.0.113.0/24]
signer: arn:aws:secretsmanager:eu-central-1:123456789012:secret:ca-AbCdEf
""",
}


@dataclass(frozen=True, slots=True)
class Template:
    """A template, and the file it is in."""

    path: Path
    body: dict[str, Any]

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """Properties of all resources of a type."""
        resources = self.body["Resources"].items()
        return {name: made.get("Properties", {}) for name, made in resources if made["Type"] == kind}

    def only(self, kind: str) -> dict[str, Any]:
        """Properties of the only resource of a type."""
        (properties,) = self.of_type(kind).values()
        return properties


@pytest.fixture(scope="session")
def synthesised(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Template]:
    """`local`, `dev` and those of `OPTIONS`."""
    if importlib.util.find_spec("aws_cdk") is None:
        pytest.skip(NO_CDK)
    if shutil.which("node") is None:
        pytest.skip(NO_NODE)
    directory = tmp_path_factory.mktemp("synthesised")
    for name, options in OPTIONS.items():
        (directory / f"{name}.yaml").write_text(options)
    names = ["local", "dev", *[str(directory / f"{name}.yaml") for name in OPTIONS]]
    # A process of its own: jsii leaves a child behind, and has opinions about the version of node.
    command = [sys.executable, "-m", "infra.app", *names, "--into", str(directory)]
    run = subprocess.run(command, check=False, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    paths = {path.name.removesuffix(".template.json"): path for path in directory.glob("*.template.json")}
    return {name: Template(path, json.loads(path.read_text())) for name, path in paths.items()}
