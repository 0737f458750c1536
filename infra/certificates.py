"""What those who sign certificates, and those who check them, are told and may touch: one secret, one authority."""

import json

from aws_cdk import aws_iam as iam

from infra.messaging import allow
from infra.options import Options

# The only kind of certificate that is issued (adapters/private_ca.py); its ARN names no account and no region.
_CLIENTS = ":acm-pca:::template/EndEntityClientAuthCertificate/V1"


def settings(options: Options, *, with_contracts: bool) -> dict[str, str]:
    """Environment variables."""
    signer = {"OCPPGW_SIGNER": options.signer} if options.signer != "off" else {}
    if not with_contracts:
        return signer
    roots = {"OCPPGW_CONTRACT_ROOTS": options.contract_roots} if options.contract_roots else {}
    asked = {"OCPPGW_OCSP_RESPONDERS": json.dumps(options.ocsp_responders)} if options.ocsp_responders else {}
    return signer | roots | asked


def permissions(options: Options, *, with_contracts: bool) -> list[iam.PolicyStatement]:
    """No more than the options name."""
    named = [options.signer, options.contract_roots if with_contracts else None]
    secrets = [arn for arn in named if arn and ":secretsmanager:" in arn]
    found = [allow(["secretsmanager:GetSecretValue"], secrets)] if secrets else []
    if ":acm-pca:" in options.signer:
        found.append(allow(["acm-pca:DescribeCertificateAuthority", "acm-pca:GetCertificate"], [options.signer]))
        issue = allow(["acm-pca:IssueCertificate"], [options.signer])
        issue.add_condition("StringLike", {"acm-pca:TemplateArn": f"arn:*{_CLIENTS}"})
        found.append(issue)
    return found
