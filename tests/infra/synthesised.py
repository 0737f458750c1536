"""The templates that the CDK code makes, once for all runs and workers of the same code: jsii and node take long.

They are kept in build/synthesised, in a directory named by what they are made of.
"""

import fcntl
import hashlib
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
API_DOMAIN = "{name: api.example.com, zone: example.com, hosted_zone_id: Z0123456789ABC}"
WEB_ACL = "arn:aws:wafv2:eu-central-1:123456789012:regional/webacl/ocpp/0123"
ROOT = Path(__file__).parents[2]
KEPT = ROOT / "build" / "synthesised"
SOURCES = ("infra", "domain", "ocppj")
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
tracing: 0.01
spans: xray
alarm_email: ops@example.com
signer: arn:aws:acm-pca:eu-central-1:123456789012:certificate-authority/11111111-2222-3333-4444-555555555555
contract_roots: arn:aws:secretsmanager:eu-central-1:123456789012:secret:roots-AbCdEf
ocsp_responders: [http://ocsp.example/]
""",
    "balanced": f"""
preset: prod
egress: nat
tls: load_balancer
domain: {DOMAIN}
allowed_cidrs: [203.0.113.0/24]
signer: arn:aws:secretsmanager:eu-central-1:123456789012:secret:ca-AbCdEf
http_api: true
api_domain: {API_DOMAIN}
web_acl_arn: {WEB_ACL}
""",
}
WAYS = ("dev", "passthrough", "balanced")


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
def synthesised() -> dict[str, Template]:
    """`local`, `dev` and those of `OPTIONS`."""
    if importlib.util.find_spec("aws_cdk") is None:
        pytest.skip(NO_CDK)
    if shutil.which("node") is None:
        pytest.skip(NO_NODE)
    directory = KEPT / made_of()
    directory.mkdir(parents=True, exist_ok=True)
    with (KEPT / "lock").open("w") as lock:  # another worker of this run may be at it
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (directory / "made").exists():
            make(directory)
    paths = {path.name.removesuffix(".template.json"): path for path in directory.glob("*.template.json")}
    return {name: Template(path, json.loads(path.read_text())) for name, path in paths.items()}


def made_of() -> str:
    """A name for the sources of the templates as they are now."""
    sources = [ROOT / "requirements.lock", *sorted(path for name in SOURCES for path in (ROOT / name).rglob("*.py"))]
    told = hashlib.sha256(json.dumps(OPTIONS).encode())
    for path in sources:
        told.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return told.hexdigest()[:32]


def make(directory: Path) -> None:
    """Make them, and forget those of other sources."""
    for old in KEPT.iterdir():
        if old.is_dir() and old != directory:
            shutil.rmtree(old)
    for name, options in OPTIONS.items():
        (directory / f"{name}.yaml").write_text(options)
    names = ["local", "dev", *[str(directory / f"{name}.yaml") for name in OPTIONS]]
    # A process of its own: jsii leaves a child behind, and has opinions about the version of node.
    command = [sys.executable, "-m", "infra.app", *names, "--into", str(directory)]
    run = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == 0, run.stdout + run.stderr
    (directory / "made").touch()


def container(template: Template, name: str = "gateway") -> dict[str, Any]:
    for task in template.of_type("AWS::ECS::TaskDefinition").values():
        for each in task["ContainerDefinitions"]:
            if each["Name"] == name:
                return dict(each)
    raise AssertionError(f"no container {name}")


def environment(template: Template) -> dict[str, Any]:
    return {each["Name"]: each["Value"] for each in container(template)["Environment"]}
