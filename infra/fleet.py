"""The function of fleet administration: what it may touch, and its URL."""

from aws_cdk import aws_secretsmanager as secretsmanager

from infra import certificates
from infra.data import Data
from infra.messaging import allow, iot_arns
from infra.options import Options
from infra.processing import READ, WRITE, Processing, on_tables

TIMEOUT_S = 10  # nothing it does waits for a charge point


def add_fleet(processing: Processing, data: Data, options: Options, pepper: secretsmanager.Secret | None) -> None:
    """Add a function of its own: commands that wait for their answer must not keep anybody from reading."""
    permissions = [
        *on_tables(READ, *data.all),
        *on_tables(WRITE, data.charge_points, data.id_tokens),
        allow(
            ["iot:CreateThing", "iot:DescribeThing", "iot:UpdateThing", "iot:DeleteThing", "iot:GetThingShadow"],
            iot_arns("thing/*"),
        ),
        allow(["iot:Publish"], iot_arns("topic/gateways/*/evict")),
        *certificates.permissions(options, with_contracts=False),
    ]
    environment = {
        "OCPPGW_THING_TYPE": options.thing_type or "",
        **certificates.settings(options, with_contracts=False),
    }
    if pepper is not None:
        environment["OCPPGW_PEPPER_SECRET"] = pepper.secret_arn
        permissions.append(allow(["secretsmanager:GetSecretValue"], [pepper.secret_arn]))
    handler = "fleet.lambda_handler.handler"
    function = processing.function("FleetFunction", handler, TIMEOUT_S, permissions, **environment)
    processing.url("FleetUrl", function, options.read_concurrency)
